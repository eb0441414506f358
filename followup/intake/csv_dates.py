"""Dates of CSV cells as only lists have them: serial numbers, short years, eight digits.

What a cell can mean alone is made what `local_times` reads; the rest is left to it, or refused with
what to write. What people type in the console is not read so freely.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from followup.domain.errors import InvalidInput
from followup.intake.local_times import DATE_BEGINS, NIGHT, UNMARKED, parse_day

FIRST_SERIAL_DAY = date(1899, 12, 30)
"""Day 0 of spreadsheets' dates from March 1900 on (the 1900 system)."""
SERIAL = re.compile(r"(\d{5})(?:\.(\d+))?", re.ASCII)
MINUTES_OF_DAY = 1440
USUAL = re.compile(r"(?:\d{1,2}/\d{1,2}/\d{4}|\d{4}-\d\d-\d\d)(?:[ T]\d\d:\d\d)?", re.ASCII)
"""What nearly all lists write, and nothing has to be made of."""
SHORT_YEAR = re.compile(
    rf"^(?P<before>(?:{DATE_BEGINS}))['\N{{RIGHT SINGLE QUOTATION MARK}}]?(?P<year>\d\d)"
    r"(?=$|,|[ T]\s?\S)",
    re.IGNORECASE | re.ASCII,
)
EIGHT_DIGITS = tuple(
    re.compile(rf"{date}(?:(?P<clock>\d{{4}})(?:\d\d)?|(?P<rest>|[ T,].*))", re.ASCII)
    for date in (
        r"(?P<day>\d\d)(?P<month>0\d|1[0-2])(?P<year>(?:19|20)\d\d)",
        r"(?P<year>(?:19|20)\d\d)(?P<month>0\d|1[0-2])(?P<day>\d\d)",
    )
)
"""17081965, 19650817, and with a time. None can be read in both ways: no month is 19 or 20."""


def day_of(written: str) -> date | None:
    """Return the day of a date that is written in full, or None where it is none."""
    try:
        return parse_day(written)
    except InvalidInput:
        return None


def parted(written: str) -> str:
    """Return a text with the eight digits of a date that it begins with as 1965-08-17."""
    for pattern in EIGHT_DIGITS:
        if match := pattern.fullmatch(written):
            day = f"{match['year']}-{match['month']}-{match['day']}"
            return f"{day} {match['clock']}" if match["clock"] else f"{day}{match['rest']}"
    return written


def serial_day(match: re.Match[str]) -> date:
    """Return the day of a match of `SERIAL`."""
    return FIRST_SERIAL_DAY + timedelta(days=int(match[1]))


def serial_moment(day: date, fraction: str | None, *, field: str) -> str:
    """Return a day with the part of it that is over, to the nearest minute.

    Raises `InvalidInput` for what a spreadsheet makes of 2:30, whichever half of the day was meant.
    """
    part = Decimal(f"0.{fraction or 0}") * MINUTES_OF_DAY
    minutes = int(part.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    moment = datetime.combine(day, time.min) + timedelta(minutes=minutes)
    if moment.hour in NIGHT:
        raise InvalidInput.of(field, UNMARKED)
    return moment.isoformat()


def spaced(cell: str) -> str:
    """Return a cell with one space for each run of any."""
    return " ".join(cell.split())
