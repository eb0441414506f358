"""The dated timeline of the nerve root block, on the calendar of real patients."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from followup.domain.clinics.clinic import SendingHours
from followup.domain.protocols.protocol import Missed, Protocol
from followup.domain.protocols.timeline import (
    Fate,
    Moved,
    PlannedMessage,
    next_sending_moment,
    plan_timeline,
)
from followup.domain.protocols.timing import (
    Before,
    Bound,
    FromProcedure,
    FromTarget,
    OnDay,
    Procedure,
    StartOfDay,
)

LONDON = ZoneInfo("Europe/London")
EVERYBODY = {"diabetic": False, "steroid_given": True}
SUGAR = {"diabetic": True, "steroid_given": True}
USUAL_HOURS = SendingHours()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def timeline(
    protocol: Protocol,
    procedure_at: str,
    *,
    enrolled_at: str | None = None,
    attributes: dict[str, bool] = EVERYBODY,
    hours: SendingHours = USUAL_HOURS,
) -> dict[tuple[str, int], PlannedMessage]:
    """Return the plan by step and occurrence; without a time the patient is enrolled at once."""
    messages = plan_timeline(
        protocol,
        Procedure(at=at(procedure_at), zone=LONDON),
        attributes=attributes,
        enrolled_at=at(enrolled_at or procedure_at),
        hours=hours,
    )
    return {(message.step.key, message.occurrence): message for message in messages}


FOR_EVERYBODY = {
    # Friday, the last week of summer time; the clocks go back on Sunday, 25 October.
    ("going-home", 1): "2026-10-23T15:00+01:00",
    ("dressing", 1): "2026-10-24T14:30+01:00",
    ("flare", 1): "2026-10-25T10:00+00:00",
    ("flare", 2): "2026-10-28T10:00+00:00",
    ("flare-over", 1): "2026-10-31T10:00+00:00",
    ("moving", 1): "2026-11-02T10:00+00:00",
    ("red-flags", 1): "2026-11-06T10:00+00:00",
    ("red-flags", 2): "2026-11-13T10:00+00:00",
    ("red-flags", 3): "2026-11-20T10:00+00:00",
    ("red-flags", 4): "2026-12-04T10:00+00:00",
}
FOR_DIABETICS_WITH_STEROID = {
    **FOR_EVERYBODY,
    ("sugar", 1): "2026-10-23T19:00+01:00",
    ("sugar", 2): "2026-10-24T08:30+01:00",
    ("sugar", 3): "2026-10-24T18:30+01:00",
    ("sugar", 4): "2026-10-25T08:30+00:00",
}
AUDIENCES = {
    "diabetic with steroid": (True, True, FOR_DIABETICS_WITH_STEROID),
    "diabetic without steroid": (True, False, FOR_EVERYBODY),
    "not diabetic, with steroid": (False, True, FOR_EVERYBODY),
    "not diabetic, without steroid": (False, False, FOR_EVERYBODY),
}


@pytest.mark.parametrize(
    ("diabetic", "steroid_given", "expected"), AUDIENCES.values(), ids=AUDIENCES
)
def test_the_nerve_root_block_timeline_of_a_patient_who_is(
    nerve_root_block, diabetic, steroid_given, expected
):
    planned = timeline(
        nerve_root_block,
        "2026-10-23T14:30+01:00",
        enrolled_at="2026-10-23T15:00+01:00",
        attributes={"diabetic": diabetic, "steroid_given": steroid_given},
    )

    shown = {key: message.local.isoformat(timespec="minutes") for key, message in planned.items()}
    assert shown == expected
    assert {message.fate for message in planned.values()} == {Fate.PLANNED}
    assert {message.moved_because for message in planned.values()} == {()}


WINDOWS = {
    ("going-home", 1): ("2026-10-23T14:30+01:00", "2026-10-24T02:30+01:00"),
    ("sugar", 1): ("2026-10-23T16:30+01:00", "2026-10-24T00:00+01:00"),
    ("sugar", 2): ("2026-10-23T16:30+01:00", "2026-10-24T13:30+01:00"),
    ("sugar", 3): ("2026-10-23T16:30+01:00", "2026-10-24T23:30+01:00"),
    ("sugar", 4): ("2026-10-23T16:30+01:00", "2026-10-25T13:30+00:00"),
    ("dressing", 1): ("2026-10-24T14:30+01:00", "2026-10-25T13:30+00:00"),
    ("flare", 1): ("2026-10-24T00:00+01:00", "2026-10-26T10:00+00:00"),
    ("flare", 2): ("2026-10-24T00:00+01:00", "2026-10-29T10:00+00:00"),
    ("flare-over", 1): ("2026-10-30T13:30+00:00", "2026-11-02T10:00+00:00"),
    ("moving", 1): ("2026-10-30T13:30+00:00", "2026-11-06T10:00+00:00"),
    ("red-flags", 1): ("2026-10-31T13:30+00:00", "2026-11-11T10:00+00:00"),
    ("red-flags", 2): ("2026-10-31T13:30+00:00", "2026-11-18T10:00+00:00"),
    ("red-flags", 3): ("2026-10-31T13:30+00:00", "2026-11-25T10:00+00:00"),
    ("red-flags", 4): ("2026-10-31T13:30+00:00", "2026-12-09T10:00+00:00"),
}


def test_every_window_of_the_nerve_root_block(nerve_root_block):
    planned = timeline(nerve_root_block, "2026-10-23T14:30+01:00", attributes=SUGAR)

    windows = {key: (message.not_before, message.not_after) for key, message in planned.items()}
    assert windows == {key: (at(opens), at(ends)) for key, (opens, ends) in WINDOWS.items()}


def test_times_are_utc_except_for_the_local_one(nerve_root_block):
    message = timeline(nerve_root_block, "2026-07-01T14:30+01:00")["dressing", 1]

    times = (message.target, message.due_at, message.not_before, message.not_after)
    assert {moment.tzinfo for moment in times} == {UTC}
    assert message.local.tzinfo is LONDON


def test_messages_come_in_the_order_they_fall_due_and_then_in_that_of_the_protocol(
    nerve_root_block,
):
    # Treated at 08:30, so that the second sugar message and the dressing are due together.
    messages = plan_timeline(
        nerve_root_block,
        Procedure(at=at("2026-06-10T08:30+01:00"), zone=LONDON),
        attributes=SUGAR,
        enrolled_at=at("2026-06-10T08:30+01:00"),
        hours=SendingHours(),
    )

    assert [message.due_at for message in messages] == sorted(
        message.due_at for message in messages
    )
    together = [m.step.key for m in messages if m.due_at == at("2026-06-11T08:30+01:00")]
    assert together == ["sugar", "dressing"]


DRESSING_ACROSS_A_CHANGE = {
    "clocks go back": ("2026-10-24T14:30+01:00", "2026-10-25T13:30+00:00"),
    "clocks go forward": ("2027-03-27T14:30+00:00", "2027-03-28T15:30+01:00"),
}


@pytest.mark.parametrize(
    ("procedure_at", "due"), DRESSING_ACROSS_A_CHANGE.values(), ids=DRESSING_ACROSS_A_CHANGE
)
def test_24_hours_are_24_hours_and_the_clock_change_is_given_as_the_reason(
    nerve_root_block, procedure_at, due
):
    message = timeline(nerve_root_block, procedure_at)["dressing", 1]

    assert message.local.isoformat(timespec="minutes") == due
    assert message.moved_because == (Moved.CLOCK_CHANGE,)


TEN_O_CLOCK = {
    "clocks go back": ("2026-10-23T14:30+01:00", "2026-10-25T10:00+00:00"),
    "clocks go forward": ("2027-03-26T14:30+00:00", "2027-03-28T10:00+01:00"),
    "leap day": ("2028-02-27T14:30+00:00", "2028-02-29T10:00+00:00"),
    "over the leap day": ("2028-02-28T14:30+00:00", "2028-03-01T10:00+00:00"),
    "no leap day": ("2027-02-27T14:30+00:00", "2027-03-01T10:00+00:00"),
    "Christmas Day": ("2026-12-23T14:30+00:00", "2026-12-25T10:00+00:00"),
    "New Year": ("2026-12-30T14:30+00:00", "2027-01-01T10:00+00:00"),
    "two minutes before midnight": ("2026-06-10T23:58+01:00", "2026-06-12T10:00+01:00"),
    "two minutes after midnight": ("2026-06-11T00:02+01:00", "2026-06-13T10:00+01:00"),
}


@pytest.mark.parametrize(("procedure_at", "due"), TEN_O_CLOCK.values(), ids=TEN_O_CLOCK)
def test_day_2_at_10_is_10_by_the_patients_clock(nerve_root_block, procedure_at, due):
    message = timeline(nerve_root_block, procedure_at)["flare", 1]

    assert message.local.isoformat(timespec="minutes") == due
    assert message.moved_because == ()


def test_what_falls_due_in_the_evening_waits_for_the_morning(nerve_root_block):
    message = timeline(nerve_root_block, "2026-06-10T20:30+01:00")["dressing", 1]

    assert message.target == at("2026-06-11T20:30+01:00")
    assert message.due_at == at("2026-06-12T08:00+01:00")
    assert message.moved_because == (Moved.SENDING_HOURS,)


def test_the_last_minute_of_the_sending_hours_is_used_and_the_closing_minute_is_not(
    nerve_root_block,
):
    last = timeline(nerve_root_block, "2026-06-10T19:59+01:00")["dressing", 1]
    closed = timeline(nerve_root_block, "2026-06-10T20:00+01:00")["dressing", 1]

    assert last.due_at == at("2026-06-11T19:59+01:00")
    assert closed.due_at == at("2026-06-12T08:00+01:00")


def test_both_reasons_are_given_where_a_clock_change_leads_out_of_the_sending_hours(
    nerve_root_block,
):
    message = timeline(nerve_root_block, "2027-03-27T19:30Z")["dressing", 1]

    assert message.target == at("2027-03-28T20:30+01:00")
    assert message.due_at == at("2027-03-29T08:00+01:00")
    assert message.moved_because == (Moved.CLOCK_CHANGE, Moved.SENDING_HOURS)


def test_the_first_sugar_message_waits_until_two_hours_after_a_late_procedure(nerve_root_block):
    message = timeline(nerve_root_block, "2026-06-10T17:30+01:00", attributes=SUGAR)["sugar", 1]

    assert message.due_at == message.not_before == at("2026-06-10T19:30+01:00")
    assert message.moved_because == (Moved.NOT_BEFORE,)


def test_a_clock_change_is_a_reason_also_where_not_before_sets_the_time(nerve_root_block):
    at_ten = replace(nerve_root_block.step("dressing"), occurrences=(OnDay(1, time(10)),))

    message = timeline(replace(nerve_root_block, steps=(at_ten,)), "2026-10-24T14:30+01:00")[
        "dressing", 1
    ]

    assert message.due_at == at("2026-10-25T13:30+00:00")
    assert message.moved_because == (Moved.CLOCK_CHANGE, Moved.NOT_BEFORE)


def test_a_message_whose_window_ends_before_the_sending_hours_open_finds_no_room(nerve_root_block):
    message = timeline(nerve_root_block, "2026-06-10T18:30+01:00", attributes=SUGAR)["sugar", 1]

    assert message.fate is Fate.NO_ROOM
    assert message.due_at == at("2026-06-10T20:30+01:00")
    assert message.moved_because == (Moved.NOT_BEFORE,)


def test_a_window_that_ends_just_as_the_sending_hours_open_has_no_room(nerve_root_block):
    # Treated and enrolled at 20:00: twelve hours later it is exactly 08:00.
    at_20 = timeline(nerve_root_block, "2026-06-10T20:00+01:00")["going-home", 1]
    a_minute_later = timeline(nerve_root_block, "2026-06-10T20:01+01:00")["going-home", 1]

    assert at_20.fate is Fate.NO_ROOM
    assert a_minute_later.fate is Fate.PLANNED
    assert a_minute_later.due_at == at("2026-06-11T08:00+01:00")


def test_a_patient_who_is_booked_ahead_is_told_before_the_procedure(nerve_root_block):
    planned = timeline(
        nerve_root_block, "2026-11-02T14:30+00:00", enrolled_at="2026-10-01T09:00+01:00"
    )

    first = {key: message.local for key, message in list(planned.items())[:3]}
    assert first == {
        # 14 times 24 hours, over the end of summer time.
        ("before-injection", 1): at("2026-10-19T15:30+01:00"),
        ("before-fasting", 1): at("2026-10-30T10:00+00:00"),
        ("going-home", 1): at("2026-11-02T14:30+00:00"),
    }
    assert planned["before-injection", 1].not_after == at("2026-11-01T14:30+00:00")
    assert planned["before-fasting", 1].not_after == at("2026-11-02T02:30+00:00")


def with_reminders(protocol: Protocol, not_after: Bound | None = None) -> Protocol:
    """Return the protocol with a step more: 14 days before, and at ten on the day before."""
    reminders = replace(
        protocol.step("dressing"),
        key="reminders",
        occurrences=(Before(timedelta(days=14)), OnDay(-1, time(10))),
        not_before=FromProcedure(timedelta(days=-15)),
        not_after=not_after or FromTarget(timedelta(days=5)),
    )
    return replace(protocol, steps=(reminders, *protocol.steps))


def test_what_is_for_before_the_procedure_is_due_so_long_before_it(nerve_root_block):
    planned = timeline(
        with_reminders(nerve_root_block),
        "2026-11-02T14:30+00:00",
        enrolled_at="2026-09-01T09:00+01:00",
    )

    first, second = planned["reminders", 1], planned["reminders", 2]
    # 14 times 24 hours, over the end of summer time.
    assert first.due_at == at("2026-10-19T15:30+01:00")
    assert first.moved_because == (Moved.CLOCK_CHANGE,)
    assert first.not_after == at("2026-10-24T15:30+01:00")
    assert second.due_at == at("2026-11-01T10:00+00:00")
    assert first.comes_before
    assert not planned["dressing", 1].comes_before


@pytest.mark.parametrize(
    "not_after",
    [FromTarget(timedelta(days=5)), FromProcedure(timedelta(days=1)), StartOfDay(3)],
    ids=["after its target", "after the procedure", "a later day"],
)
def test_nothing_for_before_the_procedure_is_sent_after_it(nerve_root_block, not_after):
    planned = timeline(
        with_reminders(nerve_root_block, not_after),
        "2026-06-10T14:30+01:00",
        enrolled_at="2026-04-01T09:00+01:00",
    )

    assert planned["reminders", 2].not_after == at("2026-06-10T14:30+01:00")


TOO_LATE = {
    "the evening before": ("2026-06-09T23:59+01:00", {"drop": [1, 2], "person": [1, 2]}),
    "the morning of the day": ("2026-06-10T00:00+01:00", {"drop": [], "person": [1, 2]}),
    "as it begins": ("2026-06-10T14:30+01:00", {"drop": [], "person": []}),
    "a week later": ("2026-06-17T09:00+01:00", {"drop": [], "person": []}),
}


@pytest.mark.parametrize(("enrolled_at", "shown"), TOO_LATE.values(), ids=TOO_LATE)
def test_what_is_over_before_the_procedure_is_in_no_timeline_of_the_day_unless_a_person_rings(
    nerve_root_block, enrolled_at, shown
):
    protocol = with_reminders(nerve_root_block, FromProcedure(timedelta(hours=-15)))
    for missed, numbers in shown.items():
        reminders = replace(protocol.step("reminders"), missed=Missed(missed))
        planned = timeline(
            replace(protocol, steps=(reminders, *nerve_root_block.steps)),
            "2026-06-10T14:30+01:00",
            enrolled_at=enrolled_at,
        )

        late = {key[1]: message.fate for key, message in planned.items() if key[0] == "reminders"}
        assert late == dict.fromkeys(numbers, Fate.PAST)


def test_a_patient_enrolled_too_late_for_one_reminder_gets_the_next(nerve_root_block):
    planned = timeline(
        with_reminders(nerve_root_block),
        "2026-06-10T14:30+01:00",
        enrolled_at="2026-06-09T18:00+01:00",
    )

    assert planned["reminders", 1].fate is Fate.PAST
    assert planned["reminders", 2].fate is Fate.PLANNED
    assert planned["reminders", 2].due_at == at("2026-06-09T18:00+01:00")
    assert planned["reminders", 2].moved_because == (Moved.LATE_ENROLMENT,)


def test_a_reminder_that_would_wait_for_the_hours_until_after_the_procedure_finds_no_room(
    nerve_root_block,
):
    planned = timeline(
        with_reminders(nerve_root_block),
        "2026-06-10T07:30+01:00",
        enrolled_at="2026-06-09T21:00+01:00",
    )

    assert planned["reminders", 2].fate is Fate.NO_ROOM


def test_a_protocol_says_whether_it_begins_before_the_procedure(nerve_root_block):
    after = replace(nerve_root_block, steps=nerve_root_block.steps[2:])

    assert nerve_root_block.begins_before
    assert not after.begins_before


def test_a_patient_enrolled_late_gets_what_is_still_useful_at_once_and_the_rest_in_time(
    nerve_root_block,
):
    # Enrolled on day 6, half an hour before the window of the second flare message is over.
    planned = timeline(
        nerve_root_block,
        "2026-06-10T14:30+01:00",
        enrolled_at="2026-06-16T09:30+01:00",
        attributes=SUGAR,
    )

    past = {key for key, message in planned.items() if message.fate is Fate.PAST}
    assert past == {
        ("going-home", 1),
        ("sugar", 1),
        ("sugar", 2),
        ("sugar", 3),
        ("sugar", 4),
        ("dressing", 1),
        ("flare", 1),
    }
    late = planned["flare", 2]
    assert late.due_at == at("2026-06-16T09:30+01:00")
    assert late.moved_because == (Moved.LATE_ENROLMENT,)
    assert planned["flare-over", 1].due_at == at("2026-06-18T10:00+01:00")
    assert planned["flare-over", 1].moved_because == ()


def test_what_is_past_keeps_the_time_at_which_it_would_have_been_due(nerve_root_block):
    planned = timeline(
        nerve_root_block, "2026-06-10T20:30+01:00", enrolled_at="2026-06-20T12:00+01:00"
    )

    assert planned["dressing", 1].fate is Fate.PAST
    assert planned["dressing", 1].due_at == at("2026-06-11T20:30+01:00")


def test_a_patient_enrolled_in_the_night_is_written_to_in_the_morning(nerve_root_block):
    planned = timeline(
        nerve_root_block, "2026-06-10T14:30+01:00", enrolled_at="2026-06-12T23:15+01:00"
    )

    message = planned["flare", 1]
    assert message.due_at == at("2026-06-13T08:00+01:00")
    assert message.moved_because == (Moved.LATE_ENROLMENT, Moved.SENDING_HOURS)


def test_a_clock_change_is_no_reason_where_late_enrolment_sets_the_time(nerve_root_block):
    planned = timeline(
        nerve_root_block, "2026-10-24T14:30+01:00", enrolled_at="2026-10-26T09:00+00:00"
    )

    assert planned["dressing", 1].moved_because == (Moved.LATE_ENROLMENT,)


def test_a_window_that_ends_at_the_moment_of_enrolment_is_past(nerve_root_block):
    # The dressing is of use until 48 hours after the injection.
    exactly = timeline(
        nerve_root_block, "2026-06-10T14:30+01:00", enrolled_at="2026-06-12T14:30+01:00"
    )
    just_in_time = timeline(
        nerve_root_block, "2026-06-10T14:30+01:00", enrolled_at="2026-06-12T14:29+01:00"
    )

    assert exactly["dressing", 1].fate is Fate.PAST
    assert just_in_time["dressing", 1].fate is Fate.PLANNED
    assert just_in_time["dressing", 1].due_at == at("2026-06-12T14:29+01:00")


def test_a_clinic_may_keep_hours_of_its_own(nerve_root_block):
    hours = SendingHours(time(10, 30), time(16))

    planned = timeline(nerve_root_block, "2026-06-10T09:00+01:00", hours=hours)

    assert planned["dressing", 1].due_at == at("2026-06-11T10:30+01:00")
    assert planned["flare", 1].due_at == at("2026-06-12T10:30+01:00")


def test_the_second_protocol_is_planned_by_the_same_code(catalogue):
    planned = timeline(
        catalogue.protocols["facet-joint-injection"],
        "2026-06-10T14:30+01:00",
        attributes={"sugar_may_rise": True},
    )

    assert {key: message.local.date() for key, message in planned.items()} == {
        ("going-home", 1): date(2026, 6, 10),
        ("sugar", 1): date(2026, 6, 10),
        ("sugar", 2): date(2026, 6, 11),
        ("dressing", 1): date(2026, 6, 11),
        ("red-flags", 1): date(2026, 6, 24),
        ("red-flags", 2): date(2026, 7, 8),
        ("red-flags", 3): date(2026, 7, 22),
    }


SENDING_MOMENTS = {
    "in the hours": ("2026-06-10T09:00Z", "2026-06-10T09:00Z"),
    "too early": ("2026-06-10T03:00Z", "2026-06-10T07:00Z"),
    "too late": ("2026-06-10T19:00Z", "2026-06-11T07:00Z"),
    "the night the clocks go back": ("2026-10-24T22:00Z", "2026-10-25T08:00Z"),
    "the night the clocks go forward": ("2027-03-27T22:00Z", "2027-03-28T07:00Z"),
}


@pytest.mark.parametrize(("asked", "expected"), SENDING_MOMENTS.values(), ids=SENDING_MOMENTS)
def test_the_next_sending_moment_is_utc(asked, expected):
    moment = next_sending_moment(at(asked), hours=SendingHours(), zone=LONDON)

    assert moment == at(expected)
    assert moment.tzinfo is UTC
