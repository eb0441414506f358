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
from tests.support.people import SMS

CAUDAL = "caudal-epidural"
DAY = timedelta(days=1)
LONDON = ZoneInfo("Europe/London")
# Over the end of summer time, 60 days ahead of the enrolment.
PROCEDURE = datetime(2026, 12, 14, 11, 30, tzinfo=LONDON)


def book(app: AppContext, at: datetime = PROCEDURE):
    return enrol_one(app, protocol=CAUDAL, procedure_at=at, channels=(SMS,))


def sent(app: AppContext) -> list[str]:
    return [one.text for one in sms_of(app).calls]


def test_a_booked_patient_is_told_two_weeks_and_three_days_before(app: AppContext):
    enrolment = book(app)

    run_until(app, PROCEDURE - 14 * DAY - timedelta(minutes=1))
    assert sent(app) == []
    run_until(app, PROCEDURE - 3 * DAY)
    thin, fast = sent(app)
    assert "thin your blood" in thin
    assert "do not eat or drink before it" in fast

    due = {one.step: one.due_at.astimezone(LONDON) for one in messages(app, enrolment)}
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


def test_another_hour_of_the_same_day_does_not_repeat_it(app: AppContext):
    enrolment = book(app)
    run_until(app, PROCEDURE - 3 * DAY)

    moved = reschedule(app, enrolment, PROCEDURE + timedelta(hours=3), actor="cli:test")

    assert ("before-fasting", 1) in moved.received


def test_it_is_cancelled_with_the_procedure(app: AppContext):
    enrolment = book(app)
    withdraw_enrolment(app, enrolment, actor="cli:test", reason="cancelled")

    run_until(app, PROCEDURE)

    assert sent(app) == []
    assert set(states(app, enrolment).values()) == {"cancelled"}


def test_a_patient_who_has_had_the_procedure_gets_nothing_of_it(app: AppContext):
    clock_of(app).advance_to(PROCEDURE)

    enrolment = book(app)
    run_until(app, PROCEDURE + 2 * DAY)

    reasons = {one.step: one.reason for one in messages(app, enrolment)}
    assert reasons["before-injection"] == reasons["before-fasting"] == "already-past"
    assert not [text for text in sent(app) if "eat or drink" in text or "thin your" in text]


@pytest.mark.parametrize(
    ("enrolled", "asked"),
    [(timedelta(hours=-2), 1), (timedelta(), 0), (DAY, 0)],
    ids=["two hours before", "at the procedure", "a day after it"],
)
def test_a_person_is_asked_to_ring_about_it_only_where_that_is_still_of_use(
    sqlite_app: AppContext, enrolled, asked
):
    whole = sqlite_app.catalogue.protocols[CAUDAL]
    steps = tuple(replace(step, missed=Missed.PERSON) for step in whole.steps[:2])
    theirs = {CAUDAL: replace(whole, steps=(*steps, *whole.steps[2:]))}
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


def test_a_patient_booked_a_week_ahead_is_told_at_once_what_is_still_of_use(app: AppContext):
    clock_of(app).advance_to(PROCEDURE - 7 * DAY)

    book(app)
    run_until(app, PROCEDURE - 7 * DAY + timedelta(minutes=1))

    [text] = sent(app)
    assert "thin your blood" in text
