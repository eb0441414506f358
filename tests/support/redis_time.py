"""The time by a Redis server's clock, for what keeps its time there.

    redis_time = RedisTime(redis_url)
    with redis_time.around() as span:            # bounds on when something happened there
        pace.take(…)
    redis_time.let_pass(0.5, key, "at", "held_until")

A machine that is busy makes the bounds wide, and fails nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from redis import Redis


@dataclass
class Span:
    """When something began and ended, in seconds."""

    began: float
    ended: float

    def since(self, earlier: Span) -> tuple[float, float]:
        """Return the least and the most that may have passed since something earlier."""
        return self.began - earlier.ended, self.ended - earlier.began


class RedisTime:
    """A clock to be read, and stamps kept by it to be moved back, as if that time had passed.

    Called, it tells its seconds with what was let pass: a clock for what is to keep step.
    """

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url)
        self._passed = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._redis.close()

    def __call__(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6 + self._passed

    @contextmanager
    def around(self) -> Iterator[Span]:
        """Bound when what is done meanwhile happens in Redis."""
        began = self()
        span = Span(began, began)
        yield span
        span.ended = self()

    def let_pass(self, seconds: float, key: str, *stamps: str) -> None:
        """Let so much time pass for what is kept under a key."""
        for name in stamps:
            kept = self._redis.hget(key, name)
            if kept is not None and float(kept):
                self._redis.hset(key, name, f"{max(float(kept) - seconds, 1):.6f}")
        self._passed += seconds
