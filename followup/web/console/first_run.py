"""First run: what is to be done before patients get messages, each with where to do it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.releases.review import ReviewStage
from followup.domain.roles import Role
from followup.recovery.backup import last_backup
from followup.releases.gate import gate_of
from followup.releases.reviews import reviews
from followup.staff.members import FEWEST_MANAGERS
from followup.store.models.enrolments import Enrolment
from followup.store.models.staff import Staff

BACKUP_IS_OLD = timedelta(days=8)
"""A weekly backup with a day to spare, in real time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStep:
    """Something to do once: where, and whether it is done."""

    text: str
    how: str
    path: str
    done: bool


def first_steps(session: Session, app: AppContext, roles: frozenset[Role]) -> list[FirstStep]:
    """Return what somebody with these roles has to do, in order; nothing once all is done."""
    mine = list(_steps_of(session, app, roles))
    return [] if all(one.done for one in mine) else mine


def _steps_of(session: Session, app: AppContext, roles: frozenset[Role]) -> Iterator[FirstStep]:
    # Home is opened more often than any page: what somebody is not asked to do is not looked up.
    if not roles.isdisjoint((Role.MANAGE, Role.AUDIT)):
        yield from _words(session, app)
    if Role.MANAGE in roles:
        yield from _set_up(session, app)
    if Role.ENROL in roles:
        yield FirstStep(
            text="Enrol the first patient",
            how="",
            path="/enrol",
            done=session.scalar(select(Enrolment.id).limit(1)) is not None,
        )


def _words(session: Session, app: AppContext) -> Iterator[FirstStep]:
    unsigned, overdue = _unsigned(session, app), _overdue(session, app)
    yield FirstStep(
        text="Have the words signed by two people",
        how=f"Not signed: {', '.join(unsigned)}" if unsigned else "",
        path="/content",
        done=not unsigned,
    )
    yield FirstStep(
        text="Have the leaflets reviewed",
        how=f"Review overdue: {', '.join(overdue)}" if overdue else "",
        path="/content",
        done=not overdue,
    )


def _set_up(session: Session, app: AppContext) -> Iterator[FirstStep]:
    yield FirstStep(
        text="Invite a second manager",
        how="If the only one is away, nobody else can help",
        path="/team/invite",
        done=_managers(session) >= FEWEST_MANAGERS,
    )
    yield FirstStep(
        text="Say who is on call",
        how="Set FOLLOWUP_ON_CALL_MOBILE, FOLLOWUP_ON_CALL_EMAIL or FOLLOWUP_ON_CALL_WEBHOOK",
        path="/system",
        done=app.policy.on_call.anybody,
    )
    yield FirstStep(
        text="Connect the providers of texts and e-mails",
        how="Until then this is practice: nothing leaves this machine",
        path="/system",
        done=not any(channel.provider == "sandbox" for channel in app.channels.values()),
    )
    yield from _backup(app)


def _backup(app: AppContext) -> Iterator[FirstStep]:
    # A database server is backed up by tools of its own, which tell us nothing.
    url = app.store.engine.url
    if url.get_backend_name() == "sqlite" and url.database is not None:
        made = last_backup(Path(url.database))
        yield FirstStep(
            text="Make backups",
            how="Run followup backup every day, and keep the master keys apart",
            path="/system",
            done=made is not None and app.clock.real_now() - made < BACKUP_IS_OLD,
        )


def _unsigned(session: Session, app: AppContext) -> Sequence[str]:
    protocols = app.catalogue.protocols
    found = gate_of(app).of_protocols(session, app)
    waiting = {
        protocols[protocol].name
        for (_, protocol), clearance in found.items()
        if clearance.release_id is None and not protocols[protocol].example
    }
    return sorted(waiting)


def _overdue(session: Session, app: AppContext) -> Sequence[str]:
    protocols = app.catalogue.protocols
    late = {
        protocols[one.protocol].name
        for one in reviews(session, app)
        if one.stage is ReviewStage.OVER and not protocols[one.protocol].example
    }
    return sorted(late)


def _managers(session: Session) -> int:
    roles = session.scalars(select(Staff.roles).where(Staff.disabled_at.is_(None)))
    return sum(Role.MANAGE in each for each in roles)
