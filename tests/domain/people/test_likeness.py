"""Likeness of people: which birth dates may be one, and which NHS numbers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from followup.domain.people.likeness import is_nearly_birthday, near_birthdays, numbers_agree
from tests.support.people import nhs_number

CENTURY = [date(1920, 1, 1) + timedelta(days=day) for day in range(366 * 100)]


@pytest.mark.parametrize(
    "born",
    [date(1958, 3, 12), date(1960, 7, 1), date(1972, 2, 29), date(1999, 12, 31), date(2001, 10, 9)],
    ids=str,
)
def test_all_birthdays_that_one_may_be_mistyped_for_are_looked_for(born):
    found = list(near_birthdays(born))

    nearly = {day for day in CENTURY if is_nearly_birthday(born, day)} - {born}
    assert nearly == {day for day in found if day in set(CENTURY)}
    assert born not in found
    # So many keys are looked up for each row of a list.
    assert len(found) == len(set(found)) < 60


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (None, nhs_number(7), True),
        (nhs_number(7), nhs_number(7), True),
        (nhs_number(7), "9990000581", True),
        (nhs_number(7), nhs_number(8), False),
    ],
)
def test_two_numbers_are_one_persons_where_their_digits_are(one, other, agree):
    assert numbers_agree(one, other) is agree
    assert numbers_agree(other, one) is agree
