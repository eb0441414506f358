"""What a text is about decides which advice goes out, who looks how soon, and in what order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from followup.catalogue.bank_holidays import bank_holidays, office_is_open
from followup.cli.service.check_words import holidays_running_out
from followup.context import OnCall
from followup.domain.clinics.office_time import after_office_time
from followup.domain.triage.triage import Known, sort_reply
from followup.store.models.messages import InboundMessage
from followup.worklist.items import open_items
from tests.replies.test_inbound import MOBILE, STRANGER, in_force, replies, take
from tests.support.apps import clock_of, enrol_one, rows, run_jobs, shipped_catalogue, sms_of, tasks
from tests.support.people import ENROLLED_AT
from tests.support.scripted_channel import refuse

CLINIC = shipped_catalogue().clinics["derriford-pain"]


@pytest.fixture
def app(sqlite_app):
    return sqlite_app


@pytest.mark.parametrize(
    ("body", "answer", "cause", "urgency"),
    [
        ("cant breathe", "reply-emergency", "emergency", 1),
        ("I have a fever", "reply-red-flag", "red-flag", 1),
        ("pus from the wound", "reply-signs", "wound", 2),
        ("sugar is 19", "reply-signs", "sugar", 2),
        ("still in agony", "reply-signs", "pain", 2),
        ("who is this?", "reply-wrong-person", "wrong-person", 2),
        ("my mum passed away", None, "deceased", 2),
        ("please ring me", "reply-signs", "help", 2),
        ("is it meant to whistle", "reply-signs", "unclear", 2),
    ],
    ids=lambda value: str(value).replace(" ", "-"),
)
def test_each_class_has_its_answer_its_cause_and_its_urgency(app, body, answer, cause, urgency):
    enrol_one(app)

    assert take(app, body) == answer

    [item] = tasks(app)
    assert (item.detail["cause"], item.urgency) == (cause, urgency)


def test_thanks_alone_ask_nobody_and_a_photo_with_them_does(app):
    enrol_one(app)

    assert take(app, "thanks so much") is None
    assert tasks(app) == []
    take(app, "thanks so much", media_count=1)
    assert len(tasks(app)) == 1


def test_a_red_flag_is_at_the_top_and_due_in_minutes_by_night_as_by_day(app):
    enrol_one(app)
    clock_of(app).advance_to(datetime(2026, 12, 25, 3, 0, tzinfo=UTC))
    take(app, "please ring me")
    take(app, "legs week and wet myself", from_=STRANGER)

    with app.store.read() as session:
        first, second = open_items(session)

    assert first.detail["cause"] == "red-flag"
    assert first.due_at == datetime(2026, 12, 25, 3, 15, tzinfo=UTC)
    # The office opens again on Tuesday after Christmas: it is read first thing.
    assert second.due_at == datetime(2026, 12, 29, 9, 0, tzinfo=UTC)


def test_advice_on_what_to_do_now_follows_another_answer_at_once(app):
    enrol_one(app)

    bodies = ("where do I park", "is it meant to whistle", "my leg is weak", "leg weak still", "hm")

    answers = [take(app, body) for body in bodies]

    assert answers == ["reply-question", "reply-signs", "reply-red-flag", None, None]


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-10-20T10:00+01:00", "2026-10-20T11:00+01:00"),
        ("2026-10-20T16:30+01:00", "2026-10-21T09:00+01:00"),
        ("2026-10-24T12:00+01:00", "2026-10-26T09:00+00:00"),
        ("2026-12-24T23:00+00:00", "2026-12-29T09:00+00:00"),
    ],
    ids=["office", "end-of-day", "saturday-and-clock-change", "christmas"],
)
def test_what_is_not_provably_harmless_is_read_within_the_hour_or_first_thing(app, start, due):
    enrol_one(app)
    clock_of(app).advance_to(datetime.fromisoformat(start))

    take(app, "is it meant to whistle")

    assert tasks(app)[0].due_at == datetime.fromisoformat(due)


def test_whoever_is_on_call_reads_it_within_the_hour_by_night_unless_the_clinic_says_otherwise(app):
    on_call = replace(app, policy=replace(app.policy, on_call=OnCall(email=("a@example.com",))))
    clinic = replace(CLINIC, replies_on_call=False)
    asleep = replace(on_call, catalogue=replace(app.catalogue, clinics={CLINIC.key: clinic}))
    night = datetime(2026, 12, 25, 3, 0, tzinfo=UTC)
    clock_of(app).advance_to(night)

    take(on_call, "is it meant to whistle")
    take(asleep, "is it meant to whistle", from_=STRANGER)

    first, second = sorted(item.due_at for item in tasks(app))
    assert (first, second) == (night + timedelta(hours=1), datetime(2026, 12, 29, 9, tzinfo=UTC))


def test_two_robots_that_quote_red_flags_fall_silent(app):
    answers = [take(app, "STOP my leg is weak"), *(take(app, "leg weak START") for _ in range(30))]

    assert sum(answer is not None for answer in answers) <= 3


@pytest.mark.parametrize(
    ("now", "is_open"),
    [(ENROLLED_AT, True), (ENROLLED_AT + timedelta(hours=6), False)],
    ids=["office", "evening"],
)
def test_a_red_flag_is_sent_to_the_clinic_only_while_it_answers(app, now, is_open):
    enrol_one(app)
    clock_of(app).advance_to(now)
    take(app, "cant feel my legs")

    run_jobs(app)

    [answer] = [call.text for call in sms_of(app).calls if "get help now" in call.text]
    assert ("ring us now on 01752 437706" in answer) is is_open
    assert "Derriford Emergency Department" in answer
    assert "ring 999" in answer


def test_a_wish_about_the_texts_within_a_sentence_is_kept_and_read(app):
    enrol_one(app)

    assert take(app, "I really dont want any more texts from you lot") == "reply-stopped"

    assert len(in_force(app)) == 1
    assert [item.detail["cause"] for item in tasks(app) if item.kind == "reply"] == [
        "stop-and-more"
    ]


@pytest.mark.parametrize(
    "body", ["please stop the pain", "dont stop texting me", "when to stop it"]
)
def test_what_is_no_plain_wish_stops_nothing(app, body):
    enrol_one(app)

    take(app, body)

    assert in_force(app) == []


def test_classes_and_the_version_of_the_phrases_are_kept(app):
    enrol_one(app)
    take(app, "STOP cant feel my legs")

    [kept] = rows(app, InboundMessage)
    assert kept.classes == ["red-flag", "stop"]
    known = Known(protocol="nerve-root-block")
    assert kept.sorted_by == sort_reply(app.catalogue.triage, "thanks", known=known).version


@pytest.mark.parametrize(
    "body",
    ["cant feel my legs " + "x" * 1582, "🙂😭 cant feel my legs 🙏", "cant\x00feel\x07my\x1blegs",
     "CANT FEEL\x00 MY LEGS"],
    ids=["1600", "emoji", "controls", "nul"],
)  # fmt: skip
def test_a_red_flag_in_a_strange_text_is_not_lost(app, body):
    enrol_one(app)

    assert take(app, body, media_count=2) == "reply-red-flag"
    assert tasks(app)[0].urgency == 1


def test_a_red_flag_from_a_shared_number_names_both_patients(app):
    enrol_one(app, 1)
    enrol_one(app, 2, mobile=MOBILE)

    assert take(app, "my leg gave way") == "reply-red-flag"

    [item] = tasks(app)
    assert (item.urgency, item.patient_id) == (1, None)
    assert len(item.detail["shared_by"]) == 2
    assert len(replies(app)) == 1


def test_a_carrier_that_stops_an_unknown_number_is_believed(app):
    sms_of(app).for_recipient[STRANGER] = refuse("21610", recipient=True, opted_out=True)
    take(app, "who is this?", from_=STRANGER)

    run_jobs(app)

    [objection] = in_force(app)
    assert (objection.patient_id, objection.source) == (None, "carrier")
    assert objection.contact_index is not None


def test_advice_on_what_to_do_now_is_not_held_for_being_too_much(app):
    few = replace(app, policy=replace(app.policy, version_per_minute=1))
    for serial in range(4):
        take(few, "cant feel my legs", from_=f"+44770090080{serial}")

    run_jobs(few)

    assert [one.state for one in replies(few)] == ["sent"] * 4


def test_a_reply_may_be_here_before_its_message_is_recorded_as_sent(app):
    enrolment = enrol_one(app)
    sms_of(app).during_call = lambda _: take(app, "cant feel my legs")

    run_jobs(app)

    [item] = {item.enrolment_id: item for item in tasks(app) if item.kind == "reply"}.values()
    assert (item.enrolment_id, item.urgency) == (enrolment, 1)


def office_time(start: datetime, hours: float) -> datetime:
    return after_office_time(
        start,
        timedelta(hours=hours),
        hours=CLINIC.office_hours,
        zone=CLINIC.zone,
        holidays=bank_holidays("england-and-wales"),
    )


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-10-19T09:00+01:00", 4, "2026-10-19T13:00+01:00"),
        ("2026-10-23T16:00+01:00", 4, "2026-10-26T12:00+00:00"),
        ("2026-12-24T16:00+00:00", 2, "2026-12-29T10:00+00:00"),
        ("2026-10-18T12:00+01:00", 8, "2026-10-19T17:00+01:00"),
        ("2026-10-19T06:00+01:00", 1, "2026-10-19T10:00+01:00"),
    ],
    ids=["within", "weekend-and-clock-change", "christmas", "sunday", "before-opening"],
)
def test_office_time_passes_only_while_the_office_is_open(start, hours, end):
    assert office_time(datetime.fromisoformat(start), hours) == datetime.fromisoformat(end)


def test_an_operator_hears_when_the_known_bank_holidays_run_out():
    catalogue = shipped_catalogue()

    assert holidays_running_out(catalogue, today=date(2026, 11, 22)) == []
    [said] = holidays_running_out(catalogue, today=date(2035, 1, 1))
    assert "england-and-wales are known until" in said


def test_the_office_is_closed_on_a_bank_holiday():
    assert office_is_open(CLINIC, datetime(2026, 12, 24, 10, 0, tzinfo=UTC))
    assert not office_is_open(CLINIC, datetime(2026, 12, 25, 10, 0, tzinfo=UTC))
