"""Clock: the only module that asks for the time, and two clocks that play time faster.

*Service time* is what schedules, windows and states live in; *real time* is what leases, time-outs
and providers live in. They differ only in a rehearsal, which never reaches a real provider.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Protocol

from followup.domain.errors import ConfigurationError

FASTEST = 86_400.0
"""A day a second: at more, a tick a second would step over whole clinical windows."""


class Clock(Protocol):
    """Tells service time and real time, both aware and in UTC. Safe to share between threads."""

    def now(self) -> datetime:
        """Return the service time."""

    def real_now(self) -> datetime:
        """Return the real time."""

    def after_real(self, elapsed: timedelta | float) -> datetime:
        """Return the service time that lies that much real time (or seconds) ahead."""

    def real_delay(self, delta: timedelta) -> timedelta:
        """Return how much real time it takes until `delta` of service time has passed."""


def _system_now() -> datetime:
    return datetime.now(UTC)


def machine_nanoseconds() -> int:
    """Return nanoseconds since 1970 by this machine's own clock, for traces: nobody is asked."""
    return time.time_ns()


def _counter() -> float:
    """Return seconds by a counter that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(_COUNTER)


_COUNTER: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SharedTime:
    """The real time as one source tells it to every process, whatever their machines' clocks say.

    `ask` returns the source's time, or None while it can't be asked. It is asked again after
    `ASK_AGAIN` seconds; between two answers a counter runs that nobody can set. A machine whose
    clock is minutes wrong must neither send early nor take another's lease for over.
    """

    ASK_AGAIN = 10.0
    LONGEST_ANSWER = 1.0
    """Seconds: an answer that took longer tells too little of when it was true."""

    def __init__(
        self, ask: Callable[[], datetime | None], *, seconds: Callable[[], float] = _counter
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._asking = Lock()
        self._ask_at = float("-inf")
        # The source's time at this reading of the counter. Replaced whole: it is read unlocked.
        self._known = (_system_now(), seconds())

    def __call__(self) -> datetime:
        """Return the time in UTC; never raises, and never waits for another thread's question."""
        if self._seconds() >= self._ask_at and self._asking.acquire(blocking=False):
            try:
                self._ask_now()
            finally:
                self._asking.release()
        at, reading = self._known
        return at + timedelta(seconds=self._seconds() - reading)

    def _ask_now(self) -> None:
        before = self._seconds()
        told = self._ask()
        after = self._seconds()
        self._ask_at = after + self.ASK_AGAIN
        if told is not None and after - before <= self.LONGEST_ANSWER:
            self._known = (told, (before + after) / 2)


class SystemClock:
    """Service time is real time: the machine's, unless `real` tells another."""

    def __init__(self, *, real: Callable[[], datetime] = _system_now) -> None:
        self._real = real

    def now(self) -> datetime:
        return self._real()

    def real_now(self) -> datetime:
        return self._real()

    def after_real(self, elapsed: timedelta | float) -> datetime:
        return self.now() + _as_timedelta(elapsed)

    def real_delay(self, delta: timedelta) -> timedelta:
        return delta


class TimeLapseClock:
    """Service time runs `speed` times as fast as real time, alike in every process that is told so.

    It was, or will be, `service_epoch` at the real time `real_epoch`. `real` tells the real time.
    """

    def __init__(
        self,
        service_epoch: datetime,
        real_epoch: datetime,
        *,
        speed: float,
        real: Callable[[], datetime] = _system_now,
    ) -> None:
        if not (math.isfinite(speed) and 0 < speed <= FASTEST):
            raise ValueError(f"the speed must be above 0 and at most {FASTEST:.0f}, not {speed}")
        self.service_epoch = _as_utc(service_epoch)
        self.real_epoch = _as_utc(real_epoch)
        self.speed = speed
        self._real = real

    def now(self) -> datetime:
        return self.service_epoch + (self.real_now() - self.real_epoch) * self.speed

    def real_now(self) -> datetime:
        return self._real()

    def after_real(self, elapsed: timedelta | float) -> datetime:
        return self.now() + _as_timedelta(elapsed) * self.speed

    def real_delay(self, delta: timedelta) -> timedelta:
        return delta / self.speed

    def __str__(self) -> str:
        """Return the value of FOLLOWUP_CLOCK that makes this clock in another process."""
        return f"{_iso(self.service_epoch)}={_iso(self.real_epoch)}@{self.speed:.15g}"


class SteppingClock:
    """Service time stands still until it is moved: a demonstration steps from event to event.

    A delay of real time is counted as that much service time, so a lease or a receipt that is due
    "in two seconds" comes due when the clock is moved that far.
    """

    def __init__(self, start: datetime) -> None:
        self._now = _as_utc(start)
        self._lock = Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def real_now(self) -> datetime:
        return _system_now()

    def after_real(self, elapsed: timedelta | float) -> datetime:
        return self.now() + _as_timedelta(elapsed)

    def real_delay(self, delta: timedelta) -> timedelta:
        return delta

    def advance_to(self, moment: datetime) -> None:
        """Move on to `moment`; one that is past already changes nothing, as time never turns."""
        moment = _as_utc(moment)
        with self._lock:
            self._now = max(self._now, moment)


def parse_clock(text: str | None, *, real: Callable[[], datetime] = _system_now) -> Clock:
    """Return the clock that FOLLOWUP_CLOCK asks for; the system's when it is unset or blank.

    `real` tells the clock the real time. Raises `ConfigurationError`, whose text says how to write
    the setting.
    """
    if text is None or not text.strip():
        return SystemClock(real=real)
    service, equals, rest = text.strip().partition("=")
    at_real, at, speed = rest.rpartition("@")
    if not (equals and at):
        raise _refusal(text, "it has three parts, joined by '=' and '@'")
    try:
        clock = TimeLapseClock(_moment(service), _moment(at_real), speed=_speed(speed), real=real)
        clock.now()
    except ValueError as error:
        raise _refusal(text, str(error)) from error
    except OverflowError as error:
        raise _refusal(text, "the clock would be past the year 9999 by now") from error
    return clock


def _moment(text: str) -> datetime:
    try:
        return _as_utc(datetime.fromisoformat(text.strip()))
    except ValueError as error:
        raise ValueError(f"'{text.strip()}' is not a date and time in UTC, ending in Z") from error


def _speed(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"the speed '{text.strip()}' is not a number") from error


def _refusal(text: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"FOLLOWUP_CLOCK is '{text}', but {reason}; write it as service time, real time and speed, "
        "such as 2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@60, or leave it unset"
    )


def _as_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a date and time needs an offset from UTC")
    return moment.astimezone(UTC)


def _as_timedelta(elapsed: timedelta | float) -> timedelta:
    return elapsed if isinstance(elapsed, timedelta) else timedelta(seconds=elapsed)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
