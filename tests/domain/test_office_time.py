"""Office time: only the hours count in which somebody can be there."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from followup.domain.clinics.clinic import OfficeHours, OpenPeriod
from followup.domain.clinics.office_time import after_office_time, while_open_or_first

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


class EveryDay:
    """Holidays without end."""

    def __contains__(self, day: object) -> bool:
        return True


@pytest.mark.parametrize(
    ("start", "holidays", "expected"),
    [
        (
            datetime(2026, 11, 20, 15, tzinfo=UTC),
            frozenset(),
            datetime(2026, 11, 20, 16, tzinfo=UTC),
        ),
        (
            datetime(2026, 11, 20, 16, 30, tzinfo=UTC),
            frozenset(),
            datetime(2026, 11, 23, 9, tzinfo=UTC),
        ),
        (
            datetime(2026, 11, 21, 3, tzinfo=UTC),
            frozenset({date(2026, 11, 23)}),
            datetime(2026, 11, 24, 9, tzinfo=UTC),
        ),
        # The clocks go back on Sunday: Monday's nine is an hour later than Friday's.
        (
            datetime(2026, 10, 23, 20, tzinfo=UTC),
            frozenset(),
            datetime(2026, 10, 26, 9, tzinfo=UTC),
        ),
        (datetime(2026, 3, 27, 20, tzinfo=UTC), frozenset(), datetime(2026, 3, 30, 8, tzinfo=UTC)),
        (
            datetime(2026, 11, 20, 15, tzinfo=UTC),
            EveryDay(),
            datetime(2026, 11, 20, 16, tzinfo=UTC),
        ),
    ],
    ids=["open", "no-time-left", "bank-holiday", "clocks-back", "clocks-forward", "never-open"],
)
def test_a_reply_is_read_within_an_hour_of_office_time_or_first_thing(start, holidays, expected):
    found = while_open_or_first(
        start, timedelta(hours=1), hours=WEEK, zone=LONDON, holidays=holidays
    )

    assert found == expected
