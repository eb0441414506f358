"""Staff accounts: made, changed, disabled, each with its audit event."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.contact import parse_email
from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem
from followup.domain.file_shape import did_you_mean
from followup.domain.roles import Role
from followup.staff.passwords import hash_password, problems_of
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.models.staff import EMAIL_LENGTH, Staff, StaffSession

LONGEST_NAME = 80
FEWEST_MANAGERS = 2
"""With one alone, a lost phone or a resignation locks everybody out of the team's page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of staff, as handlers see them. `clinics` None is every clinic."""

    id: UUID
    email: str
    name: str
    roles: frozenset[Role]
    clinics: frozenset[str] | None
    alert_sound: bool = False

    @property
    def actor(self) -> str:
        """What the audit trail calls them."""
        return f"web:{self.email}"

    def may(self, roles: Collection[Role]) -> bool:
        """Say whether they have one of these roles."""
        return not self.roles.isdisjoint(roles)

    def may_see(self, clinic: str | None) -> bool:
        """Say whether this clinic is one of theirs; what belongs to none is for those with all."""
        return self.clinics is None or clinic in self.clinics


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDetails:
    """What is known about somebody who is to have an account, checked by `checked`."""

    email: str
    name: str
    roles: tuple[Role, ...]
    clinics: tuple[str, ...] | None

    def checked(self, app: AppContext) -> MemberDetails:
        """Return them in normal form; raise `InvalidInput` with all that is wrong."""
        problems: list[Problem] = []
        email = ""
        try:
            email = parse_email(self.email, field="email").lower()
        except InvalidInput as error:
            problems.extend(error.problems)
        if len(email) > EMAIL_LENGTH:
            problems.append(
                Problem("email", f"use an address of at most {EMAIL_LENGTH} characters")
            )
        name = " ".join(self.name.split())
        if not name or len(name) > LONGEST_NAME:
            problems.append(Problem("name", f"give a name of at most {LONGEST_NAME} characters"))
        problems.extend(_role_problems(app, self.roles, self.clinics))
        if problems:
            raise InvalidInput(*problems)
        return MemberDetails(
            email=email, name=name, roles=tuple(sorted(set(self.roles))), clinics=self.clinics
        )


def member_of(staff: Staff) -> Member:
    """Return the row as a value."""
    return Member(
        id=staff.id,
        email=staff.email,
        name=staff.name,
        roles=frozenset(map(Role, staff.roles)),
        clinics=None if staff.clinics is None else frozenset(staff.clinics),
        alert_sound=staff.alert_sound,
    )


def add_member(app: AppContext, who: MemberDetails, *, password: str, actor: str) -> UUID:
    """Make an account; raise `InvalidInput`, or `Conflict` for an address that has one."""
    who = who.checked(app)
    if problems := problems_of(password, email=who.email, name=who.name):
        raise InvalidInput(*problems)
    hashed = hash_password(password)
    return app.store.transact(
        lambda session: insert_member(session, app.by(actor), who, password_hash=hashed).id
    )


def insert_member(
    session: Session,
    by: AuditContext,
    who: MemberDetails,
    *,
    password_hash: str | None,
    subject: str | None = None,
) -> Staff:
    """Write a checked account in a transaction that is open."""
    if session.scalar(select(Staff.id).where(Staff.email == who.email)) is not None:
        raise Conflict("somebody has an account with this e-mail address already")
    staff = Staff(
        id=new_id(by.real_at),
        email=who.email,
        name=who.name,
        roles=[role.value for role in who.roles],
        clinics=None if who.clinics is None else list(who.clinics),
        password_hash=password_hash,
        subject=subject,
        created_at=by.real_at,
        created_by=by.actor,
    )
    session.add(staff)
    session.flush()
    _record(session, by, staff, "staff.added", roles=staff.roles)
    return staff


def change_access(
    app: AppContext,
    staff_id: UUID,
    *,
    roles: Sequence[Role],
    clinics: Sequence[str] | None,
    actor: str,
) -> None:
    """Give somebody other roles or clinics; raise `Conflict` if too few managers would be left."""
    if problems := _role_problems(app, roles, clinics):
        raise InvalidInput(*problems)

    def work(session: Session) -> None:
        staff = find_member(session, staff_id)
        if Role.MANAGE not in roles:
            _keep_managers(session, staff)
        staff.roles = sorted(role.value for role in set(roles))
        staff.clinics = None if clinics is None else sorted(set(clinics))
        _record(session, app.by(actor), staff, "staff.changed", roles=staff.roles)

    app.store.transact(work)


