"""What the outcomes of calls teach about a provider: whether it is there, and how fast it takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from followup.channels.breaker import Change
from followup.domain.channel import ChannelKind
from followup.domain.errors import ChannelBusy, ChannelDown, OutcomeUnknown
from followup.kit import Kit
from followup.outcomes import Called, NotCalled
from followup.pacing import account_of, sender_of
from followup.prepare import Started

SLOW_FOR = timedelta(seconds=1)
LONGEST_HOLD = timedelta(minutes=1)
"""For how long a sender is held that was told "slower": at least, and at most, in real time."""

BUG = "bug"
"""The code of an outcome that is unknown by our own fault: it says nothing of the provider."""

log = structlog.get_logger()


def heed(kit: Kit, started: Started, busy: ChannelBusy) -> None:
    """Slow a sender down whose provider said so."""
    asked = busy.retry_after or SLOW_FOR
    kit.pace.slow_down(started.sender, min(max(asked, SLOW_FOR), LONGEST_HOLD))


def learn(kit: Kit, outcomes: Sequence[tuple[Started, Called]]) -> None:
    """Tell the circuit breakers how calls went, in the order in which they ended."""
    for kind in sorted({started.kind for started, _ in outcomes}):
        signs = [
            sign
            for started, called in outcomes
            if started.kind is kind and (sign := _was_there(called)) is not None
        ]
        if signs:
            _note(kit, kind, signs)


def _note(kit: Kit, kind: ChannelKind, signs: Sequence[bool]) -> None:
    change = kit.breaker.note(account_of(kit, kind), signs)
    if change is Change.OPENED:
        log.warning("breaker.opened", channel=kind.value)
    elif change is Change.CLOSED:
        log.info("breaker.closed", channel=kind.value)
        # A backlog waits, and a provider that has only just come back.
        clinics = kit.catalogue.clinics
        for sender in {kit.channels[kind].sender, *(sender_of(kit, kind, it) for it in clinics)}:
            kit.pace.begin_again(sender)


def _was_there(called: Called) -> bool | None:
    """Say whether the provider was there, as far as one outcome tells."""
    result = called.result
    if isinstance(result, NotCalled):
        return None
    if isinstance(result, OutcomeUnknown):
        return None if result.code == BUG else False
    # Also a refusal, a "slower" and a "not this one now" are answers.
    return not isinstance(result, ChannelDown)
