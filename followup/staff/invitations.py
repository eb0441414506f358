"""Invitations and reset links: each works once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.roles import EVERY_ROLE, Role
from followup.staff import sessions
from followup.staff.members import (
    MemberDetails,
    count_members,
    find_member,
    find_member_by_email,
    insert_member,
)
from followup.staff.passwords import hash_password, problems_of
from followup.staff.sessions import TOKEN_PATTERN, new_token, token_hash
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.models.staff import Invitation, Staff

INVITATION_LIFETIME = timedelta(days=7)
RESET_LASTS = timedelta(hours=24)
SPENT = "this link was used before, has run out or was withdrawn: ask for another one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a link that is still good offers. `email` None: whoever opens it says who they are."""

    id: UUID
    email: str | None
    name: str | None
    roles: tuple[Role, ...]
    clinics: tuple[str, ...] | None
    staff_id: UUID | None

    @property
    def is_first(self) -> bool:
        """Whether it makes the first account."""
        return self.email is None

    @property
    def is_entrance(self) -> bool:
        """Whether it signs in without a password, as the link to a practice clinic does."""
        return self.staff_id is not None and not self.roles


def invite_member(
    app: AppContext,
    email: str,
    *,
    roles: Sequence[Role],
    clinics: Sequence[str] | None,
    actor: str,
) -> str:
    """Invite somebody and return the token of the link, which can't be shown again."""
    who = MemberDetails(
        email=email,
        name="to be given",
        roles=tuple(roles),
        clinics=None if clinics is None else tuple(clinics),
    ).checked(app)

    def work(session: Session) -> str:
        if find_member_by_email(session, who.email) is not None:
            raise Conflict("somebody has an account with this e-mail address already")
        return _make(
            session, app, who=who, lasts=INVITATION_LIFETIME, actor=actor, action="staff.invited"
        )

    return app.store.transact(work)


def first_link(app: AppContext, *, actor: str) -> str | None:
    """Return the token of a link that makes the first account, or None where there is one.

    Links made before are withdrawn: the last one printed counts.
    """

    def work(session: Session) -> str | None:
        if count_members(session):
            return None
        session.execute(
            update(Invitation)
            .where(Invitation.email.is_(None), Invitation.withdrawn_real_at.is_(None))
            .values(withdrawn_real_at=app.clock.real_now())
        )
        return _make(
            session,
            app,
            who=None,
            lasts=INVITATION_LIFETIME,
            actor=actor,
            action="staff.first-link",
        )

    return app.store.transact(work)


def reset_link(app: AppContext, staff_id: UUID, *, actor: str) -> str:
    """Return the token of a link by which somebody sets a new password."""

    def work(session: Session) -> str:
        staff = find_member(session, staff_id)
        who = MemberDetails(
            email=staff.email,
            name=staff.name,
            roles=tuple(map(Role, staff.roles)),
            clinics=None if staff.clinics is None else tuple(staff.clinics),
        )
        return _make(
            session,
            app,
            who=who,
            lasts=RESET_LASTS,
            actor=actor,
            action="staff.reset-link",
            staff_id=staff_id,
        )

    return app.store.transact(work)


def entrance_link(app: AppContext, staff_id: UUID, *, actor: str) -> str:
    """Return the token of a link that signs in at once, without a password, and works once.

    For a practice clinic alone: raises `Conflict` where a message could leave the machine.
    """
    if any(channel.provider != "sandbox" for channel in app.channels.values()):
        raise Conflict("nobody is let in without a password where messages can go out")

    def work(session: Session) -> str:
        staff = find_member(session, staff_id)
        who = MemberDetails(email=staff.email, name=staff.name, roles=(), clinics=None)
        return _make(
            session,
            app,
            who=who,
            lasts=RESET_LASTS,
            actor=actor,
            action="staff.entrance-link",
            staff_id=staff_id,
        )

    return app.store.transact(work)


def enter_by_link(app: AppContext, token: str) -> UUID:
    """Use a link that signs in at once; return whose it is."""

    def work(session: Session) -> UUID:
        row = _good(session, token, now=app.clock.real_now(), lock=True)
        if row.staff_id is None or row.roles:
            raise NotFound(SPENT)
        row.used_real_at = app.clock.real_now()
        return find_member(session, row.staff_id).id

    return app.store.transact(work)


