"""Texts that come in: stops, starts, everything else, and how seldom a machine answers."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from followup.consent.objections import lodge_objection
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.triage.intent import ReplyIntent
from followup.enrolment.withdraw import withdraw_enrolment
from followup.monitoring.message_balance import balance
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.sending.claim import claim_due
from followup.settings.logging import configure_logging
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.patients import Objection, Patient
from followup.store.models.worklist import WorklistItem
from tests.support.apps import clock_of, enrol_one, messages, rows, run_jobs, sms_of
from tests.support.apps import tasks as all_tasks
from tests.support.people import ENROLLED_AT, PROCEDURE_AT

MOBILE = "+447700900001"
"""The number of `tests.support.people.person(1)`."""
STRANGER = "+447700900999"
PHONE = "01752 437706"

_SERIALS = count(1)


def text(body: str = "What happens with parking", **changes: Any) -> InboundText:
    values: dict[str, Any] = {
        "provider_id": f"SM{next(_SERIALS):032x}",
        "from_": MOBILE,
        "to": "+447700900500",
        "body": body,
    }
    return InboundText(**{**values, **changes})


def take(app: AppContext, body: str = "What happens with parking", **changes: Any) -> str | None:
    """Take a text in and return the template of the answer."""
    return take_inbound(app, text(body, **changes)).answer


def replies(app: AppContext) -> list[Message]:
    return [one for one in messages(app) if one.kind == "reply"]


def tasks(app: AppContext) -> list[WorklistItem]:
    """Return what waits because of a text; `tests/messages` say what a stop asks besides."""
    return [item for item in all_tasks(app) if item.kind != "advice-stopped"]


def in_force(app: AppContext) -> list[Objection]:
    return [one for one in rows(app, Objection) if one.lifted_at is None]


def planned(app: AppContext) -> int:
    return sum(one.state == "planned" and one.kind == "advice" for one in messages(app))


# ------------------------------------------------------------------------------ stopping


def test_stop_lodges_an_objection_to_everything_and_cancels_what_is_planned(app):
    enrolment = enrol_one(app)

    taken = take_inbound(app, text("STOP"))

    [objection] = in_force(app)
    assert (taken.meaning, taken.answer) == (ReplyIntent.STOP, "reply-stopped")
    assert (objection.channel, objection.source, objection.lodged_by) == (None, "sms", "patient")
    assert {(one.state, one.reason) for one in messages(app, enrolment)} == {
        ("cancelled", "objection")
    }
    assert tasks(app) == []


def test_stop_is_confirmed_by_a_text_that_says_how_to_start_again(app):
    enrol_one(app)
    take(app, "STOP")

    run_jobs(app)

    [confirmation] = sms_of(app).calls
    assert confirmation.to == MOBILE
    assert "no more of these texts" in confirmation.text
    assert "START" in confirmation.text
    assert PHONE in confirmation.text
    assert [one.state for one in replies(app)] == ["sent"]


@pytest.mark.parametrize(
    "prefix", ["rcs:", "whatsapp:", "sms:", "tel:", "WhatsApp:"], ids=lambda prefix: prefix[:-1]
)
def test_a_stop_that_came_by_another_channel_is_that_patients(app, prefix):
    enrolment = enrol_one(app)

    taken = take_inbound(app, text("STOP", from_=f"{prefix}{MOBILE}", to=f"{prefix}+447700900500"))

    assert taken.answer == "reply-stopped"
    assert [one.patient_id for one in in_force(app)] == [one.id for one in rows(app, Patient)]
    assert {one.state for one in messages(app, enrolment)} == {"cancelled"}


def test_a_stop_by_another_channel_is_confirmed_to_the_number(app):
    enrol_one(app)
    take(app, "STOP", from_=f"rcs:{MOBILE}")

    run_jobs(app)

    assert [call.to for call in sms_of(app).calls] == [MOBILE]


def test_a_name_that_only_begins_like_a_channel_stays_as_it_came(app):
    taken = take_inbound(app, text("Hello", from_="SMSINFO"))

    assert taken.answer is None
    assert replies(app) == []


def test_stop_is_confirmed_once(app):
    enrol_one(app)

    answers = [take(app, body) for body in ("STOP", "stop", "Stop the texts")]

    assert answers == ["reply-stopped", None, None]
    assert len(in_force(app)) == 1
    assert tasks(app) == []


def test_stop_that_the_carrier_has_confirmed_is_not_confirmed_again(app):
    enrol_one(app)

    answer = take(app, "STOP", opt_out_type="STOP")

    assert answer is None
    assert replies(app) == []
    assert len(in_force(app)) == 1
    assert planned(app) == 0


def test_what_a_worker_has_claimed_is_cancelled_as_well(app):
    enrolment = enrol_one(app)
    claim_due(app)
    assert "claimed" in {one.state for one in messages(app, enrolment)}

    take(app, "STOP")

    assert {one.state for one in messages(app, enrolment)} == {"cancelled"}


def test_stop_covers_e_mail_too(app):
    enrol_one(app)
    take(app, "STOP")
    run_jobs(app)
    clock_of(app).advance(timedelta(days=3))

    run_jobs(app)

    assert [call.to for call in sms_of(app).calls] == [MOBILE]
    assert sms_of(app).calls[0].text.startswith("Derriford Pain Clinic: you will get no more")


def test_stop_from_a_number_that_two_patients_share_stops_both(app):
    first, second = enrol_one(app, 1), enrol_one(app, 2, mobile=MOBILE)
    third = enrol_one(app, 3)

    answer = take(app, "STOP")

    assert answer == "reply-stopped"
    assert len(replies(app)) == 1
    assert {one.state for one in messages(app, first)} == {"cancelled"}
    assert {one.state for one in messages(app, second)} == {"cancelled"}
    assert "planned" in {one.state for one in messages(app, third)}


def test_stop_from_an_unknown_number_holds_for_whoever_is_enrolled_with_it_later(app):
    assert take(app, "STOP", from_=STRANGER) == "reply-stopped"
    [objection] = in_force(app)
    assert (objection.patient_id, objection.channel) == (None, None)

    enrolment = enrol_one(app, 999, channels=(ChannelKind.SMS,))
    run_jobs(app)

    going_home = next(one for one in messages(app, enrolment) if one.step == "going-home")
    assert (going_home.state, going_home.reason) == ("suppressed", "objection")
    assert [call.text[:40] for call in sms_of(app).calls] == [
        "Derriford Pain Clinic: you will get no m"
    ]


def test_stop_and_more_is_an_objection_and_a_person_reads_it(app):
    enrolment = enrol_one(app)

    taken = take_inbound(app, text("STOP cant feel my legs"))

    [item] = tasks(app)
    assert (taken.meaning, taken.answer) == (ReplyIntent.STOP_AND_MORE, "reply-red-flag-stopped")
    assert (item.kind, item.detail["cause"], item.urgency) == ("reply", "red-flag", 1)
    assert item.detail["classes"] == ["red-flag", "stop"]
    assert item.enrolment_id == enrolment
    assert item.inbound_id == taken.inbound_id
    assert item.due_at == ENROLLED_AT + timedelta(minutes=15)
    assert planned(app) == 0


def test_stop_and_more_from_somebody_who_has_stopped_is_told_what_to_do(app):
    enrol_one(app)
    take(app, "STOP")

    assert take(app, "STOP cant feel my legs") == "reply-red-flag"
    assert take(app, "cant feel my legs at all") is None
    assert len(tasks(app)) == 2


def test_stop_and_more_that_the_carrier_stopped_is_left_to_a_person(app):
    enrol_one(app)

    assert take(app, "STOP cant feel my legs", opt_out_type="STOP") is None

    assert [item.kind for item in tasks(app)] == ["reply"]


# ------------------------------------------------------------------------------ starting


def test_start_lifts_the_objection_and_plans_again_what_is_to_come(app):
    enrolment = enrol_one(app)
    take(app, "STOP")
    stopped = {(one.step, one.occurrence) for one in messages(app, enrolment)}

    assert take(app, "START") == "reply-started"

    assert in_force(app) == []
    again = [one for one in messages(app, enrolment) if one.generation == 2]
    assert {(one.step, one.occurrence) for one in again} == stopped
    assert {one.state for one in again} == {"planned"}
    assert tasks(app) == []


def test_start_does_not_bring_back_what_is_of_no_more_use(app):
    enrolment = enrol_one(app)
    take(app, "STOP")
    clock_of(app).advance(timedelta(days=20))

    take(app, "START")

    again = [one for one in messages(app, enrolment) if one.generation == 2]
    planned = [one for one in again if one.state == "planned"]
    assert {one.step for one in planned} == {"red-flags"}
    assert len(planned) == 3
    assert {one.reason for one in again if one.state != "planned"} == {"already-past"}


def test_start_twice_plans_once(app):
    enrolment = enrol_one(app)
    take(app, "STOP")

    take(app, "START")
    take(app, "START")

    assert {one.generation for one in messages(app, enrolment)} == {1, 2}


def test_a_withdrawn_patient_who_texts_start_is_not_planned_again(app):
    enrolment = enrol_one(app)
    take(app, "STOP")
    withdraw_enrolment(app, enrolment, reason="moved away", actor="test")

    take(app, "START")

    assert {one.generation for one in messages(app, enrolment)} == {1}


def test_start_leaves_an_objection_to_e_mail_alone(app):
    enrol_one(app)
    with app.store.write() as session:
        [patient] = session.query(Patient).all()
        lodge_objection(
            session,
            app.by("patient"),
            patient=patient,
            channel=ChannelKind.EMAIL,
            source="link",
        )
    take(app, "STOP")

    take(app, "START")

    assert [one.channel for one in in_force(app)] == ["email"]


def test_start_from_an_unknown_number_lifts_what_that_number_lodged(app):
    take(app, "STOP", from_=STRANGER)

    assert take(app, "START", from_=STRANGER) == "reply-started"

    assert in_force(app) == []
    started, stopped = sorted(tasks(app), key=lambda item: item.urgency)
    assert (stopped.kind, stopped.detail["cause"], stopped.urgency) == ("reply", "stop", 3)
    assert (started.kind, started.patient_id) == ("restart", None)
    assert started.clinic == "derriford-pain"


def test_start_lifts_what_a_number_lodged_before_its_patient_was_enrolled(app):
    take(app, "STOP", from_=STRANGER)
    enrol_one(app, 999)

    take(app, "START", from_=STRANGER)

    assert in_force(app) == []


def test_start_where_nothing_was_stopped_is_a_text_like_any_other(app):
    enrol_one(app)

    assert take(app, "Start") == "reply-signs"

    assert [(item.kind, item.detail["cause"]) for item in tasks(app)] == [("reply", "start")]


def test_start_that_the_carrier_acted_on_is_confirmed_whatever_we_knew(app):
    enrol_one(app)

    assert take(app, "START", opt_out_type="START") == "reply-started"


def test_after_start_a_new_enrolment_is_written_to_again(app):
    enrol_one(app)
    take(app, "STOP")
    take(app, "START")
    again = enrol_one(
        app,
        reference="SECOND",
        protocol="facet-joint-injection",
        attributes={"sugar_may_rise": False},
        procedure_at=PROCEDURE_AT + timedelta(minutes=5),
    )

    run_jobs(app)

    going_home = next(one for one in messages(app, again) if one.step == "going-home")
    assert going_home.state == "sent"


# -------------------------------------------------------------------------- anything else


def test_any_other_text_is_kept_sealed_and_opens_an_item_for_a_person(app):
    enrolment = enrol_one(app)

    taken = take_inbound(app, text("What happens with parking"))

    [kept] = rows(app, InboundMessage)
    [item] = tasks(app)
    detail = {"cause": "unclear", "classes": ["unclear"]}
    assert (item.kind, item.detail, item.state) == ("reply", detail, "open")
    assert (item.inbound_id, item.enrolment_id) == (kept.id, enrolment)
    assert kept.id == taken.inbound_id
    assert b"parking" not in kept.body_sealed
    assert words_of(app, kept) == "What happens with parking"
    assert kept.answer_id == replies(app)[0].id


def words_of(app: AppContext, kept: InboundMessage) -> str:
    sealer = app.keyring.system
    if kept.patient_id is not None:
        with app.store.read() as session:
            patient = session.get_one(Patient, kept.patient_id)
        opened = app.keyring.patient(patient.data_key, patient.master_key_id)
        assert opened is not None
        sealer = opened
    assert kept.body_sealed is not None
    return sealer.open(kept.body_sealed, column="inbound_messages.body", row=kept.id)


def test_the_sender_is_told_that_nobody_watches_and_whom_to_ring(app):
    enrol_one(app)
    run_jobs(app)
    take(app)

    run_jobs(app)

    answer = sms_of(app).calls[-1]
    assert answer.to == MOBILE
    for words in ("Nobody watches", "999", "NHS 111", PHONE, "leg weakness"):
        assert words in answer.text


def test_an_answer_goes_out_at_night_and_before_any_advice(app):
    clock_of(app).advance_to(PROCEDURE_AT + timedelta(hours=12))
    take(app, from_=STRANGER)

    run_jobs(app)

    assert [one.to for one in sms_of(app).calls] == [STRANGER]
    assert replies(app)[0].priority == 0


def test_an_answer_that_could_not_go_within_the_hour_expires(app):
    take(app)
    clock_of(app).advance(timedelta(hours=1))

    run_jobs(app)

    assert [one.state for one in replies(app)] == ["expired"]
    assert sms_of(app).calls == []


def test_the_very_same_advice_is_given_at_most_once_an_hour(app):
    assert take(app) == "reply-signs"
    clock_of(app).advance(timedelta(minutes=59, seconds=59))
    assert take(app) is None
    clock_of(app).advance(timedelta(seconds=1))
    assert take(app) == "reply-signs"
    assert take(app, from_=STRANGER) == "reply-signs"


def test_the_very_same_advice_is_given_at_most_six_times_a_day(app):
    answers = []
    for _ in range(24):
        answers.append(take(app))
        clock_of(app).advance(timedelta(hours=1))

    assert answers == ["reply-signs"] * 6 + [None] * 18
    assert take(app) == "reply-signs"
    assert len(tasks(app)) == 25


def test_two_robots_that_answer_each_other_fall_silent(app):
    bodies = ["STOP", "START"] * 20

    answers = [take(app, body) for body in bodies]

    assert sum(answer is not None for answer in answers) == 12


def test_two_texts_at_the_same_moment_get_one_answer(app):
    with ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(lambda _: take(app), range(8)))

    assert sorted(answers, key=str) == [None] * 7 + ["reply-signs"]
    assert len(tasks(app)) == 8


def test_the_same_text_posted_again_changes_nothing(app):
    enrol_one(app)
    posted = text("STOP cant feel my legs")
    first = take_inbound(app, posted)

    again = take_inbound(app, posted)

    assert (again.inbound_id, again.repeated, again.answer) == (first.inbound_id, True, None)
    assert len(rows(app, InboundMessage)) == len(tasks(app)) == len(replies(app)) == 1


def test_a_replayed_stop_does_not_undo_a_later_start(app):
    enrol_one(app)
    stop = text("STOP")
    take_inbound(app, stop)
    take(app, "START")

    take_inbound(app, stop)

    assert in_force(app) == []


def test_the_same_text_posted_eight_times_at_once_is_taken_once(app):
    enrol_one(app)
    posted = text("STOP cant feel my legs")
    with ThreadPoolExecutor(8) as executor:
        taken = list(executor.map(lambda _: take_inbound(app, posted), range(8)))

    assert sum(not one.repeated for one in taken) == 1
    assert len({one.inbound_id for one in taken}) == 1
    assert len(rows(app, InboundMessage)) == len(tasks(app)) == len(replies(app)) == 1


@pytest.mark.parametrize(
    ("body", "media"),
    [
        ("x" * 1600, 0),
        ("😬" * 800, 0),
        ("a\x00b\x07\x1b[31m", 0),
        ("\ud83d", 0),
        ("", 1),
        ("", 0),
        ("see photo", 10**6),
        ("  \n ", 0),
        ("Robert'); DROP TABLE patients;--", 0),
        ("{{ 7*7 }}", 0),
        ("x" * 100_000, 0),
    ],
    ids=["1600", "emoji", "controls", "half-emoji", "media", "empty", "many-media", "blank", "sql",
         "template", "huge"],
)  # fmt: skip
def test_whatever_a_text_holds_is_kept_and_put_before_a_person(app, body, media):
    enrol_one(app)

    take(app, body, media_count=media)

    [kept] = rows(app, InboundMessage)
    assert words_of(app, kept) == body.replace("\ud83d", "?")[:10_000]
    assert kept.media_count == min(media, 99)
    assert len(tasks(app)) == 1
    run_jobs(app)
    assert "Nobody watches" in sms_of(app).calls[0].text


@pytest.mark.parametrize("sender", ["60777", "Vodafone", "+441752437706", "", "+44", "x" * 500])
def test_a_machine_or_a_landline_is_never_answered(app, sender):
    assert take(app, from_=sender) is None
    assert replies(app) == []
    assert len(tasks(app)) == 1


def test_a_text_from_a_shared_number_names_every_patient_and_is_sealed_for_none(app):
    first, second = enrol_one(app, 1), enrol_one(app, 2, mobile=MOBILE)

    take(app)

    [item], [kept] = tasks(app), rows(app, InboundMessage)
    of = {one.patient_id for one in rows(app, Enrolment) if one.id in {first, second}}
    assert set(item.detail["shared_by"]) == {str(one) for one in of}
    assert (item.patient_id, item.enrolment_id, kept.patient_id) == (None, None, None)
    assert words_of(app, kept) == "What happens with parking"


def test_a_text_from_an_unknown_number_is_put_before_the_clinic(app):
    take(app, from_=STRANGER)

    [item], [kept] = tasks(app), rows(app, InboundMessage)
    assert (item.clinic, item.patient_id, kept.patient_id) == ("derriford-pain", None, None)
    assert words_of(app, kept) == "What happens with parking"


def test_a_patient_who_was_withdrawn_is_still_known_and_answered(app):
    enrolment = enrol_one(app)
    withdraw_enrolment(app, enrolment, reason="moved away", actor="cli:test")

    assert take(app) == "reply-signs"

    assert [item.enrolment_id for item in tasks(app)] == [enrolment]


def test_a_text_is_put_to_the_open_enrolment_rather_than_to_an_ended_one(app):
    ended = enrol_one(app)
    withdraw_enrolment(app, ended, reason="wrong time", actor="cli:test")
    current = enrol_one(app, reference="SECOND", procedure_at=PROCEDURE_AT - timedelta(days=1))

    take(app)

    assert [item.enrolment_id for item in tasks(app)] == [current]


def test_no_machine_writes_to_the_phone_of_a_patient_who_died(app):
    enrolment = enrol_one(app)
    withdraw_enrolment(app, enrolment, reason="died", actor="cli:test", deceased=True)

    assert take(app) is None
    assert take(app, "STOP") is None

    assert len(in_force(app)) == 1
    assert len(tasks(app)) == 1


def test_a_partner_who_shares_the_number_of_a_patient_who_died_is_answered(app):
    withdraw_enrolment(app, enrol_one(app, 1), reason="died", actor="cli:test", deceased=True)
    enrol_one(app, 2, mobile=MOBILE)

    assert take(app) == "reply-signs"


def test_what_was_taken_stands_in_the_audit_trail_without_a_word_of_it(app):
    enrol_one(app)
    take(app, "STOP cant feel my legs")

    [event] = [one for one in rows(app, AuditEvent) if one.action == "inbound.taken"]

    assert event.actor == "patient"
    assert event.detail["meaning"] == "stop-and-more"
    assert event.detail["answer"] == "reply-red-flag-stopped"
    assert event.detail["classes"] == ["red-flag", "stop"]
    assert "legs" not in str(event.detail)


def test_no_log_line_tells_of_the_patient(sqlite_app):
    enrol_one(sqlite_app)
    stream = io.StringIO()
    configure_logging(stream=stream, strict=True, level="debug")

    take(sqlite_app, "STOP cant feel my legs")
    run_jobs(sqlite_app)

    lines = stream.getvalue()
    assert "inbound.taken" in lines
    for private in ("legs", "447700900001", "7700 900001", "Test Patient"):
        assert private not in lines


def test_answers_stand_in_the_balance(app):
    take(app, from_=STRANGER)
    run_jobs(app)

    sheet = balance(app)
    assert (sheet.due, sheet.sent, sheet.remainder) == (1, 1, 0)
