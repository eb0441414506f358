"""Dates of birth as staff type them to find somebody, and every day that each may mean.

Writing a date down allows no guess (`followup.intake.local_times`). Looking for one may try each
day that is meant perhaps: of 30/4/57 that in either century, as nobody else was born on the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date

from followup.domain.errors import InvalidInput

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
CENTURIES = (1900, 2000)
_WORD = (
    r"(?P<word>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY, _YEAR = r"(?P<day>\d{1,2})", r"['’]?(?P<year>\d{4}|\d{2})"
_IN_NUMBERS, _GAP = r"\s?[ /.-]\s?", r"[\s.,/-]*"
WRITTEN = tuple(
    re.compile(rf"(?<!\w){pattern}(?!\w)", re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"(?P<year>\d{{4}}){_IN_NUMBERS}(?P<month>\d{{1,2}}){_IN_NUMBERS}{_DAY}",
        rf"{_DAY}{_IN_NUMBERS}(?P<month>\d{{1,2}}){_IN_NUMBERS}{_YEAR}",
        rf"{_DAY}(?:st|nd|rd|th)?{_GAP}(?:of\s+)?{_WORD}{_GAP}{_YEAR}",
        rf"{_WORD}{_GAP}{_DAY}(?:st|nd|rd|th)?[\s.,/-]+{_YEAR}",
    )
)
"""17/5/1957, 17.5.57, 1957-05-17, 17th of May 1957, 17may57, May 17, 1957: the day before the month
where both are numbers."""
IN_ONE = re.compile(r"(?<!\w)(?:\d{8}|\d{6})(?!\w)", re.ASCII)
IN_ONE_ORDERS = (
    re.compile(r"(?P<day>\d\d)(?P<month>\d\d)(?P<year>(?:19|20)\d\d|\d\d)"),
    re.compile(r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)"),
)
"""170557, 17051957 and 19570517."""


def take_date(text: str) -> tuple[str, frozenset[date]]:
    """Return what is left of a text without its date, and the days that the date may mean.

    Raises `InvalidInput` for a date that is none. Digits in one that are none are left where they
    are: they may be something else.
    """
    for pattern in WRITTEN:
        if found := pattern.search(text):
            days = frozenset(_days(found))
            if not days:
                message = "there is no such date: write the date of birth as 17/5/1957"
                raise InvalidInput.of("wanted", message)
            return _without(text, found), days
    for found in IN_ONE.finditer(text):
        orders = (order.fullmatch(found[0]) for order in IN_ONE_ORDERS)
        if days := frozenset(day for each in orders if each for day in _days(each)):
            return _without(text, found), days
    return text, frozenset()


def _days(found: re.Match[str]) -> Iterator[date]:
    parts = found.groupdict()
    word, year = parts.get("word"), int(parts["year"])
    month = MONTHS.index(word[:3].lower()) + 1 if word else int(parts["month"])
    for whole in [year] if len(parts["year"]) > 2 else [first + year for first in CENTURIES]:  # noqa: PLR2004 - digits
        with suppress(ValueError):
            yield date(whole, month, int(parts["day"]))


def _without(text: str, found: re.Match[str]) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}"
