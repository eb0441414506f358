"""Times of a step in words, before and after the procedure."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from followup.domain.protocols.timing import (
    After,
    Before,
    Bound,
    FromProcedure,
    FromTarget,
    OnDay,
    OnEnrolment,
    StartOfDay,
    Timing,
)
from followup.wording.protocols.timing import send_between, when
from tests.support.apps import shipped_catalogue

STEP = shipped_catalogue().protocols["nerve-root-block"].step("dressing")
DUE: list[tuple[Timing, str]] = [
    (Before(timedelta(days=14)), "14 days before the procedure"),
    (Before(timedelta(hours=24)), "24 hours before the procedure"),
    (OnDay(-1, time(10)), "The day before at 10am"),
    (OnDay(-3, time(8, 30)), "3 days before at 8:30am"),
    (OnDay(0, time(19)), "On the day at 7pm"),
    (OnDay(2, time(10)), "Day 2 at 10am"),
    (After(timedelta(hours=24)), "24 hours after the procedure"),
    (OnEnrolment(), "At once on enrolment"),
]


@pytest.mark.parametrize(("timing", "told"), DUE, ids=[told for _, told in DUE])
def test_when_a_step_is_due_is_told_from_the_procedure(timing, told):
    assert when(replace(STEP, occurrences=(timing,))) == told


THREE_DAYS = "the day 3 days before"
BOUNDS: list[tuple[Bound, Bound, str]] = [
    (
        FromProcedure(timedelta(days=-15)),
        FromProcedure(timedelta(days=-3)),
        "15 days before the procedure and 3 days before the procedure",
    ),
    (
        StartOfDay(-3),
        FromTarget(timedelta(days=9)),
        f"the beginning of {THREE_DAYS} and 9 days after it is due, but before the procedure",
    ),
]


@pytest.mark.parametrize(("not_before", "not_after", "told"), BOUNDS, ids=["before", "too late"])
def test_what_is_for_before_the_procedure_is_said_to_end_with_it(not_before, not_after, told):
    step = replace(
        STEP,
        occurrences=(Before(timedelta(days=14)),),
        not_before=not_before,
        not_after=not_after,
    )

    assert send_between(step) == told
