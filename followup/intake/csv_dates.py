"""Dates of CSV cells that only lists have: short years and none, times before dates, serial numbers.

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
from followup.intake.local_times import (
    DATE_BEGINS,
    DAY_EXAMPLE,
    EXAMPLE,
    MONTH,
    NIGHT,
    UNMARKED,
    parse_day,
)

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
_CLOCK = (
    r"(?P<clock>\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s?[ap]\.?m\.?)?|\d{1,2}\s?[ap]\.?m\.?|"
    r"(?!(?:19|20)\d\d$)\d{4})"
)
_WEEKDAY = r"(?P<weekday>(?:mon|tues?|wed(?:nes|s)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?)"
_MONTH = re.sub(r"\?P<\w+>", "?:", MONTH)
TIME_FIRST = re.compile(
    rf"{_CLOCK},? (?:on )?(?P<day>(?:{DATE_BEGINS}|\d{{4}}[/.-]|{_WEEKDAY},? ).*)",
    re.IGNORECASE | re.ASCII,
)
WEEKDAY_BEHIND = re.compile(
    rf"(?P<date>\d.*?)(?:,? |, ?)\(?{_WEEKDAY}\)?,?(?P<rest>| .*)", re.IGNORECASE | re.ASCII
)
NO_YEAR = re.compile(
    rf"(?:{_WEEKDAY},? )?(?P<day>\d{{1,2}})(?:(?:st|nd|rd|th)?(?: |-| of )(?P<month>{_MONTH})|"
    rf"[/.-](?P<number>\d{{1,2}}))(?:,?(?: at | @ ?| ){_CLOCK})?",
    re.IGNORECASE | re.ASCII,
)
HOURS = re.compile(r"(?<=\d\d) ?h(?:(?:ou)?rs?\.?)?(?![^\W\d])", re.IGNORECASE | re.ASCII)
NOON = re.compile(r"\b(?:12(?:[:.]00)? ?)?(?:noon|midday)\b", re.IGNORECASE)
IN_ONE = tuple(
    re.compile(rf"{date}(?:(?P<clock>\d{{4}})(?:\d\d)?|(?P<rest>|[ T,].*))", re.ASCII)
    for date in (
        r"(?P<day>\d\d)(?P<month>0\d|1[0-2])(?P<year>(?:19|20)\d\d)",
        r"(?P<year>(?:19|20)\d\d)(?P<month>0\d|1[0-2])(?P<day>\d\d)",
    )
)
"""Eight digits. None can be read in both ways: no month begins with 19 or 20."""
_AGE, _YEARS = r"aged?:? ?", r" ?y(?:(?:ea)?rs?)?\.?(?: ?\d{1,2} ?m(?:on)?(?:ths?)?)?(?: old)?"
AGE = re.compile(
    rf"(?P<born>.*?\d)[ ,;-]*(?:\((?:{_AGE})?(\d{{1,3}})(?:{_YEARS})?\)|"
    rf"{_AGE}(\d{{1,3}})(?:{_YEARS})?|(?<=[ ,;-])(\d{{1,3}}){_YEARS})",
    re.IGNORECASE | re.ASCII,
)
"""A birth date with an age behind it: (44y), aged 44, 44 yrs."""

TWO_CENTURIES = (
    "the year has two digits, and this could be a child or somebody of a hundred years: write all "
    f"four digits; {DAY_EXAMPLE}"
)


NO_YEAR_THERE = f"the year is missing: {EXAMPLE}"


def birth_date_in_full(cell: str, *, today: date, field: str = "date_of_birth") -> str:
    """Return a birth date with a year of four digits: of the last hundred years or so.

    Raises `InvalidInput` where a year could be of either century, for a serial number that is
    no birthday, and where an age stands beside the date that is not the patient's.
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
    written = _spaced(cell)
    aged = AGE.fullmatch(written)
    in_full = SHORT_YEAR.sub(
        partial(_birth_year, today=today, field=field),
        _parted(aged["born"] if aged else written),
    )
    if aged:
        _must_be_of_age(in_full, int(aged[aged.lastindex or 0]), today=today, field=field)
    return in_full


