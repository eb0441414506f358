"""Formats: dates, times, spans, counts and capitals as people write them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


def day(at: datetime | date, zone: ZoneInfo | None = None) -> str:
    """Return a date as people write it: Mon 19 Oct 2026."""
    local = at.astimezone(zone) if isinstance(at, datetime) and zone else at
    return f"{local:%a} {local.day} {local:%b} {local.year}"


def week_day(at: date) -> str:
    """Return a date without its weekday, as of weeks that all begin on Monday: 19 Oct 2026."""
    return f"{at.day} {at:%b %Y}"


def clock(at: datetime, zone: ZoneInfo | None = None) -> str:
    """Return a time of day as people say it: 9am, 2:30pm, midday, midnight."""
    local = at.astimezone(zone) if zone else at
    if local.minute == 0 and local.hour in {0, 12}:
        return "midday" if local.hour else "midnight"
    hour, half = local.hour % 12 or 12, "am" if local.hour < 12 else "pm"  # noqa: PLR2004
    return f"{hour}:{local:%M}{half}" if local.minute else f"{hour}{half}"


def moment(at: datetime, zone: ZoneInfo | None = None) -> str:
    """Return a date and time: Mon 19 Oct 2026, 2:30pm."""
    return f"{day(at, zone)}, {clock(at, zone)}"


def day_and_time(local: datetime) -> str:
    """Return a date and time by the 24-hour clock, for columns: Mon 19 Oct 2026 14:30."""
    return f"{day(local)} {local:%H:%M}"


def span(elapsed: timedelta) -> str:
    """Return a span in the largest unit that tells something: 40 minutes, 3 hours, 2 days."""
    minutes = int(abs(elapsed).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    for least, per, unit in ((2880, 1440, "day"), (120, 60, "hour")):
        if minutes >= least:
            return count(minutes // per, unit)
    return count(minutes, "minute")


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: 1 message, 2 messages."""
    noun = singular if number == 1 else plural or f"{singular}s"
    return f"{number:,} {noun}"


def capital(text: str) -> str:
    """Return a clause as the beginning of a sentence; the rest keeps its capitals."""
    return text[:1].upper() + text[1:]


def small(text: str) -> str:
    """Return a label as part of a sentence: a capital that is not the first one stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
