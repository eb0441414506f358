"""The page of a message: what the patient saw, how it went, and sending it again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Message
from tests.support.apps import (
    a_message,
    balance_is_even,
    email_of,
    enrol_one,
    message,
    messages,
    rows,
    run_until,
    sms_of,
    state_of,
)
from tests.support.people import EMAIL, ENROLLED_AT, SMS
from tests.support.scripted_channel import refuse
from tests.web.console.patients.test_patient import statements
from tests.web.console.visitors import HOME

SOON = ENROLLED_AT + timedelta(minutes=5)


@pytest.fixture
def enrolment(sqlite_app):
    return enrol_one(sqlite_app, 1)


def path_of(app, enrolment, step="going-home", **columns):
    return f"/messages/{message(app, enrolment, step, **columns).id}"


# ------------------------------------------------------------------------------- looking


def test_a_text_is_shown_as_on_a_phone_word_for_word(sqlite_app, auditor, enrolment):
    run_until(sqlite_app, SOON)

    page = auditor.get(path_of(sqlite_app, enrolment))

    bubble = page.page.one("div", **{"class": "fu-bubble"}).text
    assert bubble == " ".join(sms_of(sqlite_app).calls[0].text.split())
    assert "As the patient saw it" in page.text


def test_what_is_still_to_go_is_shown_as_it_stands_now(sqlite_app, auditor, enrolment):
    page = auditor.get(path_of(sqlite_app, enrolment, "dressing"))

    assert "As the patient will see it" in page.text
    assert "take the small dressing off" in page.text
    assert "The provider was not called for this message." in page.text


def test_an_e_mail_is_shown_in_a_frame_in_which_nothing_works(sqlite_app, auditor):
    enrolment = enrol_one(sqlite_app, 2, channels=(ChannelKind.EMAIL,))
    run_until(sqlite_app, SOON)
    path = path_of(sqlite_app, enrolment)

    page = auditor.get(path)
    frame = page.page.one("iframe")
    assert frame.attributes["sandbox"] == ""
    answer = auditor.client.get(HOME + frame.attributes["src"])

    assert answer.status_code == 200
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "sandbox;" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert " href=" not in answer.text
    assert email_of(sqlite_app).calls[0].subject in page.text


def test_attempts_are_told_with_codes_in_words_and_receipts(sqlite_app, auditor, enrolment):
    sms_of(sqlite_app).script(refuse("30005", recipient=True))
    run_until(sqlite_app, SOON)

    page = auditor.get(path_of(sqlite_app, enrolment, channel="sms"))

    assert "Refused" in page.text
    assert "Another message took the place of this one: the e-mail" in page.text


def test_looking_is_recorded(sqlite_app, auditor, enrolment):
    auditor.get(path_of(sqlite_app, enrolment))

    (event,) = [each for each in rows(sqlite_app, AuditEvent) if each.action == "message.viewed"]
    assert event.actor == f"web:{auditor.email}"
    assert event.patient_id is not None


@pytest.mark.parametrize("what", ["", "/mail", "/again"])
def test_a_message_of_another_clinic_is_not_there(sqlite_app, joined, enrolment, what):
    stranger = joined(clinics=["elsewhere"])

    assert stranger.get(path_of(sqlite_app, enrolment) + what, status=404)


def test_a_message_of_another_clinic_is_not_sent_again(sqlite_app, joined, enrolment):
    sms_of(sqlite_app).script(refuse("30003"))
    run_until(sqlite_app, SOON)
    before = len(messages(sqlite_app))

    joined(clinics=["elsewhere"]).post(
        path_of(sqlite_app, enrolment, channel="sms") + "/again", {"by": "sms"}, status=404
    )

    assert len(messages(sqlite_app)) == before


def test_an_answer_to_somebody_who_is_nobodys_patient_is_shown(sqlite_app, auditor):
    message_id = a_message(sqlite_app, State.CANCELLED)

    assert "Nobody who is enrolled" in auditor.get(f"/messages/{message_id}").text


def test_more_attempts_ask_no_more_of_the_database(sqlite_app, auditor, enrolment):
    run_until(sqlite_app, SOON)
    few = path_of(sqlite_app, enrolment)
    none = path_of(sqlite_app, enrolment, "dressing")
    for path in (few, none):
        auditor.get(path)

    counts = {statements(sqlite_app, lambda p=path: auditor.get(p)) for path in (few, none)}
    # Of one that is yet to go, what will become of it is asked too.
    assert max(counts) - min(counts) <= 2


# ------------------------------------------------------------------------- sending again


def only_texts(app):
    """Enrol somebody who agreed to texts, whose first one fails for nobody's fault."""
    enrolment = enrol_one(app, 3, channels=(SMS,))
    sms_of(app).script(refuse("30008"))
    run_until(app, SOON)
    return enrolment