def procedure_in_full(cell: str, *, today: date, field: str) -> str:
    """Return a procedure's date, and its time if the cell has one, as `local_times` reads them.

    Raises `InvalidInput` for a serial number of a day on which no procedure could be enrolled, and
    for a date without a year, unless the day of the week says which of these weeks is meant.
    """
    if match := SERIAL.fullmatch(cell):
        day = _serial_day(match)
        if not _is_of_these_weeks(day, today=today):
            raise InvalidInput.of(
                field,
                "a spreadsheet wrote this date as a number, and it is not the date of a procedure "
                f"of these weeks: give the column a date format; {EXAMPLE}",
            )
        return _serial_moment(day, match[2], field=field)
    written = _parted(_with_clock(cell))
    if match := TIME_FIRST.fullmatch(written):
        written = f"{match['day']} {match['clock']}"
    if match := WEEKDAY_BEHIND.fullmatch(written):
        written = f"{match['weekday']} {match['date']}{match['rest']}"
    if match := NO_YEAR.fullmatch(written):
        written = _of_these_weeks(match, today=today, field=field)
    return SHORT_YEAR.sub(r"\g<before>20\g<year>", written)


def clock_in_full(cell: str) -> str:
    """Return a time of day; of a spreadsheet's fraction of a day, the time that it stands for."""
    if UNCLEAR_FRACTION.fullmatch(cell):
        raise InvalidInput.of(
            "procedure_time",
            "this could be just after midnight or a spreadsheet's fraction of a day: write the "
            "time like 14:30",
        )
    if FRACTION.fullmatch(cell):
        fraction = cell.partition(".")[2]
        moment = _serial_moment(FIRST_SERIAL_DAY, fraction, field="procedure_time")
        return moment.partition("T")[2]
    return _with_clock(cell)


def _must_be_of_age(born: str, age: int, *, today: date, field: str) -> None:
    """Raise `InvalidInput` for an age that a patient has neither now nor within a year of it."""
    day = _day_of(born)
    if day is not None:
        years = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
        if abs(years - age) > 1:
            raise InvalidInput.of(
                field, "the age beside it does not fit this date: correct one of them"
            )


def _of_these_weeks(match: re.Match[str], *, today: date, field: str) -> str:
    """Return a date that has a day of the week with the year in which it is of these weeks."""
    if match["weekday"]:
        mark, month = ("/", match["number"]) if match["number"] else (" ", match["month"])
        for year in (today.year - 1, today.year, today.year + 1):
            written = f"{match['day']}{mark}{month}{mark}{year}"
            day = _day_of(written)
            if day is not None and _is_of_these_weeks(day, today=today):
                return " ".join((match["weekday"], written, match["clock"] or "")).strip()
    raise InvalidInput.of(field, NO_YEAR_THERE)


def _is_of_these_weeks(day: date, *, today: date) -> bool:
    return today - EARLIEST_PROCEDURE <= day <= today + LONGEST_AHEAD


def _with_clock(cell: str) -> str:
    """Return a cell with noon as 12:00, and without the word hours."""
    return NOON.sub("12:00", HOURS.sub("", _spaced(cell)))


def _parted(written: str) -> str:
    """Return a text with the eight digits of a date that it begins with as 1965-08-17."""
    for pattern in IN_ONE:
        if match := pattern.fullmatch(written):
            day = f"{match['year']}-{match['month']}-{match['day']}"
            return f"{day} {match['clock']}" if match["clock"] else f"{day}{match['rest']}"
    return written


def _birth_year(match: re.Match[str], *, today: date, field: str) -> str:
    year = today.year // 100 * 100 + int(match["year"])
    born = _day_of(f"{match['before']}{year}")
    if year > today.year or (born is not None and born > today):
        year -= 100
    elif today.year - (year - 100) <= OLDEST:
        raise InvalidInput.of(field, TWO_CENTURIES)
    return f"{match['before']}{year}"


def _day_of(written: str) -> date | None:
    try:
        return parse_day(written)
    except InvalidInput:
        return None


def _serial_day(match: re.Match[str]) -> date:
    return FIRST_SERIAL_DAY + timedelta(days=int(match[1]))


def _serial_moment(day: date, fraction: str | None, *, field: str) -> str:
    """Return a day with the part of it that is over, to the nearest minute.

    Raises `InvalidInput` for what a spreadsheet makes of 2:30, whichever half of the day was meant.
    """
    part = Decimal(f"0.{fraction or 0}") * MINUTES_OF_DAY
    minutes = int(part.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    moment = datetime.combine(day, time.min) + timedelta(minutes=minutes)
    if moment.hour in NIGHT:
        raise InvalidInput.of(field, UNMARKED)
    return moment.isoformat()


def _spaced(cell: str) -> str:
    return " ".join(cell.split())
