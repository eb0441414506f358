"""Times of HL7 v2 (TS, DTM): as precise as they are written, with or without an offset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

WRITTEN = re.compile(
    r"(?P<day>\d{8})(?P<clock>\d{2}(?:\d{2}(?:\d{2})?)?)?(?:\.\d{1,6})?(?P<offset>[+-]\d{4})?"
)


def read_moment(text: str, *, zone: ZoneInfo) -> datetime:
    """Return a time in UTC, where it has no offset by the clocks of `zone`.

    A day without a time is its midnight. Of a time that the clocks show twice it is the first: the
    systems that write it so can't tell either. Raises `ValueError` for what is no time.
    """
    match = WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError("no date and time")
    clock = (match["clock"] or "").ljust(6, "0")
    wall = datetime.strptime(f"{match['day']}{clock}", "%Y%m%d%H%M%S")  # noqa: DTZ007 - it follows
    if not match["offset"]:
        return wall.replace(tzinfo=zone).astimezone(UTC)
    sign = -1 if match["offset"][0] == "-" else 1
    span = timedelta(hours=int(match["offset"][1:3]), minutes=int(match["offset"][3:]))
    return wall.replace(tzinfo=timezone(sign * span)).astimezone(UTC)


def is_midnight(text: str) -> bool:
    """Say whether a time is what systems write that know only the day."""
    match = WRITTEN.fullmatch(text)
    return match is not None and not (match["clock"] or "").strip("0")


def read_day(text: str) -> date:
    """Return the day of a date, or of a time that somebody put where a date belongs."""
    match = WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError("no date")
    digits = match["day"]
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
