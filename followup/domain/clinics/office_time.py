"""Time that counts only while the clinic's office is open: by when a person should have looked."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from followup.domain.clinics.clinic import OfficeHours

FARTHEST_DAYS = 60
"""An office that stays closed for longer has another trouble: the limit is then plain time."""


def after_office_time(
    start: datetime,
    span: timedelta,
    *,
    hours: OfficeHours,
    zone: ZoneInfo,
    holidays: Container[date] = frozenset(),
) -> datetime:
    """Return the moment, in UTC, by which the office was open for `span` since `start`.

    Four hours from Friday 16:00 end on Monday at noon where the office is open from 9 to 5; on a
    bank holiday no time passes.
    """
    left = span
    for opens, closes in _periods(start.astimezone(zone).date(), hours, zone, holidays):
        begins = max(opens, start)
        if begins >= closes:
            continue
        if left <= closes - begins:
            return begins + left
        left -= closes - begins
    return start.astimezone(UTC) + span


def while_open_or_first(
    start: datetime,
    span: timedelta,
    *,
    hours: OfficeHours,
    zone: ZoneInfo,
    holidays: Container[date] = frozenset(),
) -> datetime:
    """Return the moment, in UTC, that is `span` of office time ahead, or the next opening.

    What comes while the office is closed is looked at first thing when it opens; so is what the
    day has no time left for.
    """
    for opens, closes in _periods(start.astimezone(zone).date(), hours, zone, holidays):
        if start < opens:
            return opens
        if start + span <= closes:
            return (start + span).astimezone(UTC)
    return start.astimezone(UTC) + span


def _periods(
    first: date, hours: OfficeHours, zone: ZoneInfo, holidays: Container[date]
) -> Iterator[tuple[datetime, datetime]]:
    for day in (first + timedelta(days=days) for days in range(FARTHEST_DAYS)):
        period = hours.week[day.weekday()]
        if period is not None and day not in holidays:
            yield _utc(day, period.opens, zone), _utc(day, period.closes, zone)


def _utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
