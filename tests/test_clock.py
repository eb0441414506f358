"""Clocks: the system's, the time-lapse one that processes share, and the one that steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.clock import (
    FASTEST,
    SharedTime,
    SteppingClock,
    SystemClock,
    TimeLapseClock,
    parse_clock,
)
from followup.domain.errors import ConfigurationError

SERVICE = datetime(2026, 10, 23, 9, tzinfo=UTC)
REAL = datetime(2026, 11, 22, 14, tzinfo=UTC)
SETTING = "2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@60"


def lapse(*, speed: float = 60, passed: timedelta = timedelta(0)) -> TimeLapseClock:
    return TimeLapseClock(SERVICE, REAL, speed=speed, real=lambda: REAL + passed)


def test_the_system_clock_tells_real_time_in_utc():
    clock = SystemClock()

    before = datetime.now(UTC)
    told, real = clock.now(), clock.real_now()
    after = datetime.now(UTC)

    assert before <= told <= real <= after
    assert told.tzinfo is UTC
    assert real.tzinfo is UTC


def test_with_the_system_clock_a_real_delay_is_a_service_delay():
    clock = SystemClock()

    before = clock.now()
    told = clock.after_real(60)
    after = clock.now()

    assert before <= told - timedelta(seconds=60) <= after
    assert clock.real_delay(timedelta(hours=5)) == timedelta(hours=5)


def test_a_time_lapse_shows_the_service_time_at_its_real_epoch():
    assert lapse().now() == SERVICE
    assert lapse().real_now() == REAL


def test_a_time_lapse_runs_as_many_times_faster_as_its_speed_says():
    clock = lapse(speed=60, passed=timedelta(seconds=90))

    assert clock.now() == SERVICE + timedelta(minutes=90)


def test_a_time_lapse_is_also_right_before_its_real_epoch():
    clock = lapse(speed=60, passed=timedelta(seconds=-10))

    assert clock.now() == SERVICE - timedelta(minutes=10)


def test_a_lease_of_a_minute_lasts_a_real_minute_in_a_time_lapse():
    assert lapse(speed=3600).after_real(60) == SERVICE + timedelta(hours=60)
    assert lapse(speed=3600).after_real(timedelta(minutes=1)) == SERVICE + timedelta(hours=60)


def test_a_window_of_hours_is_seconds_of_real_time_in_a_time_lapse():
    assert lapse(speed=3600).real_delay(timedelta(hours=48)) == timedelta(seconds=48)


@given(
    speed=st.floats(0.01, FASTEST),
    passed=st.timedeltas(timedelta(0), timedelta(days=7)),
    wait=st.timedeltas(timedelta(0), timedelta(hours=1)),
)
def test_what_lies_some_real_time_ahead_is_the_time_when_it_has_passed(speed, passed, wait):
    expected = lapse(speed=speed, passed=passed + wait).now()

    told = lapse(speed=speed, passed=passed).after_real(wait)

    # Each clock rounds to a microsecond of its own.
    assert abs(told - expected) <= timedelta(microseconds=2)


def test_processes_that_share_a_setting_share_the_time():
    real = REAL + timedelta(seconds=10)

    told = [parse_clock(SETTING, real=lambda: real).now() for _process in range(2)]

    assert told == [SERVICE + timedelta(minutes=10)] * 2


@given(
    service=st.timedeltas(timedelta(days=-9000), timedelta(days=27000)).map(SERVICE.__add__),
    real=st.timedeltas(timedelta(days=-90), timedelta(days=90)).map(REAL.__add__),
    speed=st.one_of(st.integers(1, 3600), st.sampled_from([0.5, 1.25])),
)
def test_a_time_lapse_writes_the_setting_that_makes_the_same_clock(service, real, speed):
    clock = TimeLapseClock(service, real, speed=speed, real=lambda: REAL)

    again = parse_clock(str(clock), real=lambda: REAL)

    assert isinstance(again, TimeLapseClock)
    assert again.now() == clock.now()
    assert str(again) == str(clock)


def test_offsets_in_the_setting_are_turned_into_utc():
    setting = "2026-10-23T10:00:00+01:00=2026-11-22T15:00:00+01:00@1.5"

    clock = parse_clock(setting, real=lambda: REAL)

    assert clock.now() == SERVICE
    assert str(clock) == "2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@1.5"


@pytest.mark.parametrize("text", [None, "", "  "], ids=["unset", "empty", "blank"])
def test_without_a_setting_it_is_the_system_clock(text):
    assert isinstance(parse_clock(text), SystemClock)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("60", "joined by '=' and '@'"),
        ("2026-10-23T09:00:00Z@60", "joined by '=' and '@'"),
        ("2026-10-23T09:00:00Z=2026-11-22T14:00:00Z", "joined by '=' and '@'"),
        ("yesterday=2026-11-22T14:00:00Z@60", "'yesterday' is not a date and time in UTC"),
        (
            "2026-10-23T09:00:00=2026-11-22T14:00:00Z@60",
            "'2026-10-23T09:00:00' is not a date and time in UTC, ending in Z",
        ),
        ("2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@fast", "the speed 'fast' is not a number"),
        ("2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@0", "above 0 and at most 86400"),
        ("2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@-60", "above 0 and at most 86400"),
        ("2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@nan", "above 0 and at most 86400"),
        ("2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@100000", "above 0 and at most 86400"),
        ("2026-10-23T09:00:00Z=1826-11-22T14:00:00Z@86400", "past the year 9999"),
    ],
    ids=[
        "speed alone", "no real time", "no speed", "no date", "no offset", "speed in words",
        "standing still", "backwards", "not a number", "too fast", "overflow",
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_clock_is_refused_with_how_to_write_it(text, reason):
    with pytest.raises(ConfigurationError) as refused:
        parse_clock(text, real=lambda: REAL)

    assert "FOLLOWUP_CLOCK" in str(refused.value)
    assert reason in str(refused.value)
    assert "such as 2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@60" in str(refused.value)


def test_a_naive_time_makes_no_clock():
    with pytest.raises(ValueError, match="needs an offset"):
        SteppingClock(datetime(2026, 10, 23, 9))  # noqa: DTZ001


def test_a_stepping_clock_stands_still_until_it_is_moved():
    clock = SteppingClock(SERVICE)

    assert clock.now() == clock.now() == SERVICE

    clock.advance_to(SERVICE + timedelta(days=2))

    assert clock.now() == SERVICE + timedelta(days=2)


def test_a_stepping_clock_never_turns_back():
    clock = SteppingClock(SERVICE)

    clock.advance_to(SERVICE - timedelta(days=1))

    assert clock.now() == SERVICE


def test_a_stepping_clock_tells_utc_whatever_it_is_given():
    clock = SteppingClock(SERVICE.astimezone(timezone(timedelta(hours=1))))

    assert clock.now() == SERVICE
    assert clock.now().tzinfo is UTC


def test_on_a_stepping_clock_a_real_delay_comes_due_when_the_clock_is_moved_that_far():
    clock = SteppingClock(SERVICE)

    assert clock.after_real(2) == SERVICE + timedelta(seconds=2)
    assert clock.real_delay(timedelta(hours=1)) == timedelta(hours=1)


def test_a_stepping_clock_tells_real_time_as_it_is():
    before = datetime.now(UTC)
    real = SteppingClock(SERVICE).real_now()

    assert before <= real <= datetime.now(UTC)


class Source:
    """Tells what it is set to, after so many seconds of the counter; counts the questions."""

    def __init__(self, told: datetime | None = REAL) -> None:
        self.told = told
        self.takes = 0.0
        self.asked = 0
        self.counter = 1000.0

    def ask(self) -> datetime | None:
        self.asked += 1
        self.counter += self.takes
        return self.told

    def seconds(self) -> float:
        return self.counter


def shared(source: Source) -> SharedTime:
    return SharedTime(source.ask, seconds=source.seconds)


def test_shared_time_is_the_sources_whatever_the_machine_says():
    source = Source()
    time = shared(source)

    assert time() == REAL

    source.counter += 5
    assert time() == REAL + timedelta(seconds=5)
    assert source.asked == 1


def test_shared_time_is_asked_for_again_after_a_while():
    source = Source()
    time = shared(source)
    time()

    source.counter += SharedTime.ASK_AGAIN
    source.told = REAL + timedelta(minutes=1)

    assert time() == REAL + timedelta(minutes=1)
    assert source.asked == 2


def test_shared_time_counts_on_while_the_source_is_away():
    source = Source()
    time = shared(source)
    time()

    source.counter += SharedTime.ASK_AGAIN
    source.told = None

    assert time() == REAL + timedelta(seconds=SharedTime.ASK_AGAIN)
    assert time() == REAL + timedelta(seconds=SharedTime.ASK_AGAIN)
    assert source.asked == 2


def test_shared_time_takes_an_answer_as_of_the_middle_of_the_question():
    source = Source()
    source.takes = 0.5

    assert shared(source)() == REAL + timedelta(seconds=0.25)


def test_shared_time_does_not_believe_an_answer_that_took_long():
    source = Source()
    time = shared(source)
    time()

    source.counter += SharedTime.ASK_AGAIN
    source.told, source.takes = REAL + timedelta(hours=1), SharedTime.LONGEST_ANSWER + 1

    passed = SharedTime.ASK_AGAIN + source.takes
    assert time() == REAL + timedelta(seconds=passed)


def test_without_a_source_shared_time_is_the_machines():
    before = datetime.now(UTC)
    told = SharedTime(lambda: None)()

    assert before <= told <= datetime.now(UTC) + timedelta(milliseconds=1)


@pytest.mark.parametrize("setting", [None, SETTING], ids=["real", "time-lapse"])
def test_every_clock_takes_its_real_time_from_the_source_that_it_is_given(setting: str | None):
    clock = parse_clock(setting, real=lambda: REAL)

    assert clock.real_now() == REAL
