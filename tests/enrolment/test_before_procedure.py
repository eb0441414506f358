"""Advice for before the procedure: in time, moved and cancelled with it, and never after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from followup.content.advice import Advice
from followup.context import AppContext
from followup.domain.protocols.protocol import Missed
from followup.enrolment.page_tokens import replace_page_token
from followup.enrolment.reschedule import reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.patient_page import read_page
from tests.support.apps import (
    clock_of,
    enrol_one,
    messages,
    run_until,
    sms_of,
    states,
    tasks,
)
from tests.support.people import PROTOCOL, SMS

DAY = timedelta(days=1)
LONDON = ZoneInfo("Europe/London")
# Over the end of summer time, 60 days ahead of the enrolment.
PROCEDURE = datetime(2026, 12, 14, 11, 30, tzinfo=LONDON)


def book(app: AppContext, at: datetime = PROCEDURE):
    return enrol_one(app, procedure_at=at, channels=(SMS,))


def sent(app: AppContext) -> list[str]:
    return [one.text for one in sms_of(app).calls]


def test_a_booked_patient_is_told_two_weeks_and_three_days_before(sqlite_app: AppContext):
    enrolment = book(sqlite_app)

    run_until(sqlite_app, PROCEDURE - 14 * DAY - timedelta(minutes=1))
    assert sent(sqlite_app) == []
    run_until(sqlite_app, PROCEDURE - 3 * DAY)
    thin, fast = sent(sqlite_app)
    assert "thin your blood" in thin
    assert "do not eat or drink before it" in fast

    due = {one.step: one.due_at.astimezone(LONDON) for one in messages(sqlite_app, enrolment)}
    assert due["before-injection"] == PROCEDURE - 14 * DAY
    assert due["before-fasting"] == datetime(2026, 12, 11, 10, tzinfo=LONDON)


def test_it_moves_with_the_procedure_and_comes_again_for_another_day(app: AppContext):
    enrolment = book(app)
    run_until(app, PROCEDURE - 3 * DAY)

    moved = reschedule(app, enrolment, PROCEDURE + 7 * DAY, actor="cli:test")

    assert ("before-fasting", 1) not in moved.received
    [planned] = [one for one in moved.timeline if one.step.key == "before-fasting"]
    assert planned.local == datetime(2026, 12, 18, 10, tzinfo=LONDON)
    run_until(app, PROCEDURE + 7 * DAY)
    assert len([text for text in sent(app) if "do not eat or drink" in text]) == 2


def test_another_hour_of_the_same_day_does_not_repeat_it(sqlite_app: AppContext):
    enrolment = book(sqlite_app)
    run_until(sqlite_app, PROCEDURE - 3 * DAY)

    moved = reschedule(sqlite_app, enrolment, PROCEDURE + timedelta(hours=3), actor="cli:test")

    assert ("before-fasting", 1) in moved.received


def test_it_is_cancelled_with_the_procedure(sqlite_app: AppContext):
    enrolment = book(sqlite_app)
    withdraw_enrolment(sqlite_app, enrolment, actor="cli:test", reason="cancelled")

    run_until(sqlite_app, PROCEDURE)

    assert sent(sqlite_app) == []
    assert set(states(sqlite_app, enrolment).values()) == {"cancelled"}


@pytest.mark.parametrize(
    "enrolled", [timedelta(hours=-2), timedelta()], ids=["two hours before", "at the procedure"]
)
def test_a_patient_who_is_enrolled_on_the_day_has_nothing_of_it_in_the_timeline(
    sqlite_app: AppContext, enrolled
):
    clock_of(sqlite_app).advance_to(PROCEDURE + enrolled)

    enrolment = book(sqlite_app)
    run_until(sqlite_app, PROCEDURE + 2 * DAY)

    planned = messages(sqlite_app, enrolment)
    assert {one.step: one.reason for one in planned if one.step.startswith("before-")} == {}
    assert [one for one in planned if one.state == "expired"] == []
    assert len(planned) == 10


@pytest.mark.parametrize(
    ("enrolled", "asked"),
    [(timedelta(hours=-2), 1), (timedelta(), 0), (DAY, 0)],
    ids=["two hours before", "at the procedure", "a day after it"],
)
def test_a_person_is_asked_to_ring_about_it_only_where_that_is_still_of_use(
    sqlite_app: AppContext, enrolled, asked
):
    whole = sqlite_app.catalogue.protocols[PROTOCOL]
    steps = tuple(replace(step, missed=Missed.PERSON) for step in whole.steps[:2])
    theirs = {PROTOCOL: replace(whole, steps=(*steps, *whole.steps[2:]))}
    app = replace(sqlite_app, catalogue=replace(sqlite_app.catalogue, protocols=theirs))
    clock_of(app).advance_to(PROCEDURE + enrolled)

    book(app)

    assert [item.kind for item in tasks(app)] == ["missed"] * asked


def test_the_page_tells_it_until_the_procedure_and_what_comes_after_from_then_on(
    sqlite_app: AppContext,
):
    enrolment = book(sqlite_app)
    token = replace_page_token(sqlite_app, enrolment, actor="staff:test")
    advice = Advice(sqlite_app.content)

    def told(at: datetime) -> tuple[bool, list[str], list[str]]:
        clock_of(sqlite_app).advance_to(at)
        page = read_page(sqlite_app, advice, token)
        past = [one.piece.heading for one in (*page.today, *page.earlier)]
        return page.is_before, past, [one.piece.heading for one in page.coming]

    assert told(PROCEDURE - 20 * DAY)[2][:2] == [
        "Before your injection",
        "The day of your injection",
    ]
    assert told(PROCEDURE - 2 * DAY)[:2] == (
        True,
        ["The day of your injection", "Before your injection"],
    )
    assert told(PROCEDURE + timedelta(minutes=1))[:2] == (
        False,
        ["Going home after your injection"],
    )


@pytest.mark.parametrize(
    ("ahead", "told"),
    [(7, ["thin your blood"]), (2, ["thin your blood", "eat or drink"]), (0.7, ["eat or drink"])],
    ids=["a week", "two days", "the evening before"],
)
def test_a_patient_booked_late_is_told_at_once_what_is_still_of_use(
    sqlite_app: AppContext, ahead, told
):
    booked = PROCEDURE - ahead * DAY
    clock_of(sqlite_app).advance_to(booked)

    enrolment = book(sqlite_app)
    run_until(sqlite_app, booked + timedelta(minutes=1))

    texts = sent(sqlite_app)
    assert len(texts) == len(told)
    assert all(any(words in text for text in texts) for words in told)
    late = [one.step for one in messages(sqlite_app, enrolment) if one.reason == "already-past"]
    assert late == ([] if ahead > 1 else ["before-injection"])


def test_a_version_that_asks_for_more_leaves_a_follow_up_as_it_was_planned(sqlite_app: AppContext):
    whole = sqlite_app.catalogue.protocols[PROTOCOL]
    former = {PROTOCOL: replace(whole, version="former", steps=whole.steps[2:])}
    enrolment = book(replace(sqlite_app, catalogue=replace(sqlite_app.catalogue, protocols=former)))

    run_until(sqlite_app, PROCEDURE - timedelta(minutes=1))

    assert sent(sqlite_app) == []
    assert {one.step for one in messages(sqlite_app, enrolment)} == {
        step.key for step in former[PROTOCOL].steps if step.key != "sugar"
    }
