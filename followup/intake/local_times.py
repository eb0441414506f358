"""Local times and dates as people and spreadsheets write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from followup.domain.errors import InvalidInput

EXAMPLE = "write it like 2026-10-23T14:30 or 23/10/2026 14:30"

# Day first, as in the United Kingdom; Excel turns dates into this form there.
WRITTEN_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
WRITTEN_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def parse_time(text: str, *, zone: ZoneInfo, field: str = "procedure_at") -> datetime:
    """Return a time in UTC; one without an offset is meant by the clocks of `zone`.

    Raises `InvalidInput` for what is no time, and for one that the clocks skip or show twice.
    """
    return _settled(_read(text.strip(), field=field), zone=zone, field=field)


def parse_bound(text: str, *, zone: ZoneInfo, field: str) -> datetime:
    """Return a time as `parse_time` does; a date alone means the midnight at which it begins."""
    try:
        day = parse_day(text, field=field)
    except InvalidInput:
        return parse_time(text, zone=zone, field=field)
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def parse_day(text: str, *, field: str = "patient.date_of_birth") -> date:
    """Return a date, written as 1956-04-30 or 30/04/1956."""
    written = text.strip()
    try:
        if match := WRITTEN_DAY.fullmatch(written):
            day, month, year = (int(part) for part in match.groups())
            return date(year, month, day)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", written):
            return date.fromisoformat(written)
    except ValueError:
        pass
    raise InvalidInput.of(field, "this is not a date; write it like 1956-04-30 or 30/04/1956")


def _read(written: str, *, field: str) -> datetime:
    day, _, clock = written.partition(" ")
    try:
        if WRITTEN_DAY.fullmatch(day) and clock:
            return datetime.combine(parse_day(day), _read_clock(clock.strip()))
        if len(written) > len("2026-10-23"):
            return datetime.fromisoformat(written)
    except (ValueError, InvalidInput):
        pass
    raise InvalidInput.of(field, f"{_fault(written)}; {EXAMPLE}")


def _fault(written: str) -> str:
    try:
        parse_day(written)
    except InvalidInput:
        return "this is not a date and time"
    return "the time of day is missing"


def _read_clock(written: str) -> time:
    match = WRITTEN_TIME.fullmatch(written)
    if match is None:
        raise ValueError("no time of day")
    hour, minute, second = match.groups(default="0")
    return time(int(hour), int(minute), int(second))


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
