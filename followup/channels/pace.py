"""How fast each sender may send: a token bucket, in this process or shared through Redis.

Pace is in real time also in a rehearsal, because providers live in real time. A bucket holds one
second's worth of messages, so a quiet sender may start with that many at once.

When Redis can't be reached, each process goes on alone at a quarter of the pace: going too fast
costs a "later" from the provider (429, which is safe to repeat), and standing still would cost
patients their messages. Whatever the pace decides, nothing is lost or sent twice by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from threading import Lock
from time import monotonic
from typing import Protocol

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

ALONE = 0.25
"""The share of the pace that a process keeps to while Redis can't be reached."""

LEFT_ALONE = 2.0
"""Seconds for which Redis is not asked again after it could not be reached."""

PATIENCE = 0.5
"""Seconds that one question to Redis may take; a batch waits for it."""

_ROUNDING = 1e-6
"""What a token may lack through arithmetic: whoever waited as long as told gets what was told."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages may go now, and how long (real time) the others had better wait."""

    granted: int
    wait: timedelta


class Pace(Protocol):
    """Keeps each sender to its pace. Safe to share between threads; never raises."""

    def take(self, sender: str, wanted: int, *, per_second: float) -> Grant:
        """Take the right to send up to `wanted` messages now."""

    def slow_down(self, sender: str, for_: timedelta) -> None:
        """Let nothing go from a sender for so long (real time), then start without a burst."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    held_until: float = 0.0


class InProcessPace:
    """Keeps the pace of this process alone. `seconds` tells the time that passes."""

    def __init__(self, *, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._buckets: dict[str, _Bucket] = {}
        self._lock = Lock()

    def take(self, sender: str, wanted: int, *, per_second: float) -> Grant:
        burst = _burst(per_second)
        with self._lock:
            now = self._seconds()
            bucket = self._buckets.setdefault(sender, _Bucket(burst, now))
            if bucket.held_until > now:
                return Grant(0, timedelta(seconds=bucket.held_until - now))
            since = max(bucket.at, bucket.held_until)
            bucket.tokens = min(burst, bucket.tokens + (now - since) * per_second)
            bucket.at = now
            granted = min(wanted, int(bucket.tokens + _ROUNDING))
            bucket.tokens = max(bucket.tokens - granted, 0.0)
            missing = min(wanted - granted, burst) - bucket.tokens
        return Grant(granted, _wait(missing / per_second if granted < wanted else 0.0))

    def slow_down(self, sender: str, for_: timedelta) -> None:
        with self._lock:
            now = self._seconds()
            bucket = self._buckets.setdefault(sender, _Bucket(0.0, now))
            bucket.tokens = 0.0
            bucket.held_until = max(bucket.held_until, now + for_.total_seconds())


class RedisPace:
    """Keeps the pace of all processes together, by the time of the Redis that they share."""

    def __init__(self, url: str, *, seconds: Callable[[], float] = monotonic) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )
        scripts = files("followup.channels")
        self._take = self._redis.register_script(
            scripts.joinpath("pace_take.lua").read_text(encoding="utf-8")
        )
        self._hold = self._redis.register_script(
            scripts.joinpath("pace_hold.lua").read_text(encoding="utf-8")
        )
        self._alone = InProcessPace(seconds=seconds)
        self._seconds = seconds
        self._ask_again_at = float("-inf")

    def take(self, sender: str, wanted: int, *, per_second: float) -> Grant:
        if self._may_ask():
            try:
                granted, wait = self._take(
                    keys=[_key(sender)], args=[wanted, per_second, _burst(per_second)]
                )
            except RedisError as error:
                self._leave_alone(error)
            else:
                return Grant(int(granted), _wait(float(wait)))
        return self._alone.take(sender, wanted, per_second=per_second * ALONE)

    def slow_down(self, sender: str, for_: timedelta) -> None:
        self._alone.slow_down(sender, for_)
        if self._may_ask():
            try:
                self._hold(keys=[_key(sender)], args=[for_.total_seconds()])
            except RedisError as error:
                self._leave_alone(error)

    def close(self) -> None:
        """Give back connections."""
        self._redis.close()

    def _may_ask(self) -> bool:
        return self._seconds() >= self._ask_again_at

    def _leave_alone(self, error: RedisError) -> None:
        self._ask_again_at = self._seconds() + LEFT_ALONE
        log.warning("pace.alone", cause=type(error).__name__, share=ALONE)


def _burst(per_second: float) -> float:
    return max(per_second, 1.0)


def _wait(seconds: float) -> timedelta:
    return timedelta(seconds=max(seconds, 0.0))


def _key(sender: str) -> str:
    return f"followup:pace:{sender}"
