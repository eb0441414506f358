"""Applying a provider's report to the message that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from followup.channels.interface import Report, ReportedStatus
from followup.consequences import not_arriving, recipient_at_fault
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.store.audit_log import Deed, Entry, record
from followup.store.messages import move
from followup.store.models import Attempt, Message
from followup.worklist import Task, open_item

REACHED = {
    ReportedStatus.ACCEPTED: State.SENT,
    ReportedStatus.SENT: State.SENT,
    ReportedStatus.DELIVERED: State.DELIVERED,
    ReportedStatus.FAILED: State.FAILED,
}


def lock_attempts(session: Session, attempt_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    """Return attempts with their messages, the messages locked in a fixed order.

    `latest` says whether the attempt is the one that the message's state is about.
    """
    return session.execute(
        select(
            Message.id.label("message_id"),
            Message.state,
            Message.clinic,
            Message.patient_id,
            Message.enrolment_id,
            Message.not_after,
            Message.receipt_wait,
            Message.attempt_count,
            Attempt.id.label("attempt_id"),
            Attempt.provider_id,
            Attempt.outcome,
            Attempt.over_real_at,
            (Attempt.number == Message.attempt_count).label("latest"),
        )
        .join(Attempt, Attempt.message_id == Message.id)
        .where(Attempt.id.in_(attempt_ids))
        .order_by(Message.id)
        .with_for_update(of=Message)
    ).all()


def mark_sent(session: Session, deed: Deed, rows: Sequence[Row[Any]]) -> None:
    """Move messages to `sent` that were being sent, or that nobody knew of."""
    by_wait = attrgetter("receipt_wait")
    for wait, group in groupby(sorted(rows, key=by_wait), key=by_wait):
        ids = [row.message_id for row in group]
        for expected in (State.SENDING, State.UNKNOWN):
            moved = _to_sent(session, deed, ids, expected=expected, receipt_wait=wait)
            ids = [id_ for id_ in ids if id_ not in moved]
            if not ids:
                break


def apply_report(
    session: Session, kit: Kit, deed: Deed, row: Row[Any], report: Report
) -> None:
    """Move a message as far as a report proves, and never backwards.

    `row` comes from `lock_attempts`, in this transaction.
    """
    if row.provider_id is not None and row.provider_id != report.provider_id:
        _suspect_duplicate(session, kit, deed, row, report)
        return
    _settle_attempt(session, deed, row, report)
    if not row.latest and row.state not in _RESENDABLE:
        # A later attempt is under way or done: this one arrived as well.
        if report.status is not ReportedStatus.FAILED:
            _suspect_duplicate(session, kit, deed, row, report)
        return
    _advance(session, kit, deed, row, report)


_RESENDABLE = frozenset({State.PLANNED.value, State.CLAIMED.value})


def _advance(session: Session, kit: Kit, deed: Deed, row: Row[Any], report: Report) -> None:
    message_id, state = row.message_id, State(row.state)
    failed = report.status is ReportedStatus.FAILED
    limbo = state in {State.SENDING, State.UNKNOWN}
    # Thought absent, and about to be sent again: the report proves that it need not be.
    if limbo or (state.value in _RESENDABLE and not failed):
        if limbo and failed:
            _fail(session, kit, deed, message_id, report, expected=state)
            return
        _to_sent(session, deed, [message_id], expected=state, receipt_wait=row.receipt_wait)
        state = State.SENT
    if report.status is ReportedStatus.DELIVERED and state in {State.SENT, State.FAILED}:
        _deliver(session, deed, message_id, expected=state)
    elif failed and state is State.SENT:
        _fail(session, kit, deed, message_id, report, expected=state)


def _to_sent(
    session: Session, deed: Deed, ids: Sequence[UUID], *, expected: State, receipt_wait: int
) -> set[UUID]:
    due = deed.at + timedelta(seconds=receipt_wait) if receipt_wait else None
    return move(
        session,
        deed,
        ids,
        expected=expected,
        to=State.SENT,
        sent_at=deed.at,
        receipt_due_at=due,
        lease_token=None,
        lease_until=None,
    )


def _deliver(session: Session, deed: Deed, message_id: UUID, *, expected: State) -> None:
    move(
        session,
        deed,
        [message_id],
        expected=expected,
        to=State.DELIVERED,
        delivered_at=deed.at,
        superseded=False,
    )
    if expected is State.FAILED:
        _take_back_fallback(session, deed, message_id)


def _take_back_fallback(session: Session, deed: Deed, message_id: UUID) -> None:
    """Cancel the other channel's message if it has not gone: the first one arrived after all."""
    fallbacks = session.scalars(select(Message.id).where(Message.fallback_of == message_id)).all()
    for state in (State.PLANNED, State.HELD, State.CLAIMED):
        move(
            session,
            deed,
            fallbacks,
            expected=state,
            to=State.CANCELLED,
            reason="delivered-after-all",
        )


def _fail(
    session: Session, kit: Kit, deed: Deed, message_id: UUID, report: Report, *, expected: State
) -> None:
    code = report.code or "failed"
    if not move(
        session, deed, [message_id], expected=expected, to=State.FAILED, reason=code,
        receipt_due_at=None, lease_until=None,
    ):
        return
    if report.recipient or report.opted_out:
        recipient_at_fault(
            session, kit, deed, message_id, code=code, opted_out=report.opted_out
        )
    not_arriving(session, kit, deed, [message_id], code=code)


def _settle_attempt(session: Session, deed: Deed, row: Row[Any], report: Report) -> None:
    """Keep the provider's id: it proves that the attempt was taken."""
    if row.provider_id is None:
        session.execute(
            update(Attempt)
            .where(Attempt.id == row.attempt_id, Attempt.provider_id.is_(None))
            .values(provider_id=report.provider_id, outcome="accepted", finished_at=deed.at)
        )


def _suspect_duplicate(
    session: Session, kit: Kit, deed: Deed, row: Row[Any], report: Report
) -> None:
    """Two provider messages for one of ours: nothing is undone by it, but a person should know."""
    record(
        session,
        deed,
        Entry(
            action="message.duplicate-suspected",
            clinic=row.clinic,
            patient_id=row.patient_id,
            enrolment_id=row.enrolment_id,
            message_id=row.message_id,
            detail={"attempt": str(row.attempt_id), "provider_id": report.provider_id},
        ),
    )
    open_item(
        session,
        kit,
        deed,
        Task(
            subject=f"duplicate:{row.message_id}",
            kind="duplicate",
            clinic=row.clinic,
            cause="sent-twice",
            patient_id=row.patient_id,
            enrolment_id=row.enrolment_id,
            message_id=row.message_id,
        ),
    )
