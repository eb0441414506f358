"""The day on which a text is due, as the rules count it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.domain.protocols.timing import After, Before


@pytest.mark.parametrize(
    ("timing", "day"),
    [(Before(timedelta(days=14)), -14), (After(timedelta(hours=47)), 1)],
    ids=["before", "after"],
)
def test_the_day_of_a_text_is_counted_from_the_procedure(say, step_on, timing, day: int):
    assert say("Words", step=step_on(timing)).day == day
