"""Warning signs last six weeks, stand beside an emergency department, and help is open."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from followup.catalogue.bank_holidays import bank_holidays
from followup.domain.clinics.clinic import OfficeHours, OpenPeriod, SendingHours
from followup.domain.protocols.timing import After, FromProcedure, FromTarget, OnDay, OnEnrolment
from followup.domain.safety.help_rules import (
    closed_moment,
    department_beside_signs,
    open_help,
    red_flag_reach,
)

SIGNS = "New leg weakness or fever: go to A&E at once."
FROM_DAY = date(2026, 11, 29)


def closed(text):
    return closed_moment(text, from_day=FROM_DAY, holidays=bank_holidays)


def helpless(*said):
    return [str(each) for each in open_help(said, from_day=FROM_DAY, holidays=bank_holidays)]


# ------------------------------------------------------------------------------------------ reach


def test_warning_signs_until_six_weeks_are_enough(protocol, say):
    assert list(red_flag_reach(protocol, [say(SIGNS, day=14), say(SIGNS, day=42)])) == []


def test_warning_signs_that_end_earlier_are_found(protocol, say):
    [found] = red_flag_reach(protocol, [say(SIGNS, day=28), say("Move more.", day=42)])

    assert "warning signs are last named on day 28: name them until day 42" in found.sentence
    assert "An infection or a bleed" in str(found)
    assert found.grave


def test_a_protocol_without_warning_signs_is_found(protocol, say):
    [found] = red_flag_reach(protocol, [say("Move more."), say(SIGNS, step=None)])

    assert "named in no message" in found.sentence


def test_a_reason_why_they_end_earlier_is_taken(protocol, say):
    reasoned = replace(protocol, red_flags_until_reason="Nothing enters the spine.")

    assert list(red_flag_reach(reasoned, [say(SIGNS, day=28)])) == []


@pytest.mark.parametrize(
    ("timing", "day"),
    [(OnEnrolment(), 0), (After(timedelta(hours=47)), 1), (OnDay(9, time(10)), 9)],
    ids=["on enrolment", "elapsed", "day"],
)
def test_a_text_knows_its_day(say, step_on, timing, day):
    assert say("Hello.", step=step_on(timing)).day == day
    assert say("Hello.", step=None).day == 0


# ------------------------------------------------------------------------- emergency department


@pytest.mark.parametrize(
    "text",
    [
        "New leg weakness or fever: ring NHS 111 at once.",
        "Watch for fever, and for trouble with your bladder.",
        "Get help now: ring 999.",
    ],
)
def test_signs_without_an_emergency_department_are_found(say, text):
    [found] = department_beside_signs([say(text)])

    assert "names warning signs and no emergency department" in found.sentence
    assert 'step "flare", occurrence 1, by sms in en' in found.sentence


@pytest.mark.parametrize(
    "text",
    [SIGNS, "Fever: go to Derriford Emergency Department at once.", "Mild fever: rest."],
)
def test_signs_beside_one_and_texts_without_signs_are_fine(say, text):
    assert list(department_beside_signs([say(text)])) == []


def test_words_that_are_not_sent_yet_are_told_and_stop_nothing(say):
    [found] = department_beside_signs([say("ضعف: فورًا 111", language="ar", sendable=False)])

    assert not found.grave


# -------------------------------------------------------------------------------- closed office


def test_a_text_of_the_evening_needs_help_that_is_open(say, step_on):
    evening = say("Questions? 01752 437706.", step=step_on(OnDay(0, time(19)), key="sugar"))

    [found] = helpless(evening)

    assert "may arrive on Monday 30 November 2026 at 19:00, when the office is closed" in found


@pytest.mark.parametrize("text", ["Ring NHS 111.", "Ring 999.", "Go to A&E."])
def test_help_that_is_always_open_is_enough(say, step_on, text):
    assert helpless(say(text, step=step_on(OnDay(0, time(19)), key="sugar"))) == []


def test_a_telephone_number_that_holds_111_is_no_help_line(say):
    assert len(helpless(say("Ring 01752 111 999."))) == 1
    assert len(helpless(say("Ring 01752111999."))) == 1


def test_a_text_of_the_25_december_is_found(clinic, say, step_on):
    # Sent at 10:00 or not at all, and of no weekend: the bank holiday is what is left.
    daily = OfficeHours((OpenPeriod(time(9), time(17)),) * 7)
    never_shut = replace(clinic, office_hours=daily)
    flag = step_on(
        OnDay(14, time(10)),
        not_before=FromTarget(timedelta(0)),
        not_after=FromTarget(timedelta(minutes=30)),
    )

    when = closed(say("Ring us.", clinic=never_shut, step=flag))

    assert when == "on Friday 25 December 2026 at 10:00"


def test_a_text_that_only_ever_comes_in_office_hours_is_left_alone(clinic, say, step_on):
    always = OfficeHours((OpenPeriod(time(0), time(23, 59)),) * 7)
    open_every_day = replace(
        clinic, office_hours=always, sending_hours=SendingHours(time(9), time(12))
    )
    text = say(
        "Ring us.",
        clinic=open_every_day,
        step=step_on(
            OnDay(1, time(10)),
            not_before=FromProcedure(timedelta(0)),
            not_after=FromTarget(timedelta(hours=1)),
        ),
    )

    found = list(open_help([text], from_day=FROM_DAY, holidays=lambda division: frozenset()))

    assert found == []


def test_a_window_that_reaches_into_the_weekend_counts(say, step_on):
    # Due on a weekday and of use for five days: it may come late, on a Saturday.
    text = say(
        "Ring us.", step=step_on(OnDay(1, time(10)), not_after=FromTarget(timedelta(days=5)))
    )

    assert closed(text) == "on Tuesday 1 December 2026 at 17:00"


def test_an_answer_comes_at_any_hour(say):
    assert "may arrive at any hour" in helpless(say("Ring us.", step=None, template="reply-x"))[0]
