"""How a protocol file writes timings and the bounds of windows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from followup.domain.file_shape import LONGEST_AHEAD, Day, Duration, Shape, TimeOfDay
from followup.domain.protocols.timing import (
    After,
    Before,
    FromProcedure,
    FromTarget,
    OnDay,
    OnEnrolment,
    StartOfDay,
)


class OnEnrolmentShape(Shape):
    """At once when the patient is enrolled, but not before the procedure."""

    on_enrolment: Literal[True] = Field(description="always true")

    def timing(self) -> OnEnrolment:
        return OnEnrolment()


def _booked_by_then(before: timedelta) -> timedelta:
    if not timedelta() < before <= LONGEST_AHEAD:
        raise ValueError(
            f"is no time before the procedure at which a patient can be enrolled: write at least "
            f'"1m" and at most "{LONGEST_AHEAD.days}d"'
        )
    return before


class AfterShape(Shape):
    """So much elapsed time after the procedure; a day is 24 hours here."""

    after: Duration = Field(description='elapsed time after the procedure, as in "24h"')

    def timing(self) -> After:
        return After(self.after)

    def bound(self) -> FromProcedure:
        return FromProcedure(self.after)


class BeforeShape(Shape):
    """So much elapsed time before the procedure; a day is 24 hours here."""

    before: Annotated[Duration, AfterValidator(_booked_by_then)] = Field(
        description='elapsed time before the procedure, as in "14d"'
    )

    def timing(self) -> Before:
        return Before(self.before)

    def bound(self) -> FromProcedure:
        return FromProcedure(-self.before)


class OnDayShape(Shape):
    """A time on the patient's clock, so many calendar days after the procedure."""

    day: Day = Field(
        description="days after that of the procedure, which is day 0; -1 is the day before"
    )
    at: TimeOfDay = Field(description='the time on the patient\'s clock, as in "08:30"')

    def timing(self) -> OnDay:
        return OnDay(self.day, self.at)


class AfterTargetShape(Shape):
    """So much elapsed time after the message's own target."""

    after_target: Duration = Field(description='elapsed time after the target, as in "5h"')

    def bound(self) -> FromTarget:
        return FromTarget(self.after_target)


class StartOfDayShape(Shape):
    """Midnight, by the patient's clock, at which that day begins."""

    day: Day = Field(
        description="days after that of the procedure, which is day 0; -1 is the day before"
    )

    def bound(self) -> StartOfDay:
        return StartOfDay(self.day)


def _choice(value: object) -> str | None:
    """Return the tag of the shape that the keys of a table ask for."""
    given = value if isinstance(value, Mapping) else {}
    keys = ("on_enrolment", "after_target", "after", "before", "day", "at")
    chosen = next((key for key in keys if key in given), None)
    return {None: None, "at": "<day>"}.get(chosen, f"<{chosen}>")


def _one_of(*examples: str) -> Discriminator:
    return Discriminator(
        _choice,
        custom_error_type="choice",
        custom_error_message=f"can't be read: write {' or '.join(examples)}",
    )


_ENROLMENT, _DAY_AT, _DAY = "{ on_enrolment = true }", '{ day = 2, at = "10:00" }', "{ day = 1 }"
_AFTER, _AFTER_TARGET = '{ after = "24h" }', '{ after_target = "5h" }'
_BEFORE = '{ before = "14d" }'

TargetShape = Annotated[
    Annotated[OnEnrolmentShape, Tag("<on_enrolment>")]
    | Annotated[AfterShape, Tag("<after>")]
    | Annotated[BeforeShape, Tag("<before>")]
    | Annotated[OnDayShape, Tag("<day>")],
    _one_of(_AFTER, _BEFORE, _DAY_AT, _ENROLMENT),
]
NotBeforeShape = Annotated[
    Annotated[AfterShape, Tag("<after>")]
    | Annotated[BeforeShape, Tag("<before>")]
    | Annotated[StartOfDayShape, Tag("<day>")],
    _one_of(_AFTER, _BEFORE, _DAY),
]
NotAfterShape = Annotated[
    Annotated[AfterShape, Tag("<after>")]
    | Annotated[AfterTargetShape, Tag("<after_target>")]
    | Annotated[BeforeShape, Tag("<before>")]
    | Annotated[StartOfDayShape, Tag("<day>")],
    _one_of(_AFTER, _AFTER_TARGET, _BEFORE, _DAY),
]
