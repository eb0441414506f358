"""Completion of enrolments: finished once every message is settled and every window is over.

What comes later still finds one that has finished: a receipt looks for its message, a reply or a
STOP for the number, and staff for the patient. Moving the procedure reopens it.

When an enrolment may have finished is noted with it (`finish_due_at`), so that a run looks at those
alone that are due, however many enrolments and messages there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.lifecycle import ONGOING_STATES, UNSENT_STATES, EnrolmentState, State
from followup.domain.protocols.timeline import PlannedMessage
from followup.store.audit_log import AuditContext, AuditEntry, record_events
from followup.store.engine.bulk import is_among, update_many
from followup.store.message_state import state_is
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message

FINISH_BATCH = 200
LOOK_AGAIN = timedelta(minutes=1)
"""How long (real time) one is left alone that another sweep has still to settle something of."""


@dataclass(frozen=True, slots=True)
class _Ongoing:
    """An enrolment that is looked at: what finishing it takes, and what the trail says of it."""

    id: UUID
    clinic: str
    patient_id: UUID
    state: str
    procedure_at: datetime


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left of an enrolment: the last moment that is waited for, and unsettled messages."""

    until: datetime
    unsettled: int

    def is_over(self, now: datetime) -> bool:
        return self.until <= now and self.unsettled == 0

    def look_at(self, now: datetime, *, again: datetime) -> datetime:
        """Return when to look again: after what is waited for, or else soon."""
        return self.until if self.until > now else again


def finish_due_at(procedure_at: datetime, timeline: Iterable[PlannedMessage]) -> datetime:
    """Return when an enrolment with this timeline may have finished: its last window is over."""
    return max([procedure_at, *(planned.not_after for planned in timeline)])


def finish_enrolments(app: AppContext, *, limit: int = FINISH_BATCH) -> int:
    """Finish enrolments of which nothing is to come any more; return how many were looked at.

    One that is paused finishes as well: its windows ran out meanwhile, so that to resume it would
    send nothing. Safe to run twice at once: each is looked at by one process.
    """

    def work(unit: UnitOfWork) -> int:
        due = _lock_due(unit.session, unit.by, limit=limit)
        if not due:
            return 0
        left = _left(unit.session, due)
        over = [
            one for one in due if one.state in ONGOING_STATES and left[one.id].is_over(unit.by.at)
        ]
        _finish(unit.session, unit.by, over)
        _look_again(
            unit.session,
            {
                one.id: left[one.id].look_at(unit.by.at, again=app.clock.after_real(LOOK_AGAIN))
                if one.state in ONGOING_STATES
                else None
                for one in due
                if one not in over
            },
        )
        return len(due)

    return app.transact(actors.SWEEPER, work)


def _lock_due(session: Session, by: AuditContext, *, limit: int) -> Sequence[_Ongoing]:
    rows = session.execute(
        select(
            Enrolment.id,
            Enrolment.clinic,
            Enrolment.patient_id,
            Enrolment.state,
            Enrolment.procedure_at,
        )
        # No word of the state: SQLite would take the index of the states instead.
        .where(Enrolment.finish_due_at.is_not(None), Enrolment.finish_due_at <= by.at)
        .order_by(Enrolment.finish_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return [_Ongoing(*row) for row in rows]


def _left(session: Session, due: Sequence[_Ongoing]) -> Mapping[UUID, _Left]:
    """Return what is left of enrolments; theirs are the windows that can still be used.

    A message that was cancelled for another procedure time has no window any more. One that a wish
    cancelled has: START plans it again.
    """
    has_window = or_(
        Message.generation == Enrolment.generation, Message.state != State.CANCELLED.value
    )
    unsettled = or_(
        state_is(*UNSENT_STATES, State.SENDING),
        # Without a time for the next look or receipt nobody waits: it is with a person.
        and_(state_is(State.UNKNOWN), Message.lease_until.is_not(None)),
        and_(state_is(State.SENT), Message.receipt_due_at.is_not(None)),
        Message.answer_due_at.is_not(None),
    )
    ids = [one.id for one in due]
    found = session.execute(
        select(
            Message.enrolment_id,
            func.max(case((has_window, Message.not_after))),
            func.max(Message.receipt_due_at),
            func.max(Message.answer_due_at),
            func.count().filter(unsettled),
        )
        .join(Enrolment, Enrolment.id == Message.enrolment_id)
        # Both named, or PostgreSQL reads every enrolment to join a few.
        .where(is_among(Message.enrolment_id, ids), is_among(Enrolment.id, ids))
        .group_by(Message.enrolment_id)
    )
    waits = {row[0]: (row[1:4], row[4]) for row in found}
    left = {}
    for one in due:
        moments, count = waits.get(one.id, ((), 0))
        known = [at for at in (one.procedure_at, *moments) if at is not None]
        left[one.id] = _Left(until=max(known), unsettled=count)
    return left


def _finish(session: Session, by: AuditContext, over: Sequence[_Ongoing]) -> None:
    session.execute(
        update(Enrolment)
        .where(is_among(Enrolment.id, [one.id for one in over]))
        .values(state=EnrolmentState.FINISHED.value, ended_at=by.at, finish_due_at=None)
        .execution_options(synchronize_session=False)
    )
    record_events(
        session,
        by,
        (
            AuditEntry(
                action="enrolment.finished",
                clinic=one.clinic,
                patient_id=one.patient_id,
                enrolment_id=one.id,
                detail={"from": one.state},
            )
            for one in over
        ),
    )


def _look_again(session: Session, times: Mapping[UUID, datetime | None]) -> None:
    rows = [{"id": id_, "finish_due_at": at} for id_, at in times.items()]
    update_many(session, Enrolment, rows, only=_WAITS)


_WAITS = Enrolment.finish_due_at.is_not(None)
