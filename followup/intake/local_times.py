"""Local times and dates as people and spreadsheets write them.

The day stands before the month, as in the United Kingdom. Nothing is guessed: another order, a year
of two digits and a bare number are refused, each with what to do. A month in letters may stand
first, for then there is nothing to guess.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from enum import Enum
from zoneinfo import ZoneInfo

from followup.domain.errors import InvalidInput

EXAMPLE = "write it like 2026-10-23T14:30 or 23/10/2026 14:30"
DAY_EXAMPLE = "write it like 1956-04-30 or 30/04/1956"
MIDNIGHT = (
    "this is midnight, which a spreadsheet adds to a date without a time: write the time of the "
    "procedure (00:01 if it was at midnight)"
)

UNMARKED = (
    "this could be in the afternoon or at night: write the time with 24 hours, such as 14:30, or "
    "02:30 if it is at night"
)

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKDAYS = tuple(name[:3].lower() for name in DAY_NAMES)
_WEEKDAY = (
    r"(?:(?P<weekday>mon|tue|wed|thu|fri|sat|sun)"
    r"(?:day|s|sday|nesday|r|rs|rsday|urday)?\.?,?\s)?"
)
MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>\d{4}|\d{2})"
DATE_BEGINS = "|".join(
    re.sub(r"\?P<\w+>", "?:", pattern)
    for pattern in (
        rf"{_WEEKDAY}(?:\d{{1,2}}/\d{{1,2}}/|\d{{1,2}}\.\d{{1,2}}\.|\d{{1,2}}-\d{{1,2}}-)",
        rf"{_WEEKDAY}{_DAY}[ -]?(?:of )?{MONTH},?[ -]?",
        rf"{_WEEKDAY}{MONTH}[ -]{_DAY},?[ -]",
    )
)
"""A date as far as its year, without groups that have names."""
DAYS = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        r"(?P<year>\d{4})(?P<mark>[/.-])(?P<month>\d{2})(?P=mark)(?P<day>\d{2})",
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?P<mark>[/.-])(?P<month>\d{{1,2}})(?P=mark){_YEAR}",
        rf"{_WEEKDAY}{_DAY}[ -]?(?:of )?{MONTH},?[ -]?{_YEAR}",
        rf"{_WEEKDAY}{MONTH}[ -]{_DAY},?[ -]{_YEAR}",
    )
)
CLOCK = (
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?)?"
    r"\s?(?P<half>[ap]\.?m\.?)?|(?P<joined>\d{4})"
)
TIME = re.compile(CLOCK, re.IGNORECASE | re.ASCII)
DAY_AND_TIME = re.compile(
    rf"(?P<date>.{{6,}}?)(?:,? (?:at |@ ?)?|T)(?:{CLOCK})", re.IGNORECASE | re.ASCII
)
IN_NUMBERS = re.compile(r"(?:.*?\s)?(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}\b", re.ASCII)
NO_TIME = re.compile(r"(?<=\d)[ T]00:00(?::00(?:\.0+)?)?", re.ASCII)
NUMBER = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
NOON = 12
LONGEST_MONTH = 31
NIGHT = range(1, 7)
"""The hours that nobody means who writes 2:30 for a procedure, and that can't be ruled out."""
BY_TWELVE = re.compile(
    rf"(?:.*\d\d,?(?: at| @)? |.*\d\dT)?[{NIGHT[0]}-{NIGHT[-1]}](?:[:.]\d\d)+(?:[.,]\d+)?",
    re.IGNORECASE | re.ASCII,
)
"""A time with such an hour in one digit, and without AM or PM, by itself or behind a date."""


def parse_time(text: str, *, zone: ZoneInfo, field: str = "procedure_at") -> datetime:
    """Return a time in UTC; one without an offset is meant by the clocks of `zone`.

    Raises `InvalidInput` for what is no time, and for one that the clocks skip or show twice.
    """
    return _settled(_read(_spaced(text), field=field), zone=zone, field=field)


def parse_procedure_time(text: str, *, zone: ZoneInfo, field: str = "procedure_at") -> datetime:
    """Return a time as `parse_time` does; midnight and 2:30 are asked back, never believed."""
    written = _spaced(text)
    moment = _read(written, field=field)
    if (moment.hour, moment.minute) == (0, 0):
        raise InvalidInput.of(field, MIDNIGHT)
    if BY_TWELVE.fullmatch(written):
        raise InvalidInput.of(field, UNMARKED)
    return _settled(moment, zone=zone, field=field)


def parse_bound(text: str, *, zone: ZoneInfo, field: str) -> datetime:
    """Return a time as `parse_time` does; a date alone means the midnight at which it begins."""
    try:
        day = parse_day(text, field=field)
    except InvalidInput:
        return parse_time(text, zone=zone, field=field)
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def parse_day(text: str, *, field: str = "patient.date_of_birth") -> date:
    """Return a date, written as 1956-04-30, 30/04/1956 or 30 April 1956.

    The midnight that programs put behind a date says nothing.
    """
    written = NO_TIME.sub("", _spaced(text))
    found = _day(written)
    if found is None:
        raise InvalidInput.of(field, f"{_day_fault(written)}; {DAY_EXAMPLE}")
    return found


