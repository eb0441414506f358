"""Settling what nobody knows: the provider is asked, its "not there" waited for, then a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from followup.channels.interface import (
    Absent,
    CannotTell,
    Outgoing,
    Report,
    Sought,
)
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.outcomes import look_again, try_again
from followup.reports import apply_report, lock_attempts
from followup.store.audit_log import Deed
from followup.store.messages import move, state_is
from followup.store.models import Attempt, Message, Patient
from followup.worklist import Task, open_item

ACTOR = "reconciler"
LOOK_EVERY = timedelta(seconds=15)
"""How long to wait between two looks for one attempt, in real time; at least."""
ASK_AFTER = timedelta(hours=1)
"""An outcome still unknown after so much real time goes to a person, window or no window."""

ASK_AGAIN = timedelta(minutes=5)
"""How long (real time) to leave a provider alone that could not say how a message fares."""

Answer = Report | Absent | CannotTell


def settle_unknown(kit: Kit, *, limit: int = 50) -> int:
    """Look for messages whose outcome is unknown; return how many were looked for.

    Each is looked for by one process at a time. Safe to interrupt: an answer that is not
    committed is asked for again.
    """
    taken = kit.store.transact(lambda session: _take(session, kit, limit=limit))
    for row in taken:
        answer = _look(kit, row)
        kit.store.transact(lambda session, row=row, answer=answer: _apply(session, kit, row, answer))  # type: ignore[misc]
    return len(taken)


def _take(session: Session, kit: Kit, *, limit: int) -> Sequence[Row[Any]]:
    """Claim unknown messages for a look by putting their next look ahead; return their attempts."""
    deed = kit.deed(ACTOR)
    ids = session.scalars(
        select(Message.id)
        .where(state_is(State.UNKNOWN), Message.lease_until <= deed.real_at)
        .order_by(Message.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not ids:
        return []
    session.execute(
        update(Message)
        .where(Message.id.in_(ids))
        .values(lease_until=deed.real_at + _pause(kit))
        .execution_options(synchronize_session=False)
    )
    return session.execute(
        select(
            Message.id.label("message_id"),
            Message.channel,
            Attempt.id.label("attempt_id"),
            Attempt.sender,
            Attempt.started_real_at,
            Attempt.address_sealed,
            Attempt.subject_sealed,
            Attempt.body_sealed,
            Patient.data_key,
            Patient.master_key_id,
        )
        .join(
            Attempt,
            (Attempt.message_id == Message.id) & (Attempt.number == Message.attempt_count),
        )
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(Message.id.in_(ids))
    ).all()


def _pause(kit: Kit) -> timedelta:
    """Return the time between two looks: short where the operator set a short wait."""
    return min(LOOK_EVERY, max(kit.policy.reconcile_after / 2, timedelta(seconds=1)))


def _look(kit: Kit, row: Row[Any]) -> Answer:
    sealer = kit.keyring.patient(row.data_key, row.master_key_id) or kit.keyring.system
    if row.address_sealed is None or row.body_sealed is None:
        return CannotTell()
    outgoing = Outgoing(
        message_id=row.message_id,
        attempt_id=row.attempt_id,
        to=sealer.open(row.address_sealed, column="attempts.address"),
        text=sealer.open(row.body_sealed, column="attempts.body"),
        sender=row.sender,
        valid_for=timedelta(),
    )

    def belongs_elsewhere(provider_id: str) -> bool:
        with kit.store.read() as session:
            return (
                session.scalar(
                    select(Attempt.id).where(
                        Attempt.provider_id == provider_id, Attempt.id != row.attempt_id
                    )
                )
                is not None
            )

    return kit.channels[ChannelKind(row.channel)].find(
        Sought(
            outgoing=outgoing,
            started_at=row.started_real_at,
            belongs_elsewhere=belongs_elsewhere,
        )
    )


def _apply(session: Session, kit: Kit, sought: Row[Any], answer: Answer) -> None:
    deed = kit.deed(ACTOR)
    (row,) = lock_attempts(session, [sought.attempt_id])
    if row.state != State.UNKNOWN.value or not row.latest:
        return
    if isinstance(answer, Report):
        apply_report(session, kit, deed, row, answer)
    elif isinstance(answer, Absent):
        _absent(session, kit, deed, row)
    else:
        _cannot_tell(session, kit, deed, row)


def _absent(session: Session, kit: Kit, deed: Deed, row: Row[Any]) -> None:
    """Believe "not there" only when the call is surely over and the provider had time to list it."""
    believed_from = row.over_real_at + kit.policy.reconcile_after
    if deed.real_at < believed_from:
        look_again(session, row.message_id, at=min(believed_from, deed.real_at + _pause(kit)))
        return
    session.execute(
        update(Attempt)
        .where(Attempt.id == row.attempt_id, Attempt.provider_id.is_(None))
        .values(outcome="absent", finished_at=deed.at)
    )
    try_again(session, kit, deed, row, at=deed.at, why="absent")


def _cannot_tell(session: Session, kit: Kit, deed: Deed, row: Row[Any]) -> None:
    """Ask a person once the provider can't help in time; a receipt may still settle it."""
    overdue = deed.real_at >= row.over_real_at + ASK_AFTER
    can_look = kit.channels[_kind(session, row.message_id)].can_look
    if overdue or deed.at >= row.not_after or not can_look:
        message = session.get_one(Message, row.message_id)
        open_item(
            session, kit, deed, Task.of_message(message, kind="unknown", cause="outcome-unknown")
        )
    pause = _pause(kit) if can_look else ASK_AFTER
    look_again(session, row.message_id, at=deed.real_at + pause)


