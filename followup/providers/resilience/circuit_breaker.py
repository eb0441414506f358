"""Circuit breaker for each provider account, in process or shared through Redis.

Closed, everything goes. After some calls in a row that failed for the provider's sake it opens, and
nothing goes for some seconds. Then a few messages go as probes: if one is taken it closes, and
otherwise it stays open for twice as long as before, within bounds.

Only the provider's own trouble counts: it could not be reached, turned everybody away, or gave no
answer. A refusal of one message, or a "slower", proves that it is there.

Shared through Redis, or kept in this process alone where Redis can't be reached; in real time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from threading import Lock
from time import monotonic
from typing import Protocol

from followup.providers.resilience.rate_limiter import Grant
from followup.providers.resilience.shared_redis import SharedRedis

OPENS_AFTER = 5
"""Failures in a row that open it."""
PROBE_MESSAGES = 3
"""Messages that go at once to find out whether the provider is back."""
SHORTEST_OPEN = 5.0
LONGEST_OPEN = 60.0
"""Seconds for which it stays open at first, and at most."""
PROBE_TAKES = 60.0
"""Seconds after which a probe that was never heard of is taken for lost, and another goes."""
LOOK_AGAIN = 1.0
"""Seconds after which to ask again while a probe is out."""


class Change(Enum):
    """What an outcome did to a breaker."""

    NONE = 0
    OPENED = 1
    CLOSED = -1


class CircuitBreaker(Protocol):
    """Keeps a breaker for each account. Safe to share between threads; never raises."""

    def take(self, account: str, wanted: int) -> Grant:
        """Return how many messages may be handed to an account now, and take the probes."""

    def look(self, account: str, wanted: int) -> Grant:
        """Return the same, and take nothing."""

    def note(self, account: str, outcomes: Sequence[bool]) -> Change:
        """Note the outcomes of calls in order: whether the provider was there."""

    def is_open(self, account: str) -> bool:
        """Say at once whether it is open, as far as this process knows."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    times: int = 0
    open_until: float = 0.0
    probed_until: float = 0.0


class InProcessCircuitBreaker:
    """Keeps the breakers of this process alone. `seconds` tells the time that passes."""

    def __init__(
        self, *, opens_after: int = OPENS_AFTER, seconds: Callable[[], float] = monotonic
    ) -> None:
        self._opens_after = opens_after
        self._seconds = seconds
        self._states: dict[str, _State] = {}
        self._lock = Lock()

    def take(self, account: str, wanted: int) -> Grant:
        return self._let_through(account, wanted, taking=True)

    def look(self, account: str, wanted: int) -> Grant:
        return self._let_through(account, wanted, taking=False)

    def note(self, account: str, outcomes: Sequence[bool]) -> Change:
        good, bad = _counted(outcomes)
        with self._lock:
            now, state = self._seconds(), self._states.get(account, _State())
            change = Change.NONE
            if good:
                change = Change.CLOSED if state.open_until else Change.NONE
                state = _State(failures=bad)
            else:
                state.failures += bad
            if state.failures >= self._opens_after and now >= state.open_until:
                change = change if state.open_until else Change.OPENED
                open_for = min(SHORTEST_OPEN * 2.0 ** min(state.times, 30), LONGEST_OPEN)
                state.open_until, state.probed_until = now + open_for, 0.0
                state.times += 1
            self._states[account] = state
            return change

    def is_open(self, account: str) -> bool:
        with self._lock:
            state = self._states.get(account)
            return state is not None and self._seconds() < state.open_until

    def _let_through(self, account: str, wanted: int, *, taking: bool) -> Grant:
        with self._lock:
            now, state = self._seconds(), self._states.get(account)
            if state is None or not state.open_until:
                return Grant(wanted, timedelta())
            if now < state.open_until:
                return Grant(0, timedelta(seconds=state.open_until - now))
            if now < state.probed_until:
                return Grant(0, timedelta(seconds=min(state.probed_until - now, LOOK_AGAIN)))
            if taking and wanted:
                state.probed_until = now + PROBE_TAKES
            return Grant(min(wanted, PROBE_MESSAGES), timedelta(seconds=LOOK_AGAIN))


class RedisCircuitBreaker:
    """Keeps the breakers of all processes together, by the time of the Redis that they share."""

    def __init__(
        self,
        url: str,
        *,
        opens_after: int = OPENS_AFTER,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._redis = SharedRedis(url, seconds=seconds)
        self._take = self._redis.script("breaker.lua", "breaker_take.lua")
        self._note = self._redis.script("breaker.lua", "breaker_note.lua")
        self._opens_after = opens_after
        # It hears of all that this process does, to go on by where Redis can't be reached.
        self._alone = InProcessCircuitBreaker(opens_after=opens_after, seconds=seconds)
        self._seconds = seconds
        self._open_until: dict[str, float] = {}

    def take(self, account: str, wanted: int) -> Grant:
        return self._let_through(account, wanted, taking=True)

    def look(self, account: str, wanted: int) -> Grant:
        return self._let_through(account, wanted, taking=False)

    def note(self, account: str, outcomes: Sequence[bool]) -> Change:
        alone = self._alone.note(account, outcomes)
        good, bad = _counted(outcomes)
        args = [bad, int(good), self._opens_after, SHORTEST_OPEN, LONGEST_OPEN]
        answer = self._redis.run(self._note, key=_key(account), args=args)
        if answer is None:
            return alone
        self._remember(account, float(answer[1]))
        return Change(int(answer[0]))

    def is_open(self, account: str) -> bool:
        return self._seconds() < self._open_until.get(account, 0.0)

    def close(self) -> None:
        """Give back connections."""
        self._redis.close()

    def _let_through(self, account: str, wanted: int, *, taking: bool) -> Grant:
        args = [wanted, PROBE_MESSAGES, PROBE_TAKES, LOOK_AGAIN, int(taking)]
        answer = self._redis.run(self._take, key=_key(account), args=args)
        if answer is None:
            grant = (self._alone.take if taking else self._alone.look)(account, wanted)
            open_for = grant.wait.total_seconds() if self._alone.is_open(account) else 0.0
            self._remember(account, open_for)
            return grant
        self._remember(account, float(answer[2]))
        return Grant(int(answer[0]), timedelta(seconds=float(answer[1])))

    def _remember(self, account: str, open_for: float) -> None:
        self._open_until[account] = self._seconds() + open_for


def _counted(outcomes: Sequence[bool]) -> tuple[bool, int]:
    """Return whether any went well, and how many have failed since the last that did."""
    bad = 0
    for well in reversed(outcomes):
        if well:
            return True, bad
        bad += 1
    return False, bad


def _key(account: str) -> str:
    return f"followup:breaker:{account}"
