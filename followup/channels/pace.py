"""Pace limits: a token bucket for each sender, in this process or shared through Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Any, Protocol, cast

import redis
import structlog

log = structlog.get_logger()

LONGEST_WAIT = timedelta(minutes=10)
"""However long a provider asks to be left alone, the bucket looks again after this."""


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages may go now, and how long (real time) the rest should wait at least."""

    granted: int
    wait: timedelta


class Pace(Protocol):
    """A limit on how fast each sender sends. Safe to share between threads."""

    def take(self, sender: str, wanted: int, *, per_second: float) -> Grant:
        """Take up to `wanted` tokens of a sender's bucket, which holds one second's worth."""

    def slow_down(self, sender: str, for_: timedelta) -> None:
        """Grant nothing to a sender for that long: its provider said "too many requests"."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float
    closed_until: float = 0.0


class InProcessPace:
    """Buckets of one process: for the embedded stack. `now` tells seconds that only rise."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = Lock()
        self._buckets: dict[str, _Bucket] = {}

    def take(self, sender: str, wanted: int, *, per_second: float) -> Grant:
        with self._lock:
            now = self._now()
            full = max(per_second, 1.0)
            bucket = self._buckets.setdefault(sender, _Bucket(full, now))
            if now < bucket.closed_until:
                return Grant(0, timedelta(seconds=bucket.closed_until - now))
            bucket.tokens = min(full, bucket.tokens + (now - bucket.filled_at) * per_second)
            bucket.filled_at = now
            granted = min(wanted, int(bucket.tokens))
            bucket.tokens -= granted
            return Grant(granted, _wait(wanted - granted, bucket.tokens, per_second))

    def slow_down(self, sender: str, for_: timedelta) -> None:
        with self._lock:
            now = self._now()
            bucket = self._buckets.setdefault(sender, _Bucket(0.0, now))
            until = now + min(for_, LONGEST_WAIT).total_seconds()
            bucket.closed_until = max(bucket.closed_until, until)


# One script, so that two workers never see the same tokens. Redis's own clock: theirs may differ.
TAKE = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1e6
local wanted, rate, full = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'filled_at', 'closed_until')
local tokens = tonumber(bucket[1]) or full
local filled_at = tonumber(bucket[2]) or now
local closed_until = tonumber(bucket[3]) or 0
if now < closed_until then return {0, tostring(tokens), tostring(closed_until - now)} end
tokens = math.min(full, tokens + math.max(0, now - filled_at) * rate)
local granted = math.min(wanted, math.floor(tokens))
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'filled_at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], 3600)
return {granted, tostring(tokens), '0'}
"""

CLOSE = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1e6
local until_ = now + tonumber(ARGV[1])
local known = tonumber(redis.call('HGET', KEYS[1], 'closed_until')) or 0
if until_ > known then
  redis.call('HSET', KEYS[1], 'closed_until', string.format('%.6f', until_))
end
redis.call('EXPIRE', KEYS[1], 3600)
return 1
"""


class RedisPace:
    """Buckets that all workers share. While Redis is away, each process keeps its own.

    Buckets are about politeness to a provider, not about truth: a message is rather sent at up to
    as many times the pace as there are processes than not at all.
    """

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, health_check_interval=25
        )
        self._take = self._redis.register_script(TAKE)
        self._close = self._redis.register_script(CLOSE)
        self._own = InProcessPace()

    def take(self, sender: str, wanted: int, *, per_second: float) -> Grant:
        full = max(per_second, 1.0)
        try:
            answer = cast(
                "list[Any]",
                self._take(keys=[_key(sender)], args=[wanted, per_second, full]),
            )
        except redis.RedisError as error:
            log.warning("pace.redis_away", cause=type(error).__name__)
            return self._own.take(sender, wanted, per_second=per_second)
        granted, tokens, closed_for = int(answer[0]), float(answer[1]), float(answer[2])
        if closed_for > 0:
            return Grant(0, timedelta(seconds=closed_for))
        return Grant(granted, _wait(wanted - granted, tokens, per_second))

    def slow_down(self, sender: str, for_: timedelta) -> None:
        self._own.slow_down(sender, for_)
        seconds = min(for_, LONGEST_WAIT).total_seconds()
        try:
            self._close(keys=[_key(sender)], args=[seconds])
        except redis.RedisError as error:
            log.warning("pace.redis_away", cause=type(error).__name__)


def _key(sender: str) -> str:
    # The sender is the clinic's own number or address, never a patient's.
    return f"followup:pace:{sender}"


def _wait(short: int, tokens: float, per_second: float) -> timedelta:
    """Return how long it takes until the bucket holds what was not granted."""
    if short <= 0:
        return timedelta()
    return timedelta(seconds=min((short - tokens) / per_second, LONGEST_WAIT.total_seconds()))
