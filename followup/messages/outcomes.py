"""Attempt outcomes: committed once, from whichever side the news comes first.

The call's own answer, a receipt and a look-up may each settle an attempt; the later ones find it
settled and change nothing. News of an attempt that is no longer the message's latest never moves
the message as if it were.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.attempt_outcome import AttemptOutcome
from followup.domain.errors import ChannelError, ChannelRefused, ChannelUnavailable, OutcomeUnknown
from followup.domain.lifecycle import OUTCOME_PENDING, State
from followup.domain.reasons import Reason
from followup.messages.fallback import handle_expired, handle_undeliverable, recipient_at_fault
from followup.messages.provider_report import (
    MAX_CODE,
    LockedAttempt,
    apply_report,
    lock_attempts,
    mark_sent,
)
from followup.providers.interface import ProviderReport, ReportedStatus
from followup.store.audit_log import AuditContext
from followup.store.engine.bulk import update_many
from followup.store.message_state import move_messages
from followup.store.models.messages import Attempt, Message

FIRST_BACK_OFF = timedelta(seconds=2)
LONGEST_BACK_OFF = timedelta(minutes=10)
MAX_REASON = 300

log = structlog.get_logger()

_UNSETTLED = Attempt.outcome.is_(None) | (Attempt.outcome == AttemptOutcome.UNKNOWN.value)
"""Attempts that nothing else has settled."""


class NotCalled(Enum):
    """The provider was not called: its lease was over, or it was stopped, before its turn came."""

    NOT_CALLED = AttemptOutcome.NOT_CALLED.value


NOT_CALLED: Final = NotCalled.NOT_CALLED

CallResult = ProviderReport | ChannelError | NotCalled


@dataclass(frozen=True, slots=True)
class CompletedCall:
    """One attempt, and what the call of the provider came to.

    `lasted` is when the call began and ended, as a trace has it; zeros where it is not traced.
    """

    message_id: UUID
    attempt_id: UUID
    result: CallResult
    lasted: tuple[int, int] = (0, 0)


def settle_attempt(app: AppContext, outcomes: Sequence[CompletedCall], *, actor: str) -> None:
    """Commit the outcomes of provider calls, in one transaction.

    Tried for long, because what is known of a call is known here alone until it is committed.
    """
    try:
        app.transact(actor, lambda unit: _settle(unit, outcomes), idempotent=True)
    except IntegrityError:
        if len(outcomes) == 1 and isinstance(outcomes[0].result, OutcomeUnknown):
            raise
        for one in outcomes:
            settle_attempt(app, [one if len(outcomes) > 1 else _disbelieved(one)], actor=actor)


def _disbelieved(called: CompletedCall) -> CompletedCall:
    """Return an outcome without the provider's id, which another attempt has already."""
    log.error("provider.id_given_twice", attempt_id=str(called.attempt_id))
    unknown = OutcomeUnknown(
        Reason.ID_GIVEN_TWICE.value, "the provider gave one id to two messages"
    )
    return CompletedCall(called.message_id, called.attempt_id, unknown)


def _settle(unit: UnitOfWork, outcomes: Sequence[CompletedCall]) -> None:
    rows = {
        row.attempt_id: row
        for row in lock_attempts(unit.session, [called.attempt_id for called in outcomes])
    }
    noted = [_note(called, unit.by) for called in outcomes]
    update_many(unit.session, Attempt, noted, only=_UNSETTLED)
    plain = [rows[called.attempt_id] for called in outcomes if _plain(called, rows)]
    mark_sent(unit, plain)
    for called in outcomes:
        row = rows[called.attempt_id]
        if _plain(called, rows):
            continue
        if isinstance(called.result, ProviderReport):
            apply_report(unit, row, called.result)
        elif row.latest:
            _not_taken(unit, row, called.result)


def _plain(called: CompletedCall, rows: Mapping[UUID, LockedAttempt]) -> bool:
    """Say whether an outcome is the usual one: taken, and nothing else heard meanwhile."""
    row = rows[called.attempt_id]
    return (
        isinstance(called.result, ProviderReport)
        and called.result.status in {ReportedStatus.ACCEPTED, ReportedStatus.SENT}
        and row.latest
        and not row.rival
        and State(row.state) in OUTCOME_PENDING
        and row.provider_id in {None, called.result.provider_id}
    )


