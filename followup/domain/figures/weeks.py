"""Weeks of a clinic: from Monday to Monday by its clock."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from followup.domain.protocols.timing import instant_at

WEEK = timedelta(days=7)


def week_of(at: datetime, zone: ZoneInfo) -> date:
    """Return the Monday of the week to which a time belongs where the clinic is."""
    local = at.astimezone(zone).date()
    return local - timedelta(days=local.weekday())


def bounds_of(week: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when a week begins and when it is over: not always seven times 24 hours later."""
    begins, ends = (instant_at(day, time.min, zone=zone) for day in (week, week + WEEK))
    return begins, ends


def weeks_between(first: date, last: date) -> list[date]:
    """Return the Mondays from one to another, both included."""
    return [first + number * WEEK for number in range((last - first) // WEEK + 1)]
