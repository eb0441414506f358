"""Procedure times of CSV cells: noon, a time before its date, a weekday behind it, no year."""

from __future__ import annotations

import re
from datetime import date, timedelta

from followup.domain.errors import InvalidInput
from followup.domain.file_shape import LONGEST_AHEAD
from followup.intake.csv_dates import (
    FIRST_SERIAL_DAY,
    SERIAL,
    SHORT_YEAR,
    USUAL,
    day_of,
    parted,
    serial_day,
    serial_moment,
    spaced,
)
from followup.intake.local_times import DATE_BEGINS, EXAMPLE, MONTH

EARLIEST_PROCEDURE = timedelta(days=7)
FRACTION = re.compile(r"0?\.(?:\d|\d{3,})", re.ASCII)
UNCLEAR_FRACTION = re.compile(r"0?\.\d\d", re.ASCII)
HOURS = re.compile(r"(?<=\d\d) ?h(?:(?:ou)?rs?\.?)?(?![^\W\d])", re.IGNORECASE | re.ASCII)
NOON = re.compile(r"\b(?:12(?:[:.]00)? ?)?(?:noon|midday)\b", re.IGNORECASE)

_CLOCK = (
    r"(?P<clock>\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s?[ap]\.?m\.?)?|\d{1,2}\s?[ap]\.?m\.?|"
    r"(?!(?:19|20)\d\d$)\d{4})"
)
"""A time; four digits at the end of a cell that could be a year are none."""
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


def procedure_in_full(cell: str, *, today: date, field: str) -> str:
    """Return a procedure's date, and its time if the cell has one, as `local_times` reads them.

    Raises `InvalidInput` for a serial number of a day on which no procedure could be enrolled, and
    for a date without a year, unless the day of the week says which of these weeks is meant.
    """
    if USUAL.fullmatch(cell):
        return cell
    if match := SERIAL.fullmatch(cell):
        day = serial_day(match)
        if not _is_of_these_weeks(day, today=today):
            raise InvalidInput.of(
                field,
                "a spreadsheet wrote this date as a number, and it is not the date of a procedure "
                f"of these weeks: give the column a date format; {EXAMPLE}",
            )
        return serial_moment(day, match[2], field=field)
    written = parted(_with_clock(cell))
    if match := TIME_FIRST.fullmatch(written):
        written = f"{match['day']} {match['clock']}"
    if match := WEEKDAY_BEHIND.fullmatch(written):
        written = f"{match['weekday']} {match['date']}{match['rest']}"
    if match := NO_YEAR.fullmatch(written):
        written = _of_these_weeks(match, today=today, field=field)
    return SHORT_YEAR.sub(r"\g<before>20\g<year>", written)


def clock_in_full(cell: str) -> str:
    """Return a time of day; of a spreadsheet's fraction of a day, the time that it stands for."""
    field = "procedure_time"
    if UNCLEAR_FRACTION.fullmatch(cell):
        raise InvalidInput.of(
            field,
            "this could be just after midnight or a spreadsheet's fraction of a day: write the "
            "time like 14:30",
        )
    if FRACTION.fullmatch(cell):
        fraction = cell.partition(".")[2]
        return serial_moment(FIRST_SERIAL_DAY, fraction, field=field).partition("T")[2]
    return _with_clock(cell)


def _of_these_weeks(match: re.Match[str], *, today: date, field: str) -> str:
    """Return a date that has a day of the week with the year in which it is of these weeks."""
    if match["weekday"]:
        mark, month = ("/", match["number"]) if match["number"] else (" ", match["month"])
        for year in (today.year - 1, today.year, today.year + 1):
            written = f"{match['day']}{mark}{month}{mark}{year}"
            day = day_of(written)
            if day is not None and _is_of_these_weeks(day, today=today):
                return f"{match['weekday']} {written} {match['clock'] or ''}".strip()
    raise InvalidInput.of(field, f"the year is missing: {EXAMPLE}")


def _is_of_these_weeks(day: date, *, today: date) -> bool:
    return today - EARLIEST_PROCEDURE <= day <= today + LONGEST_AHEAD


def _with_clock(cell: str) -> str:
    """Return a cell with noon as 12:00, and without the word hours."""
    return NOON.sub("12:00", HOURS.sub("", spaced(cell)))
