"""Times relative to a procedure, on the clocks of the patient's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from followup.domain.protocols.timing import (
    After,
    FromProcedure,
    FromTarget,
    OnDay,
    OnEnrolment,
    Procedure,
    StartOfDay,
    bound_of,
    clock_changed,
    instant_at,
    target_of,
)

LONDON = ZoneInfo("Europe/London")
HAVANA = ZoneInfo("America/Havana")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def procedure(text: str, zone: ZoneInfo = LONDON) -> Procedure:
    return Procedure(at=at(text), zone=zone)


def test_a_wall_time_that_the_clocks_skip_moves_forward_by_what_was_skipped():
    assert instant_at(date(2027, 3, 28), time(1, 30), zone=LONDON) == at("2027-03-28T02:30+01:00")


def test_of_a_wall_time_that_the_clocks_show_twice_the_first_counts():
    assert instant_at(date(2026, 10, 25), time(1, 30), zone=LONDON) == at("2026-10-25T01:30+01:00")


def test_the_second_showing_can_not_be_asked_for():
    second = time(1, 30, fold=1)

    assert instant_at(date(2026, 10, 25), second, zone=LONDON) == at("2026-10-25T01:30+01:00")


def test_a_procedure_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="needs an offset"):
        Procedure(at=datetime(2026, 10, 23, 14, 30), zone=LONDON)  # noqa: DTZ001 - the point


def test_a_procedure_is_kept_in_utc_whatever_offset_it_was_given_in():
    kept = procedure("2026-10-23T14:30+01:00").at

    assert kept.tzinfo is UTC
    assert kept == at("2026-10-23T13:30Z")


def test_a_procedure_just_after_local_midnight_belongs_to_the_local_day():
    # 00:15 in London on the 24th is still the 23rd in UTC.
    just_after_midnight = procedure("2026-10-23T23:15Z")

    assert just_after_midnight.on_day(0, time(19)) == at("2026-10-24T19:00+01:00")


TARGETS = {
    "enrolled after": (OnEnrolment(), "2026-10-23T15:00+01:00", "2026-10-23T15:00+01:00"),
    "enrolled before": (OnEnrolment(), "2026-10-20T15:00+01:00", "2026-10-23T14:30+01:00"),
    "elapsed": (After(timedelta(hours=48)), "2026-10-23T15:00+01:00", "2026-10-25T13:30Z"),
    "day": (OnDay(2, time(10)), "2026-10-23T15:00+01:00", "2026-10-25T10:00Z"),
}


@pytest.mark.parametrize(("timing", "enrolled_at", "expected"), TARGETS.values(), ids=TARGETS)
def test_a_target_is(timing, enrolled_at, expected):
    treated = procedure("2026-10-23T14:30+01:00")

    assert target_of(timing, treated, enrolled_at=at(enrolled_at)) == at(expected)


BOUNDS = {
    "from the procedure": (FromProcedure(timedelta(days=7)), "2026-10-30T13:30Z"),
    "from the target": (FromTarget(timedelta(hours=5)), "2026-10-24T13:30+01:00"),
    "start of the last summer day": (StartOfDay(1), "2026-10-24T00:00+01:00"),
    "start of the first winter day": (StartOfDay(3), "2026-10-26T00:00Z"),
}


@pytest.mark.parametrize(("bound", "expected"), BOUNDS.values(), ids=BOUNDS)
def test_a_bound_is(bound, expected):
    treated = procedure("2026-10-23T14:30+01:00")

    assert bound_of(bound, treated, target=at("2026-10-24T08:30+01:00")) == at(expected)


def test_the_day_after_28_february_is_the_29th_in_a_leap_year_only():
    assert procedure("2028-02-28T14:30Z").on_day(1, time(10)) == at("2028-02-29T10:00Z")
    assert procedure("2027-02-28T14:30Z").on_day(1, time(10)) == at("2027-03-01T10:00Z")


CHANGED = {
    "elapsed time over the autumn change": (After(timedelta(hours=24)), "2026-10-24T14:30+01:00"),
    "elapsed time over the spring change": (After(timedelta(hours=24)), "2027-03-27T14:30Z"),
    "a bound over the change": (FromProcedure(timedelta(days=7)), "2026-10-24T14:30+01:00"),
    "a time of day that is skipped": (OnDay(1, time(1, 30)), "2027-03-27T14:30Z"),
}
UNCHANGED = {
    "elapsed time over no change": (After(timedelta(hours=24)), "2026-10-23T14:30+01:00"),
    "elapsed time over both changes": (After(timedelta(days=200)), "2026-10-24T14:30+01:00"),
    "a bound over no change": (FromProcedure(timedelta(hours=2)), "2026-10-24T14:30+01:00"),
    "a time of day over the change": (OnDay(1, time(10)), "2026-10-24T14:30+01:00"),
    "a time of day that comes twice": (OnDay(1, time(1, 30)), "2026-10-24T14:30+01:00"),
    "a midnight": (StartOfDay(1), "2026-10-24T14:30+01:00"),
    "on enrolment": (OnEnrolment(), "2026-10-24T14:30+01:00"),
    "from the target": (FromTarget(timedelta(hours=24)), "2026-10-24T14:30+01:00"),
}


@pytest.mark.parametrize(("timing", "procedure_at"), CHANGED.values(), ids=CHANGED)
def test_a_clock_change_shows_in(timing, procedure_at):
    assert clock_changed(timing, procedure(procedure_at))


@pytest.mark.parametrize(("timing", "procedure_at"), UNCHANGED.values(), ids=UNCHANGED)
def test_no_clock_change_shows_in(timing, procedure_at):
    assert not clock_changed(timing, procedure(procedure_at))


def test_where_midnight_itself_is_skipped_the_day_begins_an_hour_later():
    # Cuba moves its clocks at midnight.
    before = procedure("2027-03-13T14:30-05:00", HAVANA)

    assert before.on_day(1, time.min) == at("2027-03-14T01:00-04:00")
    assert clock_changed(StartOfDay(1), before)
