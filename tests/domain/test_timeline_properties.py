"""What holds of every timeline, whatever the protocol, procedure, zone and sending hours.

The protocols are made up at random, more oddly than the check of a file would let through: windows
may be empty and repeats may collide. The moments crowd around clock changes and 29 February.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import SendingHours
from followup.domain.protocols.protocol import Missed, Protocol, Source, Step
from followup.domain.protocols.timeline import (
    Fate,
    Moved,
    PlannedMessage,
    plan_step,
    plan_timeline,
)
from followup.domain.protocols.timing import (
    After,
    FromProcedure,
    FromTarget,
    OnDay,
    OnEnrolment,
    Procedure,
    StartOfDay,
)

QUARTER = timedelta(minutes=15)
SOURCE = Source(
    reference="-",
    title="-",
    version="-",
    issued=date(2023, 8, 1),
    review_due=date(2025, 8, 31),
)

# Half-hour change, change at midnight, no change, a change in the other hemisphere.
zones = st.sampled_from(
    [
        "Europe/London",
        "Australia/Lord_Howe",
        "America/Havana",
        "Asia/Kolkata",
        "America/New_York",
        "Pacific/Auckland",
    ]
).map(ZoneInfo)
eventful = st.sampled_from(
    [
        datetime(2026, 10, 25, 1, tzinfo=UTC),  # London goes back
        datetime(2027, 3, 28, 1, tzinfo=UTC),  # London goes forward
        datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # Lord Howe goes forward by half an hour
        datetime(2027, 3, 14, 5, tzinfo=UTC),  # Havana skips midnight
        datetime(2028, 2, 29, 12, tzinfo=UTC),
        datetime(2026, 12, 25, 12, tzinfo=UTC),
    ]
)
days_apart = st.integers(-50 * 1440, 10 * 1440).map(lambda minutes: timedelta(minutes=minutes))
moments = st.builds(lambda moment, apart: moment + apart, eventful, days_apart)
enrolment_delays = st.integers(-7 * 1440, 42 * 1440).map(lambda minutes: timedelta(minutes=minutes))

spans = st.integers(0, 12 * 96).map(lambda quarters: quarters * QUARTER)
days = st.integers(0, 42)
wall_times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
# Hours that open at four or later: no zone changes its clocks then.
sending_hours = st.tuples(st.integers(4 * 4, 12 * 4), st.integers(12 * 4 + 1, 24 * 4 - 1)).map(
    lambda hours: SendingHours(*(time(quarter // 4, quarter % 4 * 15) for quarter in hours))
)
timings = st.one_of(
    st.just(OnEnrolment()), st.builds(After, spans), st.builds(OnDay, days, wall_times)
)
opening_bounds = st.one_of(st.builds(FromProcedure, spans), st.builds(StartOfDay, days))
closing_bounds = st.one_of(opening_bounds, st.builds(FromTarget, spans))


@st.composite
def protocols(draw: st.DrawFn) -> Protocol:
    steps = [
        Step(
            key=f"step-{number}",
            audience=(),
            occurrences=tuple(draw(st.lists(timings, min_size=1, max_size=3))),
            not_before=draw(opening_bounds),
            not_after=draw(closing_bounds),
            missed=Missed.DROP,
            channels=(ChannelKind.SMS,),
            fallback=False,
            priority=5,
            template="-",
            source="-",
            receipt_deadline=timedelta(hours=24),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    return Protocol(
        key="any",
        name="-",
        version="-",
        definition={},
        source=SOURCE,
        attributes=(),
        steps=tuple(steps),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Protocol, Procedure, datetime, SendingHours]:
    procedure = Procedure(at=draw(moments), zone=draw(zones))
    return (
        draw(protocols()),
        procedure,
        procedure.at + draw(enrolment_delays),
        draw(sending_hours),
    )


def planned(case: tuple[Protocol, Procedure, datetime, SendingHours]) -> list[PlannedMessage]:
    protocol, procedure, enrolled_at, hours = case
    return list(
        plan_timeline(protocol, procedure, attributes={}, enrolled_at=enrolled_at, hours=hours)
    )


def quarters(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield `start` and each quarter of an hour on the clock from it until before `end`."""
    if start < end:
        yield start
    following = start.replace(minute=0, second=0, microsecond=0)
    while following < end:
        if following > start:
            yield following
        following += QUARTER


@given(cases())
def test_no_message_is_sent_before_its_window_or_at_its_end_or_later(case):
    for message in planned(case):
        if message.fate is Fate.PLANNED:
            assert message.not_before <= message.due_at < message.not_after


@given(cases())
def test_no_message_is_sent_before_the_patient_is_enrolled(case):
    enrolled_at = case[2]

    for message in planned(case):
        if message.fate is Fate.PLANNED:
            assert message.due_at >= enrolled_at


@given(cases())
def test_every_message_goes_out_in_the_sending_hours_of_the_patients_clock(case):
    _, procedure, _, hours = case

    for message in planned(case):
        if message.fate is Fate.PLANNED:
            shown = message.due_at.astimezone(procedure.zone)
            assert hours.opens <= shown.time() < hours.closes
            assert message.local == message.due_at
            assert message.local.tzinfo is procedure.zone