def disable_member(app: AppContext, staff_id: UUID, *, actor: str) -> None:
    """Switch an account off: it signs in no more, and its sessions are over."""

    def work(session: Session) -> None:
        staff = find_member(session, staff_id)
        if staff.disabled_at is not None:
            return
        _keep_managers(session, staff)
        by = app.by(actor)
        staff.disabled_at, staff.disabled_by = by.real_at, actor
        session.execute(
            update(StaffSession)
            .where(StaffSession.staff_id == staff.id, StaffSession.ended_real_at.is_(None))
            .values(ended_real_at=by.real_at)
        )
        _record(session, by, staff, "staff.disabled")

    app.store.transact(work)


def enable_member(app: AppContext, staff_id: UUID, *, actor: str) -> None:
    """Switch an account on again."""

    def work(session: Session) -> None:
        staff = find_member(session, staff_id)
        staff.disabled_at, staff.disabled_by = None, None
        _record(session, app.by(actor), staff, "staff.enabled")

    app.store.transact(work)


def reset_second_factor(app: AppContext, staff_id: UUID, *, actor: str) -> None:
    """Take the one-time code of somebody whose phone is lost; they set up another."""

    def work(session: Session) -> None:
        staff = find_member(session, staff_id)
        staff.code_key_sealed, staff.code_step = None, None
        _record(session, app.by(actor), staff, "staff.code-removed")

    app.store.transact(work)


def set_alert_sound(app: AppContext, staff_id: UUID, *, wanted: bool, actor: str) -> None:
    """Let somebody hear, or not, when something urgent comes in while they have a page open."""

    def work(session: Session) -> None:
        staff = find_member(session, staff_id)
        if staff.alert_sound is not wanted:
            staff.alert_sound = wanted
            _record(session, app.by(actor), staff, "staff.sound", wanted=wanted)

    app.store.transact(work)


def find_member(session: Session, staff_id: UUID) -> Staff:
    """Return an account, locked; raise `NotFound`."""
    staff = session.get(Staff, staff_id, with_for_update=True, populate_existing=True)
    if staff is None:
        raise NotFound("there is no such account")
    return staff


def find_member_by_email(session: Session, email: str) -> Staff | None:
    """Return the account of an address, whatever its case."""
    return session.scalar(select(Staff).where(Staff.email == email.strip().lower()))


def all_members(session: Session) -> Sequence[Staff]:
    """Return every account, by name."""
    return session.scalars(select(Staff).order_by(Staff.name, Staff.id)).all()


def count_members(session: Session) -> int:
    """Return how many accounts there are."""
    return session.scalar(select(func.count()).select_from(Staff)) or 0


def _keep_managers(session: Session, leaving: Staff) -> None:
    active = session.execute(
        select(Staff.id, Staff.roles).where(Staff.disabled_at.is_(None)).with_for_update()
    ).all()
    managers = {row.id for row in active if Role.MANAGE in row.roles}
    if leaving.id in managers and len(managers) <= FEWEST_MANAGERS:
        message = (
            f"there must be at least {FEWEST_MANAGERS} people who manage content and team: "
            "give somebody else that role first"
        )
        raise Conflict(message)


def _role_problems(
    app: AppContext, roles: Collection[Role], clinics: Collection[str] | None
) -> list[Problem]:
    problems = [] if roles else [Problem("roles", "choose what they may do")]
    if clinics is not None and not clinics:
        problems.append(Problem("clinics", "choose at least one clinic, or all of them"))
    problems.extend(
        Problem("clinics", f"there is no such clinic; {did_you_mean(key, app.catalogue.clinics)}")
        for key in clinics or ()
        if key not in app.catalogue.clinics
    )
    return problems


def _record(
    session: Session, by: AuditContext, staff: Staff, action: str, **detail: object
) -> None:
    record_event(session, by, AuditEntry(action=action, detail={"staff": str(staff.id), **detail}))