def parse_clock(text: str, *, field: str) -> time:
    """Return a procedure's time of day, written as 14:30, 14.30, 1430 or 2:30 PM."""
    written = _spaced(text)
    match = TIME.fullmatch(written)
    found = _clock(match) if match else None
    if found is None:
        raise InvalidInput.of(field, "this is not a time of day; write it like 14:30 or 2:30 PM")
    if BY_TWELVE.fullmatch(written):
        raise InvalidInput.of(field, UNMARKED)
    return found


def month_number(name: str) -> int:
    """Return which month a name means, `may` or `Sept.`; raise `ValueError` for another word."""
    if re.fullmatch(MONTH, name, re.IGNORECASE | re.ASCII) is None:
        raise ValueError(name)
    return MONTHS.index(name[:3].lower()) + 1


class DateOrder(Enum):
    """Which number of a date is its month, as far as the numbers say."""

    DAY_FIRST, MONTH_FIRST, EITHER = range(3)


def date_order(text: str) -> DateOrder | None:
    """Return how a date in numbers, or the one that a time begins with, can be read.

    None is what is no such date, or the same in both ways.
    """
    match = IN_NUMBERS.match(text)
    first, second = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 0 < min(first, second) <= len(MONTHS) or first == second:
        return None
    if second > len(MONTHS):
        return DateOrder.MONTH_FIRST if second <= LONGEST_MONTH else None
    if first > len(MONTHS):
        return DateOrder.DAY_FIRST if first <= LONGEST_MONTH else None
    return DateOrder.EITHER


def _spaced(text: str) -> str:
    """Return the text with a plain space for each run of any, and none about a stroke."""
    return re.sub(r"(?<=\d) ?/ ?(?=\d)", "/", " ".join(text.split()))


def _read(written: str, *, field: str) -> datetime:
    match = DAY_AND_TIME.fullmatch(written)
    day = _day(match["date"]) if match else None
    clock = _clock(match) if match else None
    if day is not None and clock is not None:
        return datetime.combine(day, clock)
    if len(written) > len("2026-10-23") and _day(written) is None:
        try:
            return datetime.fromisoformat(written)
        except ValueError:
            pass
    raise InvalidInput.of(field, f"{_time_fault(written, match)}; {EXAMPLE}")


def _day(written: str) -> date | None:
    for pattern in DAYS:
        if match := pattern.fullmatch(written):
            found = _date(match)
            weekday = match.groupdict().get("weekday")
            if found and weekday and WEEKDAYS[found.weekday()] != weekday.lower():
                return None
            return found
    return None


def _date(match: re.Match[str]) -> date | None:
    month = match["month"]
    number = int(month) if month.isdigit() else MONTHS.index(month[:3].lower()) + 1
    try:
        return date(int(match["year"]), number, int(match["day"])) if match["year"][2:] else None
    except ValueError:
        return None


def _clock(match: re.Match[str]) -> time | None:
    if joined := match["joined"]:
        hour, minute, second, half = int(joined[:2]), int(joined[2:]), 0, ""
    else:
        hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
        half = (match["half"] or "").lower()
        if not (match["minute"] or half):
            return None
    if half:
        if not 1 <= hour <= NOON:
            return None
        hour = hour % NOON + (NOON if half.startswith("p") else 0)
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def _time_fault(written: str, match: re.Match[str] | None) -> str:
    if _day(written) is not None:
        return "the time of day is missing"
    if NUMBER.fullmatch(written):
        return _day_fault(written)
    day = match["date"] if match else written
    fault = _day_fault(day)
    return "this is not a date and time" if fault == _NO_DAY else fault


_NO_DAY = "this is not a date"


def _day_fault(written: str) -> str:
    """Return what is wrong with a date that can't be read, in as far as it can be told."""
    if NUMBER.fullmatch(written):
        return "a spreadsheet wrote this date as a number: give the column a date format"
    if date_order(written) is DateOrder.MONTH_FIRST:
        return "there is no such month: swap the numbers, to put the day before the month"
    for pattern in DAYS:
        match = pattern.fullmatch(written)
        if match and not match["year"][2:]:
            return "the year has two digits: write all four"
        said = match and match.groupdict().get("weekday")
        if match and said and (found := _date(match)):
            day, other = DAY_NAMES[found.weekday()], DAY_NAMES[WEEKDAYS.index(said.lower())]
            return f"this date is a {day}, not a {other}: correct one of them"
    return _NO_DAY


def _settled(moment: datetime, *, zone: ZoneInfo, field: str) -> datetime:
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        first, second = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first == second:
            return first
        skipped = first.astimezone(zone).replace(tzinfo=None) != moment
    except OverflowError:
        raise InvalidInput.of(field, f"this is no time near our own; {EXAMPLE}") from None
    if skipped:
        raise InvalidInput.of(
            field, f"the clocks in {zone.key} skip this time; check it, or write it with its offset"
        )
    options = " or ".join(at.astimezone(zone).isoformat() for at in (first, second))
    raise InvalidInput.of(
        field, f"the clocks in {zone.key} show this time twice; write it as {options}"
    )
