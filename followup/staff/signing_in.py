"""Signing in: the password, the one-time code where there is one, and signing out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.domain.errors import FollowupError, InvalidInput
from followup.domain.roles import Role
from followup.kit import Kit
from followup.staff import codes, sessions
from followup.staff.identity import Identity
from followup.staff.limits import Attempt, begin_attempt, succeed
from followup.staff.members import find, find_by_email
from followup.staff.passwords import is_password
from followup.staff.sessions import Presence, Stage
from followup.store.audit_log import Entry, record
from followup.store.staff_tables import Staff, StaffSession

CODE_FIELD = "code"


class SignInRefused(FollowupError):
    """The address, the password or the code is wrong; nobody is told which."""


class TooManyTries(FollowupError):
    """There were too many wrong tries for this account or from this address: wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that began or moved on: its token is for the cookie alone."""

    token: str
    stage: Stage


def sign_in(
    kit: Kit,
    email: str,
    password: str,
    *,
    address: str,
    browser: str,
    code_roles: Collection[Role],
) -> SignedIn:
    """Check a password; raise `SignInRefused` or `TooManyTries`.

    Those who have a second factor still owe the code; those with one of `code_roles` who have none
    have to set one up before they see anything.
    """
    attempt = begin_attempt(kit, account=email, address=address)
    if not attempt.allowed:
        raise TooManyTries("there were too many tries to sign in: wait 15 minutes")
    with kit.store.read() as session:
        staff = find_by_email(session, email)
    usable = staff is not None and staff.disabled_at is None
    if not is_password(password, staff.password_hash if staff and usable else None) or not staff:
        raise SignInRefused("the e-mail address or the password is wrong")
    return _admit(kit, staff.id, attempt, browser=browser, code_roles=code_roles)


def sign_in_by_identity(
    kit: Kit, identity: Identity, *, browser: str, code_roles: Collection[Role]
) -> SignedIn:
    """Sign in whom the organisation's provider vouches for; raise `SignInRefused`.

    They are found as who they were the last time, and the first time by the e-mail address that the
    provider has verified. Nobody is added to the team by this.
    """

    def work(session: Session) -> SignedIn | None:
        staff = session.scalar(
            select(Staff).where(Staff.subject == identity.subject).with_for_update()
        )
        if staff is None and identity.email is not None:
            staff = find_by_email(session, identity.email)
            if staff is None or staff.subject is not None or staff.disabled_at is not None:
                return None
            staff.subject = identity.subject
            entry = Entry(action="staff.linked", detail={"staff": str(staff.id)})
            record(session, kit.deed(f"web:{staff.email}"), entry)
        if staff is None or staff.disabled_at is not None:
            return None
        stage = Stage.FULL if identity.has_second_factor else next_stage(staff, code_roles)
        return admit(session, kit, staff, stage=stage, browser=browser)

    signed_in = kit.store.transact(work)
    if signed_in is None:
        raise SignInRefused("nobody in the team has this account")
    return signed_in


def give_code(kit: Kit, presence: Presence, code: str, *, address: str) -> SignedIn:
    """Check the one-time code that is owed; raise `SignInRefused` or `TooManyTries`."""
    attempt = begin_attempt(kit, account=f"code {presence.member.id}", address=address)
    if not attempt.allowed:
        raise TooManyTries("there were too many wrong codes: wait 15 minutes")

    def work(session: Session) -> SignedIn | None:
        staff = find(session, presence.member.id)
        sealed = staff.code_key_sealed
        if sealed is None:
            return None
        key = kit.keyring.system.open(sealed, column=codes.COLUMN, row=presence.member.id)
        step = codes.step_of(key, code, at=kit.clock.real_now(), after=staff.code_step)
        if step is None:
            return None
        staff.code_step = step
        return _move_on(session, kit, presence, attempt)

    signed_in = kit.store.transact(work)
    if signed_in is None:
        raise SignInRefused("this code is wrong or was used before: wait for the next one")
    return signed_in


def code_key_to_set_up(kit: Kit, presence: Presence) -> str:
    """Return the key that this session offers to an authenticator app, until one is set up."""

    def work(session: Session) -> str:
        row = session.get_one(StaffSession, presence.id, with_for_update=True)
        if row.new_code_key_sealed is None:
            key = codes.new_key()
            row.new_code_key_sealed = kit.keyring.system.seal(
                key, column=codes.COLUMN, row=presence.member.id
            )
            return key
        return kit.keyring.system.open(
            row.new_code_key_sealed, column=codes.COLUMN, row=presence.member.id
        )

    return kit.store.transact(work)


def set_up_code(kit: Kit, presence: Presence, code: str) -> SignedIn:
    """Keep the key that this session offered, once a code proves that the app has it."""

    def work(session: Session) -> SignedIn:
        row = session.get_one(StaffSession, presence.id, with_for_update=True)
        if row.new_code_key_sealed is None:
            raise InvalidInput.of(CODE_FIELD, "open this page again and scan the picture")
        key = kit.keyring.system.open(
            row.new_code_key_sealed, column=codes.COLUMN, row=presence.member.id
        )
        step = codes.step_of(key, code, at=kit.clock.real_now(), after=None)
        if step is None:
            raise InvalidInput.of(
                CODE_FIELD, "this is not the code that the app shows now: look again"
            )
        staff = find(session, presence.member.id)
        staff.code_key_sealed, staff.code_step = row.new_code_key_sealed, step
        record(
            session,
            kit.deed(presence.member.actor),
            Entry(action="staff.code-set-up", detail={"staff": str(staff.id)}),
        )
        return _move_on(session, kit, presence, None)

    return kit.store.transact(work)


def sign_out(kit: Kit, presence: Presence, *, everywhere: bool = False) -> None:
    """End this session, or all sessions of its owner."""

    def work(session: Session) -> None:
        if everywhere:
            sessions.end_all(session, kit, presence.member.id)
        sessions.end(session, kit, presence.id)
        record(
            session,
            kit.deed(presence.member.actor),
            Entry(
                action="staff.signed-out",
                detail={"staff": str(presence.member.id), "everywhere": everywhere},
            ),
        )

    kit.store.transact(work)


def sign_out_member(kit: Kit, staff_id: UUID, *, actor: str) -> None:
    """End every session of somebody else."""

    def work(session: Session) -> None:
        staff = find(session, staff_id)
        sessions.end_all(session, kit, staff.id)
        detail = {"staff": str(staff.id), "everywhere": True}
        record(session, kit.deed(actor), Entry(action="staff.signed-out", detail=detail))

    kit.store.transact(work)


def next_stage(staff: Staff, code_roles: Collection[Role]) -> Stage:
    """Return what somebody owes who has just proved a password or an identity elsewhere."""
    if staff.code_key_sealed is not None:
        return Stage.CODE
    owes = not set(map(Role, staff.roles)).isdisjoint(code_roles)
    return Stage.ENROL_CODE if owes else Stage.FULL


def admit(session: Session, kit: Kit, staff: Staff, *, stage: Stage, browser: str) -> SignedIn:
    """Begin a session in an open transaction; the audit trail says so once it is a full one."""
    token = sessions.begin(session, kit, staff, stage=stage, browser=browser)
    if stage is Stage.FULL:
        _record_sign_in(session, kit, staff.id, f"web:{staff.email}")
    return SignedIn(token=token, stage=stage)


def _admit(
    kit: Kit, staff_id: UUID, attempt: Attempt, *, browser: str, code_roles: Collection[Role]
) -> SignedIn:
    def work(session: Session) -> SignedIn:
        staff = find(session, staff_id)
        succeed(session, attempt)
        stage = next_stage(staff, code_roles)
        return admit(session, kit, staff, stage=stage, browser=browser)

    return kit.store.transact(work)


def _move_on(session: Session, kit: Kit, presence: Presence, attempt: Attempt | None) -> SignedIn:
    if attempt is not None:
        succeed(session, attempt)
    token = sessions.rotate(session, kit, presence.id, stage=Stage.FULL)
    if presence.stage is not Stage.FULL:
        member = presence.member
        _record_sign_in(session, kit, member.id, member.actor)
    return SignedIn(token=token, stage=Stage.FULL)


def _record_sign_in(session: Session, kit: Kit, staff_id: UUID, actor: str) -> None:
    record(
        session,
        kit.deed(actor),
        Entry(action="staff.signed-in", detail={"staff": str(staff_id)}),
    )