@given(cases())
def test_a_message_is_past_just_when_its_window_was_over_at_enrolment(case):
    enrolled_at = case[2]

    for message in planned(case):
        assert (message.fate is Fate.PAST) is (message.not_after <= enrolled_at)


@given(cases())
def test_no_earlier_moment_would_have_done_and_without_room_none_would(case):
    _, procedure, enrolled_at, hours = case

    for message in planned(case):
        if message.fate is Fate.PAST:
            continue
        wanted = max(message.target, message.not_before, enrolled_at)
        end = message.due_at if message.fate is Fate.PLANNED else message.not_after
        assert not any(
            hours.allows(moment.astimezone(procedure.zone)) for moment in quarters(wanted, end)
        )


@given(cases())
def test_a_message_that_is_due_at_its_target_has_no_reason_but_a_clock_change(case):
    for message in planned(case):
        moved = set(message.moved_because) - {Moved.CLOCK_CHANGE}
        assert bool(moved) is (message.due_at != message.target)


@given(cases())
def test_a_time_of_day_is_the_patients_wall_clock_time_unless_a_reason_is_given(case):
    _, procedure, _, _ = case

    treated_on = procedure.at.astimezone(procedure.zone).date()
    for message in planned(case):
        timing = message.step.occurrences[message.occurrence - 1]
        if isinstance(timing, OnDay) and not message.moved_because:
            assert message.local.date() == treated_on + timedelta(days=timing.day)
            assert message.local.time() == timing.at


@given(cases())
def test_an_elapsed_time_is_exact_unless_a_reason_is_given(case):
    _, procedure, _, _ = case

    for message in planned(case):
        timing = message.step.occurrences[message.occurrence - 1]
        if isinstance(timing, After) and set(message.moved_because) <= {Moved.CLOCK_CHANGE}:
            assert message.due_at - procedure.at == timing.elapsed


@given(cases())
def test_every_occurrence_is_planned_once_and_in_order(case):
    protocol = case[0]

    messages = planned(case)

    expected = [
        (step.key, number)
        for step in protocol.steps
        for number in range(1, len(step.occurrences) + 1)
    ]
    assert sorted((message.step.key, message.occurrence) for message in messages) == expected
    assert [m.due_at for m in messages] == sorted(m.due_at for m in messages)


@given(cases())
def test_what_patients_share_is_what_each_would_have_alone(case):
    protocol, procedure, enrolled_at, hours = case

    alone = [
        plan_step(step, number, procedure=procedure, enrolled_at=enrolled_at, hours=hours)
        for step in protocol.steps
        for number in range(1, len(step.occurrences) + 1)
    ]

    assert planned(case) == sorted(alone, key=lambda message: message.due_at)


@given(cases(), st.sampled_from([-12, 0, 5.5, 14]))
def test_the_same_plan_comes_out_again_whatever_offset_the_times_were_given_in(case, offset):
    protocol, procedure, enrolled_at, hours = case
    elsewhere = timezone(timedelta(hours=offset))

    again = plan_timeline(
        protocol,
        Procedure(at=procedure.at.astimezone(elsewhere), zone=procedure.zone),
        attributes={},
        enrolled_at=enrolled_at.astimezone(elsewhere),
        hours=hours,
    )

    assert list(again) == planned(case)
    assert {message.due_at.tzinfo for message in again} == {UTC}


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_steps_changes_nothing_but_the_order_of_what_is_due_together(case, random):
    protocol, procedure, enrolled_at, hours = case
    shuffled = replace(protocol, steps=tuple(random.sample(protocol.steps, len(protocol.steps))))

    messages = planned((shuffled, procedure, enrolled_at, hours))

    def unordered(messages: list[PlannedMessage]) -> list[PlannedMessage]:
        return sorted(messages, key=lambda message: (message.step.key, message.occurrence))

    assert unordered(messages) == unordered(planned(case))


@given(cases(), st.integers(0, 21 * 1440))
def test_enrolling_later_makes_no_message_earlier_and_none_possible_that_was_not(case, minutes):
    protocol, procedure, enrolled_at, hours = case
    later = enrolled_at + timedelta(minutes=minutes)

    first, second = (
        {
            (message.step.key, message.occurrence): message.due_at
            for message in planned((protocol, procedure, moment, hours))
            if message.fate is Fate.PLANNED
            # What is due on enrolment has its target, and so its window, from there.
            and message.step.occurrences[message.occurrence - 1] != OnEnrolment()
        }
        for moment in (enrolled_at, later)
    )

    assert second.keys() <= first.keys()
    assert all(second[key] >= first[key] for key in second)


@given(
    moments,
    enrolment_delays,
    st.fixed_dictionaries({"diabetic": st.booleans(), "steroid_given": st.booleans()}),
)
def test_no_two_messages_of_one_step_reach_a_patient_at_once(
    nerve_root_block, procedure_at, delay, attributes
):
    messages = plan_timeline(
        nerve_root_block,
        Procedure(at=procedure_at, zone=ZoneInfo("Europe/London")),
        attributes=attributes,
        enrolled_at=procedure_at + delay,
        hours=SendingHours(),
    )

    due = [(m.step.key, m.due_at) for m in messages if m.fate is Fate.PLANNED]
    assert len(due) == len(set(due))
