"""Dates of CSV cells that only lists have: years of two digits, times before dates, serial numbers.

Each is made what `local_times` reads, where it can mean one thing alone; the rest is left to it, or
refused with what to write. What people type in the console is not read so freely.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial

from followup.domain.errors import InvalidInput
from followup.domain.file_shape import LONGEST_AHEAD
from followup.intake.local_times import DATE_BEGINS, DAY_EXAMPLE, EXAMPLE, parse_day

FIRST_SERIAL_DAY = date(1899, 12, 30)
"""Day 0 of spreadsheets' dates from March 1900 on (the 1900 system)."""
SERIAL = re.compile(r"(\d{5})(?:\.(\d+))?", re.ASCII)
FRACTION = re.compile(r"0?\.(?:\d|\d{3,})", re.ASCII)
UNCLEAR_FRACTION = re.compile(r"0?\.\d\d", re.ASCII)
EARLIEST_PROCEDURE = timedelta(days=7)
OLDEST = 105
"""So old a patient may be whose year has two digits."""
MINUTES_OF_DAY = 1440

SHORT_YEAR = re.compile(
    rf"^(?P<before>(?:{DATE_BEGINS}))['\N{{RIGHT SINGLE QUOTATION MARK}}]?(?P<year>\d\d)"
    r"(?=$|,|[ T]\s?\S)",
    re.IGNORECASE | re.ASCII,
)
TIME_FIRST = re.compile(
    r"(?P<clock>\d{1,2}[:.]\d\d(?::\d\d)?(?:\s?[ap]\.?m\.?)?|\d{1,2}\s?[ap]\.?m\.?|\d{4})"
    r"(?: ?hrs?\.?| ?h)?,? (?:on )?(?P<day>\S.*)",
    re.IGNORECASE | re.ASCII,
)
HOURS = re.compile(r"(?<=\d\d) ?h(?:rs?\.?)?", re.IGNORECASE | re.ASCII)

TWO_CENTURIES = (
    "the year has two digits, and this could be a child or somebody of a hundred years: write all "
    f"four digits; {DAY_EXAMPLE}"
)


def birth_date_in_full(cell: str, *, today: date, field: str = "date_of_birth") -> str:
    """Return a birth date with a year of four digits: of the last hundred years or so.

    Raises `InvalidInput` where a year could be of either century, and for a serial number that is
    no birthday.
    """
    if match := SERIAL.fullmatch(cell):
        born = _serial_day(match)
        if (match[2] or "").strip("0") or born > today:
            raise InvalidInput.of(
                field,
                "this number is not a date on which a patient could have been born: give the "
                f"column a date format; {DAY_EXAMPLE}",
            )
        return born.isoformat()
    return SHORT_YEAR.sub(partial(_birth_year, today=today, field=field), _spaced(cell))


def procedure_in_full(cell: str, *, today: date, field: str) -> str:
    """Return a procedure's date, and its time if the cell has one, as `local_times` reads them.

    Raises `InvalidInput` for a serial number of a day on which no procedure could be enrolled.
    """
    if match := SERIAL.fullmatch(cell):
        day = _serial_day(match)
        if not today - EARLIEST_PROCEDURE <= day <= today + LONGEST_AHEAD:
            raise InvalidInput.of(
                field,
                "a spreadsheet wrote this date as a number, and it is not the date of a procedure "
                f"of these weeks: give the column a date format; {EXAMPLE}",
            )
        return _serial_moment(day, match[2])
    written = HOURS.sub("", _spaced(cell))
    if (match := TIME_FIRST.fullmatch(written)) and _day_of(_this_century(match["day"])):
        written = f"{match['day']} {match['clock']}"
    return _this_century(written)


def clock_in_full(cell: str) -> str:
    """Return a time of day; of a spreadsheet's fraction of a day, the time that it stands for."""
    if UNCLEAR_FRACTION.fullmatch(cell):
        raise InvalidInput.of(
            "procedure_time",
            "this could be just after midnight or a spreadsheet's fraction of a day: write the "
            "time like 14:30",
        )
    if FRACTION.fullmatch(cell):
        return _serial_moment(FIRST_SERIAL_DAY, cell.partition(".")[2]).partition("T")[2]
    return HOURS.sub("", _spaced(cell))


def _birth_year(match: re.Match[str], *, today: date, field: str) -> str:
    year = today.year // 100 * 100 + int(match["year"])
    born = _day_of(f"{match['before']}{year}")
    if year > today.year or (born is not None and born > today):
        year -= 100
    elif today.year - (year - 100) <= OLDEST:
        raise InvalidInput.of(field, TWO_CENTURIES)
    return f"{match['before']}{year}"


def _this_century(written: str) -> str:
    return SHORT_YEAR.sub(r"\g<before>20\g<year>", written)


def _day_of(written: str) -> date | None:
    try:
        return parse_day(written)
    except InvalidInput:
        return None


def _serial_day(match: re.Match[str]) -> date:
    return FIRST_SERIAL_DAY + timedelta(days=int(match[1]))


def _serial_moment(day: date, fraction: str | None) -> str:
    """Return a day with the part of it that is over, to the nearest minute."""
    part = Decimal(f"0.{fraction or 0}") * MINUTES_OF_DAY
    minutes = int(part.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    moment = datetime.combine(day, time.min) + timedelta(minutes=minutes)
    return moment.isoformat()


def _spaced(cell: str) -> str:
    return " ".join(cell.split())
