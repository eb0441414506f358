"""Sign-in: the password, the one-time code, and signing out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.errors import FollowupError, InvalidInput
from followup.domain.roles import Role
from followup.staff import sessions
from followup.staff import totp as codes
from followup.staff.members import find_member, find_member_by_email
from followup.staff.oidc import Identity
from followup.staff.passwords import is_password
from followup.staff.sessions import SignedInSession, Stage
from followup.staff.sign_in_throttle import (
    PER_ACCOUNT,
    SignInAttemptRecord,
    begin_attempt,
    record_success,
)
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.staff import Staff, StaffSession

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
    app: AppContext,
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
    attempt = begin_attempt(app, account=email, address=address)
    if not attempt.allowed:
        raise TooManyTries("there were too many tries to sign in: wait 15 minutes")
    with app.store.read() as session:
        staff = find_member_by_email(session, email)
    usable = staff is not None and staff.disabled_at is None
    if not is_password(password, staff.password_hash if staff and usable else None) or not staff:
        raise SignInRefused("the e-mail address or the password is wrong")
    return _admit(app, staff.id, attempt, browser=browser, code_roles=code_roles)


def sign_in_by_identity(
    app: AppContext, identity: Identity, *, browser: str, code_roles: Collection[Role]
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
            staff = find_member_by_email(session, identity.email)
            if staff is None or staff.subject is not None or staff.disabled_at is not None:
                return None
            staff.subject = identity.subject
            entry = AuditEntry(action="staff.linked", detail={"staff": str(staff.id)})
            record_event(session, app.by(f"web:{staff.email}"), entry)
        if staff is None or staff.disabled_at is not None:
            return None
        stage = Stage.FULL if identity.has_second_factor else next_stage(staff, code_roles)
        return admit_member(session, app, staff, stage=stage, browser=browser)

    signed_in = app.store.transact(work)
    if signed_in is None:
        raise SignInRefused("nobody in the team has this account")
    return signed_in


def give_code(app: AppContext, presence: SignedInSession, code: str, *, address: str) -> SignedIn:
    """Check the one-time code that is owed; raise `SignInRefused` or `TooManyTries`."""
    attempt = _begin_code(app, presence, address=address)

    def work(session: Session) -> SignedIn | None:
        if not _take_code(session, app, presence, code):
            return None
        return _move_on(session, app, presence, attempt)

    signed_in = app.store.transact(work)
    if signed_in is None:
        raise SignInRefused("this code is wrong or was used before: wait for the next one")
    return signed_in


def prove_code(app: AppContext, presence: SignedInSession, code: str, *, address: str) -> None:
    """Check the code of the second factor that is about to be replaced; raise as `give_code`."""
    attempt = _begin_code(app, presence, address=address)

    def work(session: Session) -> bool:
        taken = _take_code(session, app, presence, code)
        if taken:
            record_success(session, attempt)
        return taken

    if not app.store.transact(work):
        raise SignInRefused("this code is wrong or was used before: wait for the next one")


def _begin_code(app: AppContext, presence: SignedInSession, *, address: str) -> SignInAttemptRecord:
    """Count a code before it is looked at. Who tries them has the password: from anywhere alike."""
    attempt = begin_attempt(
        app, account=f"code {presence.member.id}", address=address, from_everywhere=PER_ACCOUNT
    )
    if not attempt.allowed:
        raise TooManyTries("there were too many wrong codes: wait 15 minutes")
    return attempt


def _take_code(session: Session, app: AppContext, presence: SignedInSession, code: str) -> bool:
    staff = find_member(session, presence.member.id)
    if staff.code_key_sealed is None:
        return False
    key = app.keyring.system.open(
        staff.code_key_sealed, column=codes.KEY_COLUMN, row=presence.member.id
    )
    step = codes.step_of(key, code, at=app.clock.real_now(), after=staff.code_step)
    if step is not None:
        staff.code_step = step
    return step is not None


def code_key_to_set_up(app: AppContext, presence: SignedInSession) -> str:
    """Return the key that this session offers to an authenticator app, until one is set up."""

    def work(session: Session) -> str:
        row = session.get_one(StaffSession, presence.id, with_for_update=True)
        if row.new_code_key_sealed is None:
            key = codes.new_key()
            row.new_code_key_sealed = app.keyring.system.seal(
                key, column=codes.KEY_COLUMN, row=presence.member.id
            )
            return key
        return app.keyring.system.open(
            row.new_code_key_sealed, column=codes.KEY_COLUMN, row=presence.member.id
        )

    return app.store.transact(work)


def set_up_code(app: AppContext, presence: SignedInSession, code: str) -> SignedIn:
    """Keep the key that this session offered, once a code proves that the app has it."""

    def work(session: Session) -> SignedIn:
        row = session.get_one(StaffSession, presence.id, with_for_update=True)
        if row.new_code_key_sealed is None:
            raise InvalidInput.of(CODE_FIELD, "open this page again and scan the picture")
        key = app.keyring.system.open(
            row.new_code_key_sealed, column=codes.KEY_COLUMN, row=presence.member.id
        )
        step = codes.step_of(key, code, at=app.clock.real_now(), after=None)
        if step is None:
            raise InvalidInput.of(
                CODE_FIELD, "this is not the code that the app shows now: look again"
            )
        staff = find_member(session, presence.member.id)
        staff.code_key_sealed, staff.code_step = row.new_code_key_sealed, step
        record_event(
            session,
            app.by(presence.member.actor),
            AuditEntry(action="staff.code-set-up", detail={"staff": str(staff.id)}),
        )
        return _move_on(session, app, presence, None)

    return app.store.transact(work)


def sign_out(app: AppContext, presence: SignedInSession, *, everywhere: bool = False) -> None:
    """End this session, or all sessions of its owner."""

    def work(session: Session) -> None:
        if everywhere:
            sessions.end_all_sessions(session, app, presence.member.id)
        sessions.end_session(session, app, presence.id)
        record_event(
            session,
            app.by(presence.member.actor),
            AuditEntry(
                action="staff.signed-out",
                detail={"staff": str(presence.member.id), "everywhere": everywhere},
            ),
        )

    app.store.transact(work)


def sign_out_member(app: AppContext, staff_id: UUID, *, actor: str) -> None:
    """End every session of somebody else."""

    def work(session: Session) -> None:
        staff = find_member(session, staff_id)
        sessions.end_all_sessions(session, app, staff.id)
        detail = {"staff": str(staff.id), "everywhere": True}
        record_event(session, app.by(actor), AuditEntry(action="staff.signed-out", detail=detail))

    app.store.transact(work)


def next_stage(staff: Staff, code_roles: Collection[Role]) -> Stage:
    """Return what somebody owes who has just proved a password or an identity elsewhere."""
    if staff.code_key_sealed is not None:
        return Stage.CODE
    owes = not set(map(Role, staff.roles)).isdisjoint(code_roles)
    return Stage.ENROL_CODE if owes else Stage.FULL


def admit_member(
    session: Session, app: AppContext, staff: Staff, *, stage: Stage, browser: str
) -> SignedIn:
    """Begin a session in an open transaction; the audit trail says so once it is a full one."""
    token = sessions.begin_session(session, app, staff, stage=stage, browser=browser)
    if stage is Stage.FULL:
        _record_sign_in(session, app, staff.id, f"web:{staff.email}")
    return SignedIn(token=token, stage=stage)


def _admit(
    app: AppContext,
    staff_id: UUID,
    attempt: SignInAttemptRecord,
    *,
    browser: str,
    code_roles: Collection[Role],
) -> SignedIn:
    def work(session: Session) -> SignedIn:
        staff = find_member(session, staff_id)
        record_success(session, attempt)
        stage = next_stage(staff, code_roles)
        return admit_member(session, app, staff, stage=stage, browser=browser)

    return app.store.transact(work)


def _move_on(
    session: Session,
    app: AppContext,
    presence: SignedInSession,
    attempt: SignInAttemptRecord | None,
) -> SignedIn:
    if attempt is not None:
        record_success(session, attempt)
    token = sessions.rotate_session(session, app, presence.id, stage=Stage.FULL)
    if presence.stage is not Stage.FULL:
        member = presence.member
        _record_sign_in(session, app, member.id, member.actor)
    return SignedIn(token=token, stage=Stage.FULL)


def _record_sign_in(session: Session, app: AppContext, staff_id: UUID, actor: str) -> None:
    record_event(
        session,
        app.by(actor),
        AuditEntry(action="staff.signed-in", detail={"staff": str(staff_id)}),
    )
