"""When a clinic answers its phone, and when it sends."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from followup.domain.clinics.clinic import OfficeHours, OpenPeriod, SendingHours

LONDON = ZoneInfo("Europe/London")
WEEKDAYS = OfficeHours((OpenPeriod(time(9), time(17)),) * 5 + (None, None))


def local(text: str) -> datetime:
    """Return a moment, given with its offset, on London's clock."""
    return datetime.fromisoformat(text).astimezone(LONDON)


OFFICE = {
    "opening minute": ("2026-06-10T09:00+01:00", True),
    "a minute before": ("2026-06-10T08:59+01:00", False),
    "last minute": ("2026-06-10T16:59+01:00", True),
    "closing minute": ("2026-06-10T17:00+01:00", False),
    "Saturday": ("2026-06-13T12:00+01:00", False),
    "Friday": ("2026-06-12T12:00+01:00", True),
    "Christmas Day, a Friday": ("2026-12-25T12:00+00:00", False),
}


@pytest.mark.parametrize(("moment", "is_open"), OFFICE.values(), ids=OFFICE)
def test_the_office_is_open(moment, is_open):
    holidays = {date(2026, 12, 25)}

    assert WEEKDAYS.is_open(local(moment), holidays) is is_open


def test_without_a_list_of_holidays_there_are_none():
    assert WEEKDAYS.is_open(local("2026-12-25T12:00+00:00"))


OPENINGS = {
    "allowed: at once": ((8, 0), (20, 0), "2026-06-10T19:59+01:00", "2026-06-10T19:59+01:00"),
    "before opening": ((8, 0), (20, 0), "2026-06-10T05:00+01:00", "2026-06-10T08:00+01:00"),
    "at closing": ((8, 0), (20, 0), "2026-06-10T20:00+01:00", "2026-06-11T08:00+01:00"),
    "over New Year": ((8, 0), (20, 0), "2026-12-31T22:00+00:00", "2027-01-01T08:00+00:00"),
    "over the autumn change": ((8, 0), (20, 0), "2026-10-24T22:00+01:00", "2026-10-25T08:00Z"),
    "over the spring change": ((8, 0), (20, 0), "2027-03-27T22:00Z", "2027-03-28T08:00+01:00"),
    "opens in the skipped hour": ((1, 30), (20, 0), "2027-03-28T00:10Z", "2027-03-28T02:30+01:00"),
    "skipped altogether": ((1, 15), (1, 45), "2027-03-28T00:10Z", "2027-03-29T01:15+01:00"),
    "in the first of the repeated hours": (
        (1, 30),
        (2, 0),
        "2026-10-25T01:10+01:00",
        "2026-10-25T01:30+01:00",
    ),
    "in the second of them": ((1, 30), (2, 0), "2026-10-25T01:10+00:00", "2026-10-25T01:30+00:00"),
    "open when the hour repeats": (
        (1, 0),
        (1, 30),
        "2026-10-25T01:45+01:00",
        "2026-10-25T01:00+00:00",
    ),
}


@pytest.mark.parametrize(("opens", "closes", "moment", "expected"), OPENINGS.values(), ids=OPENINGS)
def test_the_next_opening_is(opens, closes, moment, expected):
    hours = SendingHours(time(*opens), time(*closes))

    opening = hours.next_opening(local(moment))

    assert opening == local(expected)
    # Equality of two times of one zone looks at the clock's face alone.
    assert opening.utcoffset() == local(expected).utcoffset()
    assert hours.allows(opening)


def test_the_usual_sending_hours_are_eight_to_eight():
    assert SendingHours() == SendingHours(time(8), time(20))