def find_offer(session: Session, token: str, *, now: datetime) -> Offer:
    """Return what a link offers; raise `NotFound` where it is no longer, or never was, good."""
    row = _good(session, token, now=now)
    staff = session.get(Staff, row.staff_id) if row.staff_id is not None else None
    return Offer(
        id=row.id,
        email=row.email,
        name=staff.name if staff else None,
        roles=tuple(map(Role, row.roles)),
        clinics=None if row.clinics is None else tuple(row.clinics),
        staff_id=row.staff_id,
    )


def accept_invitation(app: AppContext, token: str, *, email: str, name: str, password: str) -> UUID:
    """Make the account that a link offers, or set the new password; return whose it is."""
    with app.store.read() as session:
        offer = find_offer(session, token, now=app.clock.real_now())
    if offer.is_entrance:
        raise NotFound(SPENT)
    who = MemberDetails(
        email=offer.email or email,
        name=offer.name or name,
        roles=offer.roles,
        clinics=offer.clinics,
    ).checked(app)
    if problems := problems_of(password, email=who.email, name=who.name):
        raise InvalidInput(*problems)
    hashed = hash_password(password)

    def work(session: Session) -> UUID:
        row = _good(session, token, now=app.clock.real_now(), lock=True)
        if row.email is None and count_members(session):
            raise NotFound(SPENT)
        row.used_real_at = app.clock.real_now()
        by = app.by(f"web:{who.email}")
        if row.staff_id is None:
            return insert_member(session, by, who, password_hash=hashed).id
        staff = find_member(session, row.staff_id)
        staff.password_hash = hashed
        sessions.end_all_sessions(session, app, staff.id)
        detail = {"staff": str(staff.id)}
        record_event(session, by, AuditEntry(action="staff.password-changed", detail=detail))
        return staff.id

    return app.store.transact(work)


def withdraw_invitation(app: AppContext, invitation_id: UUID, *, actor: str) -> None:
    """Let a link open nothing any more."""

    def work(session: Session) -> None:
        row = session.get(Invitation, invitation_id, with_for_update=True)
        if row is None or row.used_real_at is not None:
            raise NotFound("there is no such invitation any more")
        row.withdrawn_real_at = app.clock.real_now()
        detail = {"invitation": str(row.id)}
        record_event(
            session, app.by(actor), AuditEntry(action="staff.invitation-withdrawn", detail=detail)
        )

    app.store.transact(work)


def open_invitations(session: Session, app: AppContext) -> Sequence[Invitation]:
    """Return the invitations to join that are still good, the latest first."""
    return session.scalars(
        select(Invitation)
        .where(
            Invitation.used_real_at.is_(None),
            Invitation.withdrawn_real_at.is_(None),
            Invitation.expires_real_at > app.clock.real_now(),
            Invitation.staff_id.is_(None),
            Invitation.email.is_not(None),
        )
        .order_by(Invitation.made_real_at.desc())
    ).all()


def _make(
    session: Session,
    app: AppContext,
    *,
    who: MemberDetails | None,
    lasts: timedelta,
    actor: str,
    action: str,
    staff_id: UUID | None = None,
) -> str:
    now, token = app.clock.real_now(), new_token()
    row = Invitation(
        id=new_id(now),
        token_hash=token_hash(token),
        staff_id=staff_id,
        email=who.email if who else None,
        roles=[role.value for role in (EVERY_ROLE if who is None else who.roles)],
        clinics=list(who.clinics) if who and who.clinics is not None else None,
        made_real_at=now,
        made_by=actor,
        expires_real_at=now + lasts,
    )
    session.add(row)
    detail: dict[str, object] = {"invitation": str(row.id)}
    if staff_id is not None:
        detail["staff"] = str(staff_id)
    record_event(session, app.by(actor), AuditEntry(action=action, detail=detail))
    return token


def _good(session: Session, token: str, *, now: datetime, lock: bool = False) -> Invitation:
    if not TOKEN_PATTERN.fullmatch(token):
        raise NotFound(SPENT)
    query = select(Invitation).where(
        Invitation.token_hash == token_hash(token),
        Invitation.used_real_at.is_(None),
        Invitation.withdrawn_real_at.is_(None),
        Invitation.expires_real_at > now,
    )
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(SPENT)
    return row
