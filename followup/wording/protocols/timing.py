"""Timing of a step in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from followup.domain.protocols.protocol import Step
from followup.domain.protocols.timing import (
    After,
    Before,
    Bound,
    FromProcedure,
    OnDay,
    StartOfDay,
    Timing,
    comes_before,
)
from followup.wording.formats import capital, clock, count, span

ANY_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - lends its date to a time of day


def when(step: Step) -> str:
    """Return when each occurrence of a step is due: `day 2 at 10am, day 5 at 10am`."""
    told = ", ".join(map(_due, step.occurrences))
    return capital(told)


def send_between(step: Step) -> str:
    """Return between which times a step may be sent."""
    told = f"{_bound(step.not_before)} and {_bound(step.not_after)}"
    # What a bound may say otherwise: nothing of it is sent after the procedure.
    late = [each for each in step.occurrences if comes_before(each)]
    ends = isinstance(step.not_after, FromProcedure) and step.not_after.elapsed <= timedelta()
    return f"{told}, but before the procedure" if late and not ends else told


def _due(timing: Timing) -> str:
    if isinstance(timing, OnDay):
        at = clock(datetime.combine(ANY_DAY, timing.at))
        if timing.day < 0:
            return f"{_days_before(timing.day)} at {at}"
        return f"on the day at {at}" if timing.day == 0 else f"day {timing.day} at {at}"
    if isinstance(timing, Before):
        return f"{_span(timing.elapsed)} before the procedure"
    if isinstance(timing, After):
        return f"{_span(timing.elapsed)} after the procedure"
    return "at once on enrolment"


def _bound(bound: Bound) -> str:
    if isinstance(bound, StartOfDay):
        before = "the day before" if bound.day == -1 else f"the day {-bound.day} days before"
        day = before if bound.day < 0 else f"day {bound.day}"
        return f"the beginning of {day}"
    if isinstance(bound, FromProcedure) and bound.elapsed < timedelta():
        return f"{_span(-bound.elapsed)} before the procedure"
    if isinstance(bound, FromProcedure):
        return f"{_span(bound.elapsed)} after the procedure" if bound.elapsed else "the procedure"
    return f"{_span(bound.elapsed)} after it is due"


def _days_before(day: int) -> str:
    return "the day before" if day == -1 else f"{-day} days before"


def _span(elapsed: timedelta) -> str:
    hours = int(elapsed.total_seconds() // 3600)
    days, rest = divmod(hours, 24)
    if days >= 2 and not rest:  # noqa: PLR2004 - a day and more is said in hours
        return count(days, "day")
    return count(hours, "hour") if hours else span(elapsed)