def _kind(session: Session, message_id: UUID) -> ChannelKind:
    return ChannelKind(
        session.scalars(select(Message.channel).where(Message.id == message_id)).one()
    )


def abandon_sending(kit: Kit, *, limit: int = 500) -> int:
    """Mark as unknown what is still `sending` when its lease is over: its worker may be dead."""

    def work(session: Session) -> int:
        deed = kit.deed(ACTOR)
        ids = session.scalars(
            select(Message.id)
            .where(state_is(State.SENDING), Message.lease_until <= deed.real_at)
            .order_by(Message.lease_until)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        moved = move(
            session,
            deed,
            ids,
            expected=State.SENDING,
            to=State.UNKNOWN,
            reason="worker-lost",
            lease_until=deed.real_at,
        )
        session.execute(
            update(Attempt)
            .where(Attempt.message_id.in_(moved), Attempt.outcome.is_(None))
            .values(outcome="unknown", reason="worker-lost")
            .execution_options(synchronize_session=False)
        )
        return len(moved)

    return kit.store.transact(work)


def chase_receipts(kit: Kit, *, limit: int = 50) -> int:
    """Ask the provider about messages whose receipt is overdue, then a person; return how many."""
    deed = kit.deed(ACTOR)
    with kit.store.read() as session:
        overdue = session.execute(
            select(Message.id, Message.channel, Attempt.id.label("attempt_id"), Attempt.provider_id)
            .join(
                Attempt,
                (Attempt.message_id == Message.id) & (Attempt.number == Message.attempt_count),
            )
            .where(state_is(State.SENT), Message.receipt_due_at <= deed.at)
            .order_by(Message.receipt_due_at)
            .limit(limit)
        ).all()
    for row in overdue:
        answer: Answer = (
            kit.channels[ChannelKind(row.channel)].poll(row.provider_id)
            if row.provider_id
            else CannotTell()
        )
        kit.store.transact(lambda session, row=row, answer=answer: _chase(session, kit, row, answer))  # type: ignore[misc]
    return len(overdue)


def _chase(session: Session, kit: Kit, chased: Row[Any], answer: Answer) -> None:
    deed = kit.deed(ACTOR)
    (row,) = lock_attempts(session, [chased.attempt_id])
    if row.state != State.SENT.value:
        return
    if isinstance(answer, Report):
        apply_report(session, kit, deed, row, answer)
    message = session.get_one(Message, row.message_id, populate_existing=True)
    if message.state != State.SENT.value:
        return
    if isinstance(answer, CannotTell) and deed.at < message.not_after:
        # The provider did not answer: ask again while an answer still helps.
        message.receipt_due_at = kit.clock.after_real(ASK_AGAIN)
        return
    # It stays `sent`: nothing is known against it. But it is asked about once only.
    message.receipt_due_at = None
    open_item(session, kit, deed, Task.of_message(message, kind="no-receipt", cause="no-receipt"))
