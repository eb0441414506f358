"""Rate limiter: a token bucket for each sender, in process or shared through Redis.

Pace is in real time also in a rehearsal, because providers live in real time. A bucket holds one
second's worth of messages, so a quiet sender may start with that many at once.

A sender that its provider asked to slow down goes on at half its pace, and gets the rest back
little by little; one whose provider was away begins again at a small part of it.

When Redis can't be reached, each process goes on alone at a quarter of the pace: going too fast
costs a "later" from the provider (429, which is safe to repeat), and standing still would cost
patients their messages. Whatever the pace decides, nothing is lost or sent twice by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from threading import Lock
from time import monotonic
from typing import Protocol

from followup.providers.resilience.shared_redis import SharedRedis

SHARE_ALONE = 0.25
"""The share of the pace that a process keeps to while Redis can't be reached."""

SLOWER_FACTOR = 0.5
"""What the provider's "slower" leaves of a pace ..."""
LEAST_SHARE = 0.05
"""... which never falls below this share of it; and what a pace begins again with."""
RECOVERY_SECONDS = 60.0
"""Seconds in which a pace would come back from nothing to all; it rises steadily."""
CALM_SECONDS = 1.0
"""Seconds within which several "slower" count as one: they answer calls made side by side."""

_ROUNDING = 1e-6
"""What a token may lack through arithmetic: whoever waited as long as told gets what was told."""


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages may go now, and how long (real time) the others had better wait.

    `per_second` is the pace at present, which may be less than the one asked for.
    """

    granted: int
    wait: timedelta
    per_second: float = field(default=inf, compare=False)


class RateLimiter(Protocol):
    """Keeps each sender to its pace. Safe to share between threads; never raises."""

    def take(self, sender: str, wanted: int, *, per_second: float) -> Grant:
        """Take the right to send up to `wanted` messages now."""

    def ahead(self, sender: str, span: timedelta, *, per_second: float) -> int:
        """Return how many messages could go within the next `span` (real time); take nothing."""

    def slow_down(self, sender: str, for_: timedelta) -> None:
        """Let nothing go from a sender for so long (real time), then go on at half its pace."""

    def begin_again(self, sender: str) -> None:
        """Go on from a sender at a small part of its pace: its provider was away."""


@dataclass(slots=True)
class _Bucket:
    """`share` is how much of the pace there was at `share_at`; it has been rising since."""

    tokens: float
    at: float
    held_until: float = -inf
    share: float = 1.0
    share_at: float = 0.0
    slowed_at: float = -inf

    def share_now(self, now: float) -> float:
        return min(1.0, self.share + max(0.0, now - self.share_at) / RECOVERY_SECONDS)

    def worth(self, since: float, till: float) -> float:
        """Return how many seconds at the full pace a span is worth."""
        if till <= since:
            return 0.0
        whole_at = self.share_at + (1 - self.share) * RECOVERY_SECONDS
        rising_from = min(max(since, self.share_at), till)
        rising_to = max(rising_from, min(till, whole_at))
        rise = (self.share_now(rising_from) + self.share_now(rising_to)) / 2
        before, after = (rising_from - since) * self.share, till - rising_to
        return before + (rising_to - rising_from) * rise + after

    def fill(self, now: float, *, per_second: float) -> float:
        """Add what has come in since it was last looked at; return the most that it may hold."""
        most = max(min(_burst(per_second), per_second * self.share_now(now)), 1.0)
        since = max(self.at, self.held_until)
        self.tokens = min(most, self.tokens + self.worth(since, now) * per_second)
        self.at = now
        return most

    def hold(self, now: float, *, seconds: float, factor: float) -> None:
        self.share = self.share_now(now)
        if factor == 0.0 or (now >= self.held_until and now >= self.slowed_at + CALM_SECONDS):
            self.share = max(self.share * factor, LEAST_SHARE)
            self.slowed_at = now
        self.tokens, self.at = 0.0, now
        self.held_until = max(self.held_until, now + seconds)
        self.share_at = self.held_until


class InProcessRateLimiter:
    """Keeps the pace of this process alone. `seconds` tells the time that passes."""

    def __init__(self, *, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._buckets: dict[str, _Bucket] = {}
        self._lock = Lock()

    def take(self, sender: str, wanted: int, *, per_second: float) -> Grant:
        with self._lock:
            now = self._seconds()
            bucket = self._bucket(sender, now, per_second=per_second)
            pace = per_second * bucket.share_now(now)
            if bucket.held_until > now:
                return Grant(0, _wait(bucket.held_until - now), pace)
            most = bucket.fill(now, per_second=per_second)
            granted = min(wanted, int(bucket.tokens + _ROUNDING))
            bucket.tokens = max(bucket.tokens - granted, 0.0)
            missing = min(wanted - granted, most) - bucket.tokens
        return Grant(granted, _wait(missing / pace if granted < wanted else 0.0), pace)

    def ahead(self, sender: str, span: timedelta, *, per_second: float) -> int:
        with self._lock:
            now = self._seconds()
            bucket = self._bucket(sender, now, per_second=per_second)
            till = now + span.total_seconds()
            coming = bucket.worth(max(now, bucket.held_until), till) * per_second
            if bucket.held_until > now:
                return int(coming)
            bucket.fill(now, per_second=per_second)
            return int(bucket.tokens + coming)

    def slow_down(self, sender: str, for_: timedelta) -> None:
        self._hold(sender, seconds=for_.total_seconds(), factor=SLOWER_FACTOR)

    def begin_again(self, sender: str) -> None:
        self._hold(sender, seconds=0.0, factor=0.0)

    def _hold(self, sender: str, *, seconds: float, factor: float) -> None:
        with self._lock:
            now = self._seconds()
            self._bucket(sender, now, per_second=0.0).hold(now, seconds=seconds, factor=factor)

    def _bucket(self, sender: str, now: float, *, per_second: float) -> _Bucket:
        return self._buckets.setdefault(sender, _Bucket(_burst(per_second), now))


class RedisRateLimiter:
    """Keeps the pace of all processes together, by the time of the Redis that they share."""

    def __init__(self, url: str, *, seconds: Callable[[], float] = monotonic) -> None:
        self._redis = SharedRedis(url, seconds=seconds)
        self._take, self._hold, self._ahead = (
            self._redis.script("pace_bucket.lua", f"pace_{name}.lua")
            for name in ("take", "hold", "ahead")
        )
        self._alone = InProcessRateLimiter(seconds=seconds)

    def take(self, sender: str, wanted: int, *, per_second: float) -> Grant:
        args = [wanted, per_second, _burst(per_second), RECOVERY_SECONDS]
        answer = self._redis.run(self._take, key=_key(sender), args=args)
        if answer is None:
            return self._alone.take(sender, wanted, per_second=per_second * SHARE_ALONE)
        granted, wait, pace = answer
        return Grant(int(granted), _wait(float(wait)), float(pace))

    def ahead(self, sender: str, span: timedelta, *, per_second: float) -> int:
        args = [span.total_seconds(), per_second, _burst(per_second), RECOVERY_SECONDS]
        answer = self._redis.run(self._ahead, key=_key(sender), args=args)
        if answer is None:
            return self._alone.ahead(sender, span, per_second=per_second * SHARE_ALONE)
        return int(answer)

    def slow_down(self, sender: str, for_: timedelta) -> None:
        self._alone.slow_down(sender, for_)
        args = [for_.total_seconds(), SLOWER_FACTOR, LEAST_SHARE, CALM_SECONDS, RECOVERY_SECONDS]
        self._redis.run(self._hold, key=_key(sender), args=args)

    def begin_again(self, sender: str) -> None:
        self._alone.begin_again(sender)
        args = [0.0, 0.0, LEAST_SHARE, CALM_SECONDS, RECOVERY_SECONDS]
        self._redis.run(self._hold, key=_key(sender), args=args)

    def close(self) -> None:
        """Give back connections."""
        self._redis.close()


def _burst(per_second: float) -> float:
    return max(per_second, 1.0)


def _wait(seconds: float) -> timedelta:
    return timedelta(seconds=max(seconds, 0.0))


def _key(sender: str) -> str:
    return f"followup:pace:{sender}"
