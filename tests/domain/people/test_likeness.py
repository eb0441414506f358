"""Likeness of people: which birth dates may be one, and which NHS numbers."""

from __future__ import annotations

from datetime import date

import pytest

from followup.domain.people.likeness import is_nearly_birthday, numbers_agree
from tests.support.people import nhs_number

BORN = date(1958, 3, 12)


@pytest.mark.parametrize(
    ("typed", "nearly"),
    [
        (date(1985, 3, 12), True),
        (date(1958, 12, 3), True),
        (date(1958, 3, 21), True),
        (date(1959, 3, 12), True),
        (date(1957, 3, 12), True),
        (date(1958, 3, 13), True),
        (date(1958, 8, 12), True),
        (date(1958, 3, 15), True),
        (date(1968, 3, 12), True),
        (date(1985, 12, 3), False),
        (date(1958, 8, 13), False),
        (date(1960, 4, 12), False),
    ],
    ids=str,
)
def test_a_birthday_is_nearly_another_that_it_may_be_mistyped_for(typed, nearly):
    assert is_nearly_birthday(BORN, typed) is nearly
    assert is_nearly_birthday(typed, BORN) is nearly


def test_digits_are_swapped_in_whichever_order_a_date_is_written():
    # 11/02 and 10/12 by their days, 02-11 and 01-21 by their months.
    assert is_nearly_birthday(date(1958, 2, 11), date(1958, 12, 10))
    assert is_nearly_birthday(date(1958, 2, 11), date(1958, 1, 21))


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
