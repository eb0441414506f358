"""Repair of messages that got stuck: expired windows, lost leases, ended enrolments."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.reasons import Reason
from followup.messages.fallback import handle_expired
from followup.store.message_state import lock_expired_leases, move_messages, state_is
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message

REPAIR_BATCH = 500


def expire_overdue(app: AppContext, *, limit: int = REPAIR_BATCH) -> int:
    """Expire unsent messages whose window is over, and ask a person where the step says so."""

    def work(unit: UnitOfWork) -> int:
        found = unit.session.execute(
            select(Message.id, Message.state)
            .where(
                state_is(State.PLANNED, State.HELD),
                Message.not_after <= unit.by.at,
            )
            .order_by(Message.not_after)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        ).all()
        for state in (State.PLANNED, State.HELD):
            ids = [row.id for row in found if row.state == state.value]
            moved = move_messages(
                unit.session,
                unit.by,
                ids,
                expected=state,
                to=State.EXPIRED,
                reason=Reason.WINDOW_OVER,
            )
            handle_expired(unit, list(moved))
        return len(found)

    return app.transact(actors.SWEEPER, work)


def release_leases(app: AppContext, *, limit: int = REPAIR_BATCH) -> int:
    """Put claimed messages back whose lease is over: nobody was called, so nothing is in doubt."""

    def work(unit: UnitOfWork) -> int:
        ids = lock_expired_leases(unit.session, State.CLAIMED, at_real=unit.by.real_at, limit=limit)
        moved = move_messages(
            unit.session,
            unit.by,
            ids,
            expected=State.CLAIMED,
            to=State.PLANNED,
            reason=Reason.LEASE_OVER,
        )
        return len(moved)

    return app.transact(actors.SWEEPER, work)


def release_claims(app: AppContext, *, made_before: datetime, limit: int = REPAIR_BATCH) -> int:
    """Put back claims made before then (real time) of which no worker has begun; return how many.

    For when the broker that was to hand them on went away: nobody knows what is lost with it, and
    nobody was called. Whoever comes by such a batch after all finds that its token counts no more.
    """

    def work(unit: UnitOfWork) -> int:
        ids = unit.session.scalars(
            select(Message.id)
            .where(state_is(State.CLAIMED), Message.state_since_real <= made_before)
            .limit(limit)
            # One that is locked is being begun.
            .with_for_update(skip_locked=True, key_share=True)
        ).all()
        moved = move_messages(
            unit.session,
            unit.by,
            ids,
            expected=State.CLAIMED,
            to=State.PLANNED,
            reason=Reason.BROKER_LOST,
        )
        return len(moved)

    released = 0
    while some := app.transact(actors.SWEEPER, work):
        released += some
    return released


def cancel_ended(app: AppContext, *, limit: int = REPAIR_BATCH) -> int:
    """Cancel unsent messages whose enrolment has ended: none should be left, but none may stay."""

    def work(unit: UnitOfWork) -> int:
        ended = exists().where(
            Enrolment.id == Message.enrolment_id,
            Enrolment.state == EnrolmentState.WITHDRAWN.value,
            # What is still under way of one that goes on in another is judged by that one.
            Enrolment.merged_into.is_(None),
        )
        found = unit.session.execute(
            select(Message.id, Message.state)
            .where(state_is(State.PLANNED, State.HELD), ended)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True, of=Message)
        ).all()
        for state in (State.PLANNED, State.HELD):
            ids = [row.id for row in found if row.state == state.value]
            move_messages(
                unit.session,
                unit.by,
                ids,
                expected=state,
                to=State.CANCELLED,
                reason=Reason.WITHDRAWN,
            )
        return len(found)

    return app.transact(actors.SWEEPER, work)
