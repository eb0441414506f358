"""Calendar days as people type them into the boxes of a form."""

from __future__ import annotations

from datetime import date

YEARS = range(1800, 2201)
"""Beyond these a year is a slip: a phone number in the wrong box, or digits typed twice."""


def real_day(year: str | int, month: str | int, day: str | int) -> date:
    """Return the day; raise `ValueError` for what is none, however long its digits are."""
    numbers = [int(part) for part in (year, month, day)]
    if numbers[0] not in YEARS or max(numbers[1:]) > 31:  # noqa: PLR2004 - days of a month
        message = "there is no such day"
        raise ValueError(message)
    return date(*numbers)
