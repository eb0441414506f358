"""Reconciliation of unknown outcomes: the provider is asked, then a person."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.attempt_outcome import AttemptOutcome
from followup.domain.channel import ChannelKind
from followup.domain.errors import WrongMasterKey
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import State
from followup.domain.message_kind import MessageKind
from followup.domain.reasons import Reason
from followup.messages.outcomes import look_again_later, schedule_retry
from followup.messages.provider_report import (
    LockedAttempt,
    apply_report,
    correct_account,
    lock_attempts,
)
from followup.providers.interface import (
    Absent,
    CannotTell,
    Channel,
    Outgoing,
    ProviderReport,
    Sought,
)
from followup.routing.accounts import account_of
from followup.store.message_state import lock_expired_leases, move_messages, state_is
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient
from followup.worklist.items import NewItem, open_item

LOOK_EVERY = timedelta(seconds=15)
"""How long to wait between two looks for one attempt, in real time; at least."""
ASK_AFTER = timedelta(hours=1)
"""An outcome still unknown after so much real time goes to a person, window or no window."""

MOST_SILENCES = 3
"""After so many questions in a row that a provider could not answer, it is left alone for a run."""

LookupResult = ProviderReport | Absent | CannotTell

log = structlog.get_logger()


class _Unsettled(NamedTuple):
    """An attempt of which nobody knows what came, with what it is found by at its provider."""

    message_id: UUID
    channel: str
    attempt_id: UUID
    provider: str
    account: str
    sender: str
    code: str | None
    started_real_at: datetime
    address_sealed: bytes | None
    subject_sealed: bytes | None
    body_sealed: bytes | None
    data_key: bytes | None
    master_key_id: str | None


def settle_unknown_outcomes(app: AppContext, *, limit: int = 50) -> int:
    """Look for messages whose outcome is unknown; return how many were looked for.

    Each is looked for by one process at a time. Safe to interrupt: an answer that is not
    committed is asked for again.
    """
    taken = app.store.transact(lambda session: _take(session, app, limit=limit))
    silences: Counter[str] = Counter()
    # In no fixed order, so that a few that can't be told never stand in the way of the others.
    for row in random.sample(taken, len(taken)):
        asked_at = app.clock.real_now()
        answer, line = _look_along(app, row, silences)
        _commit(app, row, answer, asked_at=asked_at, line=line)
    return len(taken)


def _look_along(
    app: AppContext, row: _Unsettled, silences: Counter[str]
) -> tuple[LookupResult, Channel | None]:
    """Look for an attempt at each account that may have it; return where it was found, too.

    That is its own account alone, but for what was presumed after a restore.
    """
    answer: LookupResult = CannotTell()
    for line in _may_have(app, row):
        name = account_of(line)
        if silences[name] >= MOST_SILENCES:
            return CannotTell(), None
        answer = ask_provider(line, row.attempt_id, partial(_look, app, row))
        silences[name] = silences[name] + 1 if isinstance(answer, CannotTell) else 0
        if not isinstance(answer, Absent):
            return answer, line
    return answer, None


def _may_have(app: AppContext, row: _Unsettled) -> Sequence[Channel]:
    kind = ChannelKind(row.channel)
    if row.code == Reason.RESTORED:
        # Nobody knows any more which account it went through.
        return [line for line in app.lines(kind) if line.provider == row.provider]
    line = app.line_of(kind, provider=row.provider, account=row.account)
    return [] if line is None else [line]


def _commit(
    app: AppContext,
    row: _Unsettled,
    answer: LookupResult,
    *,
    asked_at: datetime,
    line: Channel | None,
) -> None:
    try:
        app.transact(
            actors.RECONCILER,
            partial(_apply, sought=row, answer=answer, asked_at=asked_at, line=line),
        )
    except IntegrityError:
        # Another look gave the same provider id to another message a moment ago: the next look
        # will know that it belongs there.
        log.warning("reconcile.id_taken", attempt_id=str(row.attempt_id))


def ask_provider(
    channel: Channel | None, attempt_id: UUID, question: Callable[[Channel], LookupResult]
) -> LookupResult:
    """Ask the account that was called for an attempt, if it is still set up."""
    if channel is None:
        return CannotTell()
    try:
        return question(channel)
    except WrongMasterKey:
        log.exception("reconcile.cannot_open", attempt_id=str(attempt_id))
    except Exception:
        # The edge to a provider module: a bug there must not keep the others from being settled.
        log.exception("channel.bug", attempt_id=str(attempt_id))
    return CannotTell()


def _take(session: Session, app: AppContext, *, limit: int) -> Sequence[_Unsettled]:
    """Claim unknown messages for a look by putting their next look ahead; return their attempts."""
    by = app.by(actors.RECONCILER)
    ids = session.scalars(
        select(Message.id)
        .where(state_is(State.UNKNOWN), Message.lease_until <= by.real_at)
        .order_by(Message.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    if not ids:
        return []
    session.execute(
        update(Message)
        .where(Message.id.in_(ids))
        .values(lease_until=by.real_at + _pause(app))
        .execution_options(synchronize_session=False)
    )
    found = session.execute(
        select(
            Message.id.label("message_id"),
            Message.channel,
            Attempt.id.label("attempt_id"),
            Attempt.provider,
            Attempt.account,
            Attempt.sender,
            Attempt.code,
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
        .order_by(Attempt.started_real_at)
    )
    return [*map(_Unsettled._make, found)]


def _pause(app: AppContext) -> timedelta:
    """Return the time between two looks: short where the operator set a short wait."""
    return min(LOOK_EVERY, max(app.policy.reconcile_after / 2, timedelta(seconds=1)))


def _look(app: AppContext, row: _Unsettled, channel: Channel) -> LookupResult:
    sealer = app.keyring.patient(row.data_key, row.master_key_id) or app.keyring.system
    if row.address_sealed is None or row.body_sealed is None:
        return CannotTell()
    outgoing = Outgoing(
        message_id=row.message_id,
        attempt_id=row.attempt_id,
        to=sealer.open(row.address_sealed, column="attempts.address", row=row.attempt_id),
        text=sealer.open(row.body_sealed, column="attempts.body", row=row.attempt_id),
        subject=sealer.open_if(row.subject_sealed, column="attempts.subject", row=row.attempt_id),
        # After a restore another account may be asked than the one that was written down.
        sender=row.sender if channel.account == row.account else channel.sender,
        rfc_message_id=app.links.rfc_message_id(row.message_id),
        valid_for=timedelta(),
    )

    def belongs_elsewhere(provider_id: str) -> bool:
        with app.store.read() as session:
            owner = session.scalar(
                select(Attempt.id).where(
                    Attempt.provider == row.provider,
                    Attempt.provider_id == provider_id,
                    Attempt.id != row.attempt_id,
                )
            )
        return owner is not None

    return channel.find(
        Sought(
            outgoing=outgoing,
            started_at=row.started_real_at,
            belongs_elsewhere=belongs_elsewhere,
        )
    )


def _apply(
    unit: UnitOfWork,
    *,
    sought: _Unsettled,
    answer: LookupResult,
    asked_at: datetime,
    line: Channel | None,
) -> None:
    (row,) = lock_attempts(unit.session, [sought.attempt_id])
    if row.state != State.UNKNOWN.value or not row.latest:
        return
    if isinstance(answer, ProviderReport):
        if line is not None and line.account != sought.account:
            correct_account(unit.session, unit.app, row.attempt_id, account=line.account)
        apply_report(unit, row, answer)
    elif isinstance(answer, Absent):
        _absent(unit, row, asked_at=asked_at)
    else:
        _cannot_tell(unit, row)


def _absent(unit: UnitOfWork, row: LockedAttempt, *, asked_at: datetime) -> None:
    """Believe "not there" only when the call is surely over and the provider had time for it.

    What counts is when it was asked: a slow answer is as old as its question.
    """
    believed_from = row.over_real_at + unit.app.policy.reconcile_after
    if asked_at < believed_from:
        look_again_later(
            unit.session, row.message_id, at=min(believed_from, unit.by.real_at + _pause(unit.app))
        )
        return
    unit.session.execute(
        update(Attempt)
        .where(Attempt.id == row.attempt_id, Attempt.provider_id.is_(None))
        .values(outcome=AttemptOutcome.ABSENT.value, finished_at=unit.by.at)
        .execution_options(synchronize_session=False)
    )
    schedule_retry(unit, row, at=unit.by.at, why=Reason.PROVIDER_ABSENT)


def _cannot_tell(unit: UnitOfWork, row: LockedAttempt) -> None:
    """Ask a person once the provider can't help in time; a receipt may still settle it."""
    can_look = unit.app.channels[ChannelKind(row.channel)].can_look
    given_up = unit.by.real_at >= row.over_real_at + ASK_AFTER
    too_late = unit.by.at >= row.not_after
    if given_up or too_late or not can_look:
        message = unit.session.get_one(Message, row.message_id)
        if message.kind == MessageKind.CHECK:
            # Staff who wanted its code know by now whether it came.
            ids = [message.id]
            move_messages(
                unit.session,
                unit.by,
                ids,
                expected=State.UNKNOWN,
                to=State.FAILED,
                reason=Reason.OUTCOME_UNKNOWN,
            )
            return
        open_item(
            unit, NewItem.of_message(message, kind=ItemKind.UNKNOWN, cause=Reason.OUTCOME_UNKNOWN)
        )
    # Nobody looks for ever: with a person on it, and no use in sending it again, it rests.
    rests = not can_look or (given_up and too_late)
    look_again_later(
        unit.session, row.message_id, at=None if rests else unit.by.real_at + _pause(unit.app)
    )


def abandon_sending(app: AppContext, *, limit: int = 500) -> int:
    """Mark as unknown what is still `sending` when its lease is over: its worker may be dead."""

    def work(unit: UnitOfWork) -> int:
        ids = lock_expired_leases(unit.session, State.SENDING, at_real=unit.by.real_at, limit=limit)
        moved = move_messages(
            unit.session,
            unit.by,
            ids,
            expected=State.SENDING,
            to=State.UNKNOWN,
            reason=Reason.WORKER_LOST,
            lease_until=unit.by.real_at,
        )
        unit.session.execute(
            update(Attempt)
            .where(Attempt.message_id.in_(moved), Attempt.outcome.is_(None))
            .values(outcome=AttemptOutcome.UNKNOWN.value, reason=Reason.WORKER_LOST.value)
            .execution_options(synchronize_session=False)
        )
        return len(moved)

    return app.transact(actors.RECONCILER, work)
