"""Overdue delivery receipts: the provider is asked first, then a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from followup.context import AppContext, UnitOfWork
from followup.delivery.reconcile import LookupResult, ask_provider
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.messages.provider_report import apply_report, lock_attempts
from followup.providers.interface import CannotTell, Channel, ProviderReport
from followup.store.message_state import state_is
from followup.store.models.messages import Attempt, Message
from followup.worklist.items import NewItem, open_item

ASK_AGAIN = timedelta(minutes=5)
"""How long (real time) to leave a provider alone that could not say how a message fares."""


class _Taken(NamedTuple):
    """The latest attempt of a message that its provider took."""

    channel: str
    attempt_id: UUID
    provider: str
    account: str
    provider_id: str


def chase_overdue_receipts(app: AppContext, *, limit: int = 50) -> int:
    """Ask the provider about messages whose receipt is overdue, then a person; return how many."""
    overdue = _overdue(app, limit=limit)
    for row in overdue:
        kind = ChannelKind(row.channel)
        line = app.line_of(kind, provider=row.provider, account=row.account)
        answer = ask_provider(line, row.attempt_id, partial(_poll, row.provider_id))
        app.transact(actors.RECONCILER, partial(_chase, chased=row, answer=answer))
    return len(overdue)


def _poll(provider_id: str, channel: Channel) -> LookupResult:
    return channel.poll(provider_id)


def _overdue(app: AppContext, *, limit: int) -> Sequence[_Taken]:
    """Return the attempts that were taken, of messages that should have been reported on by now."""
    with app.store.read() as session:
        # First the messages alone: an overdue one is found by its own index, however many attempts
        # there are.
        ids = session.scalars(
            select(Message.id)
            .where(
                state_is(State.SENT),
                Message.receipt_due_at.is_not(None),
                Message.receipt_due_at <= app.clock.now(),
            )
            .order_by(Message.receipt_due_at)
            .limit(limit)
        ).all()
        return _latest_taken(session, ids) if ids else []


def _latest_taken(session: Session, message_ids: Sequence[UUID]) -> Sequence[_Taken]:
    later = aliased(Attempt)
    latest_taken = (
        select(func.max(later.number))
        .where(later.message_id == Message.id, later.provider_id.is_not(None))
        .scalar_subquery()
    )
    found = session.execute(
        select(
            Message.channel,
            Attempt.id.label("attempt_id"),
            Attempt.provider,
            Attempt.account,
            Attempt.provider_id,
        )
        .join(Attempt, (Attempt.message_id == Message.id) & (Attempt.number == latest_taken))
        .where(Message.id.in_(message_ids))
        .order_by(Message.receipt_due_at)
    )
    return [*map(_Taken._make, found)]


def _chase(unit: UnitOfWork, *, chased: _Taken, answer: LookupResult) -> None:
    session = unit.session
    (row,) = lock_attempts(session, [chased.attempt_id])
    if row.state != State.SENT.value:
        return
    if isinstance(answer, ProviderReport):
        apply_report(unit, row, answer)
    message = session.get_one(Message, row.message_id, populate_existing=True)
    if message.state != State.SENT.value:
        return
    if isinstance(answer, CannotTell) and unit.by.at < message.not_after:
        # The provider did not answer: ask again while an answer still helps.
        _put_off(session, message.id, until=unit.app.clock.after_real(ASK_AGAIN))
        return
    # It stays `sent`: nothing is known against it. But it is asked about once only.
    _put_off(session, message.id, until=None)
    open_item(
        unit,
        NewItem.of_message(message, kind=ItemKind.NO_RECEIPT, cause=Reason.NO_RECEIPT),
    )


def _put_off(session: Session, message_id: UUID, *, until: datetime | None) -> None:
    session.execute(
        update(Message)
        .where(Message.id == message_id, Message.state == State.SENT.value)
        .values(receipt_due_at=until)
        .execution_options(synchronize_session=False)
    )
