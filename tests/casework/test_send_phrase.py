"""A text in approved words from staff: planned like any message, stopped like any, never twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from followup.casework.send_phrase import phrases_for, send_phrase
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, InvalidInput
from followup.domain.lifecycle import State
from followup.enrolment.pause import pause_enrolment, resume_enrolment
from followup.messages.opt_out import stop_messages
from followup.monitoring.message_balance import balance
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from tests.support.apps import clock_of, enrol_one, messages, rows, run_until, sms_of
from tests.support.people import ENROLLED_AT

LONDON = ZoneInfo("Europe/London")
TRIED = "phrase-tried-to-ring"
NEXT_DAY = datetime(2026, 10, 20, 9, 0, tzinfo=LONDON)


def send(app, template=TRIED, *, ring_at=None):
    [enrolment] = rows(app, Enrolment)
    offered = phrases_for(app, enrolment, language="en", time_shown="…")
    return send_phrase(
        app, enrolment.id, template=template, phrases=offered, ring_at=ring_at, actor="web:nurse"
    )


def stop(unit):
    [patient] = unit.session.scalars(select(Patient))
    stop_messages(unit, patient, channel=ChannelKind.SMS, source="staff")


@pytest.fixture
def app(sqlite_app):
    enrol_one(sqlite_app)
    clock_of(sqlite_app).advance(NEXT_DAY - ENROLLED_AT)
    return sqlite_app


def test_a_phrase_goes_out_by_the_ordinary_way_with_the_time_that_was_promised(app):
    again = datetime(2026, 10, 20, 15, 30, tzinfo=LONDON)

    message_id = send(app, ring_at=again)
    run_until(app, NEXT_DAY + timedelta(seconds=5))

    [text] = [one.text for one in sms_of(app).calls if one.message_id == message_id]
    assert "We will try again at 3:30pm on Tuesday 20 October." in text
    [kept] = [one for one in messages(app) if one.id == message_id]
    assert (kept.state, kept.not_after, kept.missed) == (State.SENT, again, "person")
    [event] = [one for one in rows(app, AuditEvent) if one.action == "message.phrase"]
    assert (event.actor, event.detail) == ("web:nurse", {"phrase": TRIED})
    assert balance(app).remainder == 0


def test_the_same_phrase_goes_once_in_some_minutes_and_again_later(app):
    send(app, "phrase-please-ring")
    with pytest.raises(Conflict, match="a few minutes ago"):
        send(app, "phrase-please-ring")

    clock_of(app).advance(timedelta(minutes=6))
    send(app, "phrase-please-ring")

    found = [one.occurrence for one in messages(app) if one.template == "phrase-please-ring"]
    assert found == [1, 2]


@pytest.mark.parametrize(
    ("template", "hours", "told"),
    [
        ("reply-question", None, "choose a text"),
        ("anything at all", None, "choose a text"),
        (TRIED, None, "enter when you will phone"),
        (TRIED, -1, "within the next 7 days"),
        (TRIED, 24 * 8, "within the next 7 days"),
    ],
)
def test_nothing_but_a_phrase_with_its_time_is_sent(app, template, hours, told):
    ring_at = None if hours is None else NEXT_DAY + timedelta(hours=hours)

    with pytest.raises(InvalidInput, match=told):
        send(app, template, ring_at=ring_at)

    assert [one for one in messages(app) if one.template.startswith("phrase-")] == []


def test_who_stopped_texts_or_is_paused_is_sent_none_and_staff_are_told_why(app):
    [enrolment] = rows(app, Enrolment)
    pause_enrolment(app, enrolment.id, actor="web:nurse")
    with pytest.raises(Conflict, match=r"It may not be sent: .*paused"):
        send(app, "phrase-please-ring")
    resume_enrolment(app, enrolment.id, actor="web:nurse")
    app.transact("web:nurse", stop)

    with pytest.raises(Conflict, match=r"It may not be sent: .*does not want"):
        send(app, "phrase-please-ring")


def test_at_night_it_waits_for_the_morning_and_a_call_before_that_is_refused(app):
    clock_of(app).advance(timedelta(hours=13))
    with pytest.raises(Conflict, match="It may not be sent"):
        send(app, ring_at=clock_of(app).now() + timedelta(hours=9))

    message_id = send(app, ring_at=clock_of(app).now() + timedelta(hours=12))
    run_until(app, datetime(2026, 10, 21, 8, 5, tzinfo=LONDON))

    [kept] = [one for one in messages(app) if one.id == message_id]
    assert kept.sent_at is not None
    assert kept.sent_at.astimezone(LONDON).hour == 8