def _not_taken(unit: UnitOfWork, row: LockedAttempt, result: ChannelError | NotCalled) -> None:
    """Move a message that the provider did not take, or of which nobody knows."""
    if isinstance(result, ChannelRefused):
        _refuse(unit, row, result)
    elif isinstance(result, ChannelUnavailable):
        jitter = random.random()  # noqa: S311 - it spreads retries, and keeps no secret
        again = back_off(row.attempt_count, jitter=jitter, asked=result.retry_after)
        schedule_retry(unit, row, at=unit.app.clock.after_real(again), why=code_of(result))
    elif result is NOT_CALLED:
        schedule_retry(unit, row, at=unit.by.at, why=Reason.NOT_CALLED)
    elif State(row.state) is State.SENDING:
        move_messages(
            unit.session,
            unit.by,
            [row.message_id],
            expected=State.SENDING,
            to=State.UNKNOWN,
            reason=code_of(result),
            # In `unknown` this is when to look for it, in real time: at once.
            lease_until=unit.by.real_at,
        )


def _refuse(unit: UnitOfWork, row: LockedAttempt, refused: ChannelRefused) -> None:
    code = code_of(refused)
    if not _move_if_pending(unit.session, unit.by, row, to=State.FAILED, reason=code):
        return
    if refused.recipient or refused.opted_out:
        recipient_at_fault(unit, row.attempt_id, code=code, opted_out=refused.opted_out)
    handle_undeliverable(unit, [row.message_id], code=code, unreachable=refused.recipient)


def schedule_retry(unit: UnitOfWork, row: LockedAttempt, *, at: datetime, why: str) -> None:
    """Plan a message again that the provider provably does not have, or expire it if too late."""
    if at >= row.not_after:
        if _move_if_pending(
            unit.session, unit.by, row, to=State.EXPIRED, reason=Reason.TOO_LATE_TO_TRY_AGAIN
        ):
            handle_expired(unit, [row.message_id])
        return
    _move_if_pending(unit.session, unit.by, row, to=State.PLANNED, reason=why, claimable_at=at)


def _move_if_pending(
    session: Session,
    by: AuditContext,
    row: LockedAttempt,
    *,
    to: State,
    reason: str,
    **values: Any,  # noqa: ANN401 - columns of many types
) -> bool:
    """Move a message out of `sending`, or out of `unknown` if a sweep had put it there."""
    state = State(row.state)
    return state in OUTCOME_PENDING and bool(
        move_messages(session, by, [row.message_id], expected=state, to=to, reason=reason, **values)
    )


def back_off(attempts: int, *, jitter: float, asked: timedelta | None = None) -> timedelta:
    """Return how long (real time) to wait before the next attempt: doubling, with jitter.

    `attempts` have been made; `jitter` is from 0 to 1. Never less than the provider asked for.
    """
    ceiling = min(FIRST_BACK_OFF * (1 << min(attempts, 12)), LONGEST_BACK_OFF)
    return max(ceiling * (0.5 + jitter / 2), asked or timedelta())


def _note(called: CompletedCall, by: AuditContext) -> dict[str, Any]:
    """Return what the attempt's row keeps of an outcome."""
    result = called.result
    noted: dict[str, Any] = {
        "id": called.attempt_id,
        "finished_at": by.at,
        # The call has ended: whatever the provider has of it is on its way into its lists.
        "over_real_at": by.real_at,
        "provider_id": None,
        "code": None,
        "reason": None,
        "outcome": outcome_of(result).value,
    }
    if isinstance(result, ProviderReport):
        noted |= {"provider_id": result.provider_id, "code": result.code}
    elif isinstance(result, ChannelError):
        noted |= {"code": code_of(result), "reason": result.reason[:MAX_REASON]}
    return noted


def code_of(error: ChannelError) -> str:
    """Return a provider's code, no longer than there is room for."""
    return error.code[:MAX_CODE]


def outcome_of(result: CallResult) -> AttemptOutcome:
    """Return what an attempt's row says of the result of its call."""
    if isinstance(result, NotCalled):
        return AttemptOutcome(result.value)
    if isinstance(result, ProviderReport):
        failed = result.status is ReportedStatus.FAILED
        return AttemptOutcome.REFUSED if failed else AttemptOutcome.ACCEPTED
    if isinstance(result, ChannelRefused):
        return AttemptOutcome.REFUSED
    is_known = isinstance(result, ChannelUnavailable)
    return AttemptOutcome.UNAVAILABLE if is_known else AttemptOutcome.UNKNOWN


def look_again_later(session: Session, message_id: UUID, *, at: datetime | None) -> None:
    """Set when (real time) an unknown outcome is looked for again; None is never."""
    session.execute(
        update(Message)
        .where(Message.id == message_id, Message.state == State.UNKNOWN.value)
        .values(lease_until=at)
        .execution_options(synchronize_session=False)
    )
