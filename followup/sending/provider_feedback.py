"""Provider feedback: outcomes of calls drive the circuit breaker and the rate limiter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from followup.context import AppContext
from followup.domain.errors import ChannelBusy, ChannelDown, OutcomeUnknown
from followup.domain.reasons import Reason
from followup.messages.outcomes import CompletedCall, NotCalled
from followup.providers.interface import Channel
from followup.providers.resilience.circuit_breaker import Change
from followup.routing.accounts import account_of, pace_of, sender_of
from followup.routing.failover import note_failback
from followup.sending.attempt_builder import StartedAttempt

SLOW_FOR = timedelta(seconds=1)
LONGEST_HOLD = timedelta(minutes=1)
"""For how long a sender is held that was told "slower": at least, and at most, in real time."""

log = structlog.get_logger()


def apply_backpressure(app: AppContext, started: StartedAttempt, busy: ChannelBusy) -> None:
    """Slow a sender down whose provider said so."""
    hold_sender(app, started.channel, started.sender, busy)


def hold_sender(app: AppContext, channel: Channel, sender: str, busy: ChannelBusy) -> None:
    """Let nothing go from a sender for as long as its provider asked, then go on more slowly."""
    asked = busy.retry_after or SLOW_FOR
    app.pace.slow_down(pace_of(channel, sender), min(max(asked, SLOW_FOR), LONGEST_HOLD))


def record_outcomes(
    app: AppContext, outcomes: Sequence[tuple[StartedAttempt, CompletedCall]]
) -> None:
    """Tell the circuit breakers how calls went, in the order in which they ended."""
    for channel in {account_of(one.channel): one.channel for one, _ in outcomes}.values():
        signs = [
            sign
            for started, called in outcomes
            if started.channel is channel and (sign := _was_there(called)) is not None
        ]
        if signs:
            _note(app, channel, signs)


def _note(app: AppContext, channel: Channel, signs: Sequence[bool]) -> None:
    change = app.breaker.note(account_of(channel), signs)
    is_standby = channel is app.standby.get(channel.kind)
    if change is Change.OPENED:
        log.warning("breaker.opened", channel=channel.kind.value, standby=is_standby)
    elif change is Change.CLOSED:
        log.info("breaker.closed", channel=channel.kind.value, standby=is_standby)
        # A backlog waits, and a provider that has only just come back.
        clinics = app.catalogue.clinics
        for sender in {channel.sender, *(sender_of(app, channel, key) for key in clinics)}:
            app.pace.begin_again(pace_of(channel, sender))


def end_failover(app: AppContext, outcomes: Sequence[tuple[StartedAttempt, CompletedCall]]) -> None:
    """Note where a first account, in whose place a second stood, is there again."""
    for kind in app.standby:
        first = app.channels[kind]
        if any(one.channel is first and _was_there(called) for one, called in outcomes):
            note_failback(app, kind)


def _was_there(called: CompletedCall) -> bool | None:
    """Say whether the provider was there, as far as one outcome tells."""
    result = called.result
    if isinstance(result, NotCalled):
        return None
    if isinstance(result, OutcomeUnknown):
        # Unknown by our own fault: it says nothing of the provider.
        return None if result.code == Reason.BUG else False
    # Also a refusal, a "slower" and a "not this one now" are answers.
    return not isinstance(result, ChannelDown)
