"""What patients write, from Twilio's signed post to the answer, the person and the stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from followup.store.models.messages import InboundMessage
from tests.replies.test_inbound import MOBILE, in_force, replies
from tests.support.apps import clock_of, enrol_one, messages, rows, run_jobs, tasks
from tests.support.people import PROCEDURE_AT
from tests.web.conftest import served, sid, twilio_post

INBOUND = "/hooks/twilio/inbound"
SATURDAY = datetime(2026, 10, 24, 11, 0, tzinfo=UTC)
_SERIALS = count(1)

GRAVE_REPLIES = [
    ("took too many of my pain killers, about 20", "emergency", "reply-emergency"),
    ("ive not had any feeling in my bum for 2 days", "red-flag", "reply-red-flag"),
    ("not got any strength in my leg", "red-flag", "reply-red-flag"),
    ("didnt have a temp this morning but 39 tonight", "red-flag", "reply-red-flag"),
    ("my foot has dropped", "red-flag", "reply-red-flag"),
    ("leg wouldn't hold me", "red-flag", "reply-red-flag"),
    ("ah cannae pee", "red-flag", "reply-red-flag"),
    ("38.2", "red-flag", "reply-red-flag"),
    ("neither leg works", "red-flag", "reply-red-flag"),
    ("HI on meter", "sugar-emergency", "reply-sugar-emergency"),
    ("sugar 33 and vomiting", "sugar-emergency", "reply-sugar-emergency"),
    ("ketones 4", "sugar-emergency", "reply-sugar-emergency"),
    ("nothing to live for", "crisis", "reply-crisis"),
    ("want to go to sleep and not wake up", "crisis", "reply-crisis"),
    ("لا أشعر بساقي", "other-language", "reply-red-flag"),
    ("nie czuję nogi od wczoraj", "other-language", "reply-red-flag"),
    ("dwi ddim yn teimlo fy nghoes", "other-language", "reply-red-flag"),
]
"""What a patient writes, the gravest class that it is sorted into, and the answer."""
PEACEFUL_REPLIES = [
    "ok",
    "👍",
    "will do thanks",
    "Liked “You can take the dressing off now. Reply STOP to stop these texts.”",
    "A aimé « New leg weakness, new bladder or bowel trouble, new back pain or fever »",
    'Reacted 👍 to "New leg weakness, new bladder or bowel trouble, new back pain or fever"',
    "> Reply STOP to stop these texts.",
]
STOP_REPLIES = [
    "please can you stop", "Arrêt", "إيقاف", "Reply STOP", "przestańcie proszę",
    "I dont want any more of these messages",
]  # fmt: skip


def write(client, body: str, *, sender: str = MOBILE) -> None:
    form = {"MessageSid": sid(next(_SERIALS)), "From": sender, "To": "+447700900500", "Body": body}
    assert twilio_post(client, INBOUND, {**form, "NumMedia": "0"}).status_code == 200


def answers(app) -> list[str]:
    return sorted(one.template for one in replies(app))


@pytest.mark.parametrize(("body", "gravest", "answer"), GRAVE_REPLIES)
def test_a_grave_reply_on_a_saturday_is_answered_and_put_before_a_person_in_minutes(
    app, body, gravest, answer
):
    enrol_one(app)
    clock_of(app).advance_to(SATURDAY)
    with served(app) as client:
        write(client, body)

    [item] = tasks(app)
    assert (item.detail["cause"], item.urgency) == (gravest, 1)
    assert item.due_at == SATURDAY + timedelta(minutes=15)
    assert answers(app) == [answer]


def test_the_graver_one_is_always_answered(app):
    enrol_one(app)
    with served(app) as client:
        write(client, "my leg is a bit numb")
        write(client, "now ive got chest pain and cant breathe")
        write(client, "my chest is still tight")

    assert answers(app) == ["reply-emergency", "reply-red-flag"]
    assert [item.urgency for item in tasks(app)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("body", "attributes", "day", "answer"),
    [
        ("18.4", {"diabetic": True, "steroid_given": True}, 1, "reply-sugar"),
        ("sugar 9, will it go up?", {"diabetic": False, "steroid_given": False}, 1, "reply-signs"),
        ("sugar 9, will it go up?", {"diabetic": True, "steroid_given": False}, 1, "reply-signs"),
        ("still in pain", {"diabetic": False, "steroid_given": True}, 21, "reply-pain-late"),
        ("still in pain", {"diabetic": False, "steroid_given": True}, 3, "reply-signs"),
    ],
)
def test_what_is_said_is_true_of_this_patient_and_day(sqlite_app, body, attributes, day, answer):
    app = sqlite_app
    enrol_one(app, attributes=attributes)
    clock_of(app).advance_to(PROCEDURE_AT + timedelta(days=day))
    with served(app) as client:
        write(client, body)

    assert answers(app) == [answer]
    assert [item.urgency for item in tasks(app)] == [2]


@pytest.mark.parametrize("body", PEACEFUL_REPLIES)
def test_what_is_harmless_or_our_own_words_stops_nothing_and_alarms_nobody(app, body):
    enrol_one(app)
    with served(app) as client:
        write(client, body)

    assert (tasks(app), answers(app), in_force(app)) == ([], [], [])
    assert [one.meaning for one in rows(app, InboundMessage)] == ["other"]


def test_a_reaction_to_any_text_of_ours_is_no_red_flag(sqlite_app):
    app = sqlite_app
    enrol_one(app)
    run_jobs(app)
    [sent] = [call.text for call in app.channels["sms"].calls][:1]
    with served(app) as client:
        write(client, f"Loved “{sent}”")
        write(client, sent)

    assert (tasks(app), answers(app), in_force(app)) == ([], [], [])


@pytest.mark.parametrize(
    "body",
    ["did you stop sending? I have not had one today", "I do not want to stop the messages"],
)
def test_a_question_or_a_denial_about_stopping_stops_nothing_and_a_person_reads_it(app, body):
    enrol_one(app)
    with served(app) as client:
        write(client, body)

    assert in_force(app) == []
    assert [item.urgency for item in tasks(app)] == [2]
    assert answers(app) == ["reply-signs"]


@pytest.mark.parametrize("body", STOP_REPLIES)
def test_a_wish_to_stop_is_obeyed_however_it_is_put(app, body):
    enrolment = enrol_one(app)
    with served(app) as client:
        write(client, body)

    assert len(in_force(app)) == 1
    assert {one.state for one in messages(app, enrolment)} == {"cancelled"}
    assert answers(app) == ["reply-stopped"]
    assert {item.kind for item in tasks(app)} <= {"advice-stopped"}


@pytest.mark.parametrize("prefix", ["rcs:", "whatsapp:", "sms:", "RCS:"])
def test_a_stop_by_another_channel_is_that_patients(app, prefix):
    enrolment = enrol_one(app)
    with served(app) as client:
        write(client, "STOP", sender=prefix + MOBILE)

    [objection] = in_force(app)
    assert objection.patient_id is not None
    assert {one.state for one in messages(app, enrolment)} == {"cancelled"}


def test_a_stop_from_nobody_we_know_is_put_before_a_person(app):
    with served(app) as client:
        write(client, "STOP", sender="+447700900998")

    [item] = tasks(app)
    assert (item.detail["cause"], item.urgency, item.patient_id) == ("stop", 3, None)