def test_a_message_that_failed_is_shown_confirmed_and_sent_again(sqlite_app, joined):
    enrolment = only_texts(sqlite_app)
    admin = joined()
    page = admin.get(path_of(sqlite_app, enrolment))
    asked = admin.get(page.links()["Send again by text"])
    assert "Goes Now" in asked.text
    assert "do not drive yourself home" in asked.text

    action = asked.page.one("main").one("form").attributes["action"]
    done = admin.post(action, asked.values(action))
    run_until(sqlite_app, SOON + timedelta(minutes=5))

    assert "This message is planned" in done.page.text
    sent = [one for one in messages(sqlite_app, enrolment) if one.fallback_of is not None]
    assert [(one.channel, one.state) for one in sent] == [("sms", "sent")]
    assert "message.again" in {each.action for each in rows(sqlite_app, AuditEvent)}
    balance_is_even(sqlite_app)


def test_sending_it_again_twice_sends_it_once(sqlite_app, joined):
    enrolment = only_texts(sqlite_app)
    admin, path = joined(), path_of(sqlite_app, enrolment)

    admin.post(f"{path}/again", {"by": "sms"})
    page = admin.post(f"{path}/again", {"by": "sms"}, status=409)

    assert "Another message has taken the place" in page.text
    assert len([one for one in messages(sqlite_app) if one.fallback_of]) == 1


def test_what_failed_twice_can_be_sent_a_third_time(sqlite_app, joined):
    enrolment = only_texts(sqlite_app)
    admin = joined()
    sms_of(sqlite_app).script(refuse("30008"))
    page = admin.post(path_of(sqlite_app, enrolment) + "/again", {"by": "sms"})
    run_until(sqlite_app, SOON + timedelta(minutes=5))
    second = page.path.partition("?")[0]
    assert "Send again by text" in joined().get(second).links()

    joined().post(f"{second}/again", {"by": "sms"})
    run_until(sqlite_app, SOON + timedelta(minutes=10))

    assert [one.state for one in messages(sqlite_app, enrolment) if one.fallback_of] == [
        "failed",
        "sent",
    ]
    balance_is_even(sqlite_app)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("planned", "This message has not gone yet"),
        ("expired", "It may not be sent"),
    ],
)
def test_what_may_not_go_again_is_said_why(sqlite_app, joined, enrolment, state, told):
    if state == "expired":
        run_until(sqlite_app, ENROLLED_AT + timedelta(days=3))
    path = path_of(sqlite_app, enrolment, channel="sms")

    page = joined().get(f"{path}/again?by=sms", status=409)

    assert told in page.text


def test_a_channel_that_the_patient_did_not_agree_to_is_refused(sqlite_app, joined):
    enrolment = only_texts(sqlite_app)
    path = path_of(sqlite_app, enrolment)
    admin = joined()

    assert "Send by e-mail" not in admin.get(path).links()
    page = admin.post(f"{path}/again", {"by": "email"}, status=409)
    assert "did not agree" in page.text


def test_a_wish_to_stop_forbids_sending_again(sqlite_app, joined):
    enrolment = only_texts(sqlite_app)
    admin = joined()
    patient = rows(sqlite_app, Message)[0].patient_id
    admin.post(f"/patients/{patient}/stop", {"channel": "all", "confirmed": "yes"})

    page = admin.post(path_of(sqlite_app, enrolment) + "/again", {"by": "sms"}, status=409)

    assert "the patient does not want messages" in page.text


def test_a_delivered_message_says_that_the_patient_has_it(sqlite_app, joined, enrolment):
    run_until(sqlite_app, SOON)
    admin = joined()

    asked = admin.get(path_of(sqlite_app, enrolment) + "/again?by=email")
    assert "They would get it a second time" in asked.text

    admin.post(path_of(sqlite_app, enrolment) + "/again", {"by": "email"})
    run_until(sqlite_app, SOON + timedelta(minutes=5))
    (copy,) = [one for one in messages(sqlite_app, enrolment) if one.fallback_of]
    assert state_of(sqlite_app, copy.id) in {"sent", "delivered"}
    assert copy.channel == EMAIL.value
    balance_is_even(sqlite_app)


def test_who_may_only_read_is_offered_no_sending(sqlite_app, auditor):
    enrolment = only_texts(sqlite_app)

    assert "Send again" not in str(auditor.get(path_of(sqlite_app, enrolment)).links())
