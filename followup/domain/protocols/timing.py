"""When a step is due and when it is useful: times relative to one patient's procedure.

Elapsed offsets are spans of real time ("24 h" is 24 hours, whatever the clocks do); days are the
patient's calendar, counted from the local date of the procedure, which is day 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=4096)
def instant_at(day: date, wall: time, *, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which the clocks of `zone` show `wall` on `day`.

    A time that the clocks skip moves forward by what was skipped; of a time that they show twice,
    the first counts. Patients share days, so what was worked out is kept.
    """
    return datetime.combine(day, wall.replace(fold=0), tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """When the patient was treated (`at`, kept in UTC), and whose clock the follow-up goes by."""

    at: datetime
    zone: ZoneInfo
    local_day: date = field(init=False, repr=False, compare=False)
    """Day 0 on the patient's calendar."""
    offset: timedelta | None = field(init=False, repr=False, compare=False)
    """Of the patient's clock from UTC at the procedure."""

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise ValueError("a procedure time needs an offset from UTC")
        object.__setattr__(self, "at", self.at.astimezone(UTC))
        local = self.at.astimezone(self.zone)
        object.__setattr__(self, "local_day", local.date())
        object.__setattr__(self, "offset", local.utcoffset())

    def on_day(self, day: int, wall: time) -> datetime:
        """Return the UTC instant of `wall` on the patient's day `day`; day 0 is the procedure's."""
        return instant_at(self.local_day + timedelta(days=day), wall, zone=self.zone)


@dataclass(frozen=True, slots=True)
class OnEnrolment:
    """At once, but not before the procedure: a patient may be enrolled some days ahead of it."""


@dataclass(frozen=True, slots=True)
class After:
    """Elapsed time after the procedure."""

    elapsed: timedelta


@dataclass(frozen=True, slots=True)
class Before:
    """Elapsed time before the procedure."""

    elapsed: timedelta


@dataclass(frozen=True, slots=True)
class OnDay:
    """A time on the patient's clock, so many calendar days after the procedure.

    Of a day before it the number is negative.
    """

    day: int
    at: time


Timing = OnEnrolment | After | Before | OnDay


def comes_before(timing: Timing) -> bool:
    """Say whether it means a time before the procedure: its advice is of no use after that."""
    return isinstance(timing, Before) or (isinstance(timing, OnDay) and timing.day < 0)


@dataclass(frozen=True, slots=True)
class FromProcedure:
    """A bound of a window: elapsed time after the procedure; negative before it."""

    elapsed: timedelta


@dataclass(frozen=True, slots=True)
class FromTarget:
    """A bound of a window: elapsed time after the message's own target."""

    elapsed: timedelta


@dataclass(frozen=True, slots=True)
class StartOfDay:
    """A bound of a window: midnight, by the patient's clock, at which that day begins."""

    day: int


Bound = FromProcedure | FromTarget | StartOfDay


def target_of(timing: Timing, procedure: Procedure, *, enrolled_at: datetime) -> datetime:
    """Return the UTC instant that a timing means for this patient."""
    if isinstance(timing, OnEnrolment):
        return max(procedure.at, enrolled_at.astimezone(UTC))
    if isinstance(timing, After):
        return procedure.at + timing.elapsed
    if isinstance(timing, Before):
        return procedure.at - timing.elapsed
    return procedure.on_day(timing.day, timing.at)


def bound_of(bound: Bound, procedure: Procedure, *, target: datetime) -> datetime:
    """Return the UTC instant that a bound means for the message with this target."""
    if isinstance(bound, FromProcedure):
        return procedure.at + bound.elapsed
    if isinstance(bound, FromTarget):
        return target + bound.elapsed
    return procedure.on_day(bound.day, time.min)


def end_of(bound: Bound, timing: Timing, procedure: Procedure, *, target: datetime) -> datetime:
    """Return when the window of a message with this timing is over.

    Of one that comes before the procedure that is the procedure at the latest, whatever the bound.
    """
    end = bound_of(bound, procedure, target=target)
    return min(end, procedure.at) if comes_before(timing) else end


def clock_changed(timing: Timing | Bound, procedure: Procedure) -> bool:
    """Say whether a clock change makes the timing show another hour than plain counting would.

    True where the clocks changed within an elapsed time, and where they skip the time of a day.
    """
    if isinstance(timing, OnEnrolment | FromTarget):
        return False
    if isinstance(timing, After | Before | FromProcedure):
        elapsed = -timing.elapsed if isinstance(timing, Before) else timing.elapsed
        ended = (procedure.at + elapsed).astimezone(procedure.zone)
        return ended.utcoffset() != procedure.offset
    wall = timing.at if isinstance(timing, OnDay) else time.min
    return procedure.on_day(timing.day, wall).astimezone(procedure.zone).time() != wall
