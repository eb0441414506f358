"""Office time: only the hours count in which somebody can be there."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from followup.domain.clinics.clinic import OfficeHours, OpenPeriod
from followup.domain.clinics.office_time import after_office_time

LONDON = ZoneInfo("Europe/London")
DAYTIME = OpenPeriod(time(9), time(17))
WEEK = OfficeHours((DAYTIME,) * 5 + (None, None))
FRIDAY = datetime(2026, 11, 20, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "holidays", "expected"),
    [
        (timedelta(minutes=30), frozenset(), datetime(2026, 11, 20, 16, 30, tzinfo=UTC)),
        (timedelta(hours=4), frozenset(), datetime(2026, 11, 23, 12, tzinfo=UTC)),
        (
            timedelta(hours=4),
            frozenset({date(2026, 11, 23)}),
            datetime(2026, 11, 24, 12, tzinfo=UTC),
        ),
    ],
    ids=["same-day", "over-the-weekend", "bank-holiday"],
)
def test_only_office_hours_count(span, holidays, expected):
    found = after_office_time(FRIDAY, span, hours=WEEK, zone=LONDON, holidays=holidays)

    assert found == expected


def test_before_opening_the_time_runs_from_the_opening():
    early = datetime(2026, 11, 20, 6, tzinfo=UTC)

    found = after_office_time(early, timedelta(hours=1), hours=WEEK, zone=LONDON)

    assert found == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_an_office_that_never_opens_has_plain_time():
    never = OfficeHours((None,) * 7)

    found = after_office_time(FRIDAY, timedelta(hours=4), hours=never, zone=LONDON)

    assert found == FRIDAY + timedelta(hours=4)
