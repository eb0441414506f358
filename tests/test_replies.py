"""Texts that come in: stops, starts, everything else, and how seldom a machine answers."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from config.logging import configure_logging
from followup.balance import balance
from followup.changes import withdraw
from followup.channels.twilio_hooks import Inbound
from followup.dispatch import claim_due
from followup.domain.channel import ChannelKind
from followup.domain.inbound import Meaning
from followup.kit import Kit
from followup.objections import lodge
from followup.replies import take_inbound
from followup.store.models import (
    AuditEvent,
    Enrolment,
    InboundMessage,
    Message,
    Objection,
    Patient,
)
from tests.kits import clock_of, enrol_one, messages, rows, run_jobs, sms_of, tasks
from tests.people import ENROLLED_AT, PROCEDURE_AT

MOBILE = "+447700900001"
"""The number of `tests.people.person(1)`."""
STRANGER = "+447700900999"
PHONE = "01752 437706"

_SERIALS = count(1)


def text(body: str = "What happens with parking", **changes: Any) -> Inbound:
    values: dict[str, Any] = {
        "provider_id": f"SM{next(_SERIALS):032x}",
        "from_": MOBILE,
        "to": "+447700900500",
        "body": body,
    }
    return Inbound(**{**values, **changes})


def take(kit: Kit, body: str = "What happens with parking", **changes: Any) -> str | None:
    """Take a text in and return the template of the answer."""
    return take_inbound(kit, text(body, **changes)).answer


def replies(kit: Kit) -> list[Message]:
    return [one for one in messages(kit) if one.kind == "reply"]


def in_force(kit: Kit) -> list[Objection]:
    return [one for one in rows(kit, Objection) if one.lifted_at is None]


def planned(kit: Kit) -> int:
    return sum(one.state == "planned" and one.kind == "advice" for one in messages(kit))


# ------------------------------------------------------------------------------ stopping


def test_stop_lodges_an_objection_to_everything_and_cancels_what_is_planned(kit):
    enrolment = enrol_one(kit)

    taken = take_inbound(kit, text("STOP"))

    [objection] = in_force(kit)
    assert (taken.meaning, taken.answer) == (Meaning.STOP, "reply-stopped")
    assert (objection.channel, objection.source, objection.lodged_by) == (None, "sms", "patient")
    assert {(one.state, one.reason) for one in messages(kit, enrolment)} == {
        ("cancelled", "objection")
    }
    assert tasks(kit) == []


def test_stop_is_confirmed_by_a_text_that_says_how_to_start_again(kit):
    enrol_one(kit)
    take(kit, "STOP")

    run_jobs(kit)

    [confirmation] = sms_of(kit).calls
    assert confirmation.to == MOBILE
    assert "no more of these texts" in confirmation.text
    assert "START" in confirmation.text
    assert PHONE in confirmation.text
    assert [one.state for one in replies(kit)] == ["sent"]


def test_stop_is_confirmed_once(kit):
    enrol_one(kit)

    answers = [take(kit, body) for body in ("STOP", "stop", "Stop the texts")]

    assert answers == ["reply-stopped", None, None]
    assert len(in_force(kit)) == 1
    assert tasks(kit) == []


def test_stop_that_the_carrier_has_confirmed_is_not_confirmed_again(kit):
    enrol_one(kit)

    answer = take(kit, "STOP", opt_out_type="STOP")

    assert answer is None
    assert replies(kit) == []
    assert len(in_force(kit)) == 1
    assert planned(kit) == 0


def test_what_a_worker_has_claimed_is_cancelled_as_well(kit):
    enrolment = enrol_one(kit)
    claim_due(kit)
    assert "claimed" in {one.state for one in messages(kit, enrolment)}

    take(kit, "STOP")

    assert {one.state for one in messages(kit, enrolment)} == {"cancelled"}


def test_stop_covers_e_mail_too(kit):
    enrol_one(kit)
    take(kit, "STOP")
    run_jobs(kit)
    clock_of(kit).advance(timedelta(days=3))

    run_jobs(kit)

    assert [call.to for call in sms_of(kit).calls] == [MOBILE]
    assert sms_of(kit).calls[0].text.startswith("Derriford Pain Clinic: you will get no more")


def test_stop_from_a_number_that_two_patients_share_stops_both(kit):
    first, second = enrol_one(kit, 1), enrol_one(kit, 2, mobile=MOBILE)
    third = enrol_one(kit, 3)

    answer = take(kit, "STOP")

    assert answer == "reply-stopped"
    assert len(replies(kit)) == 1
    assert {one.state for one in messages(kit, first)} == {"cancelled"}
    assert {one.state for one in messages(kit, second)} == {"cancelled"}
    assert "planned" in {one.state for one in messages(kit, third)}


def test_stop_from_an_unknown_number_holds_for_whoever_is_enrolled_with_it_later(kit):
    assert take(kit, "STOP", from_=STRANGER) == "reply-stopped"
    [objection] = in_force(kit)
    assert (objection.patient_id, objection.channel) == (None, None)

    enrolment = enrol_one(kit, 999, channels=(ChannelKind.SMS,))
    run_jobs(kit)

    going_home = next(one for one in messages(kit, enrolment) if one.step == "going-home")
    assert (going_home.state, going_home.reason) == ("suppressed", "objection")
    assert [call.text[:40] for call in sms_of(kit).calls] == [
        "Derriford Pain Clinic: you will get no m"
    ]


def test_stop_and_more_is_an_objection_and_a_person_reads_it(kit):
    enrolment = enrol_one(kit)

    taken = take_inbound(kit, text("STOP cant feel my legs"))

    [item] = tasks(kit)
    assert (taken.meaning, taken.answer) == (Meaning.STOP_AND_MORE, "reply-red-flag-stopped")
    assert (item.kind, item.detail["cause"], item.urgency) == ("reply", "red-flag", 1)
    assert item.detail["classes"] == ["red-flag", "stop"]
    assert item.enrolment_id == enrolment
    assert item.inbound_id == taken.inbound_id
    assert item.due_at == ENROLLED_AT + timedelta(minutes=15)
    assert planned(kit) == 0


def test_stop_and_more_from_somebody_who_has_stopped_is_told_what_to_do(kit):
    enrol_one(kit)
    take(kit, "STOP")

    assert take(kit, "STOP cant feel my legs") == "reply-red-flag"
    assert take(kit, "cant feel my legs at all") is None
    assert len(tasks(kit)) == 2


def test_stop_and_more_that_the_carrier_stopped_is_left_to_a_person(kit):
    enrol_one(kit)

    assert take(kit, "STOP cant feel my legs", opt_out_type="STOP") is None

    assert [item.kind for item in tasks(kit)] == ["reply"]


# ------------------------------------------------------------------------------ starting


def test_start_lifts_the_objection_and_plans_again_what_is_to_come(kit):
    enrolment = enrol_one(kit)
    take(kit, "STOP")
    stopped = {(one.step, one.occurrence) for one in messages(kit, enrolment)}

    assert take(kit, "START") == "reply-started"

    assert in_force(kit) == []
    again = [one for one in messages(kit, enrolment) if one.generation == 2]
    assert {(one.step, one.occurrence) for one in again} == stopped
    assert {one.state for one in again} == {"planned"}
    assert tasks(kit) == []


def test_start_does_not_bring_back_what_is_of_no_more_use(kit):
    enrolment = enrol_one(kit)
    take(kit, "STOP")
    clock_of(kit).advance(timedelta(days=20))

    take(kit, "START")

    again = [one for one in messages(kit, enrolment) if one.generation == 2]
    planned = [one for one in again if one.state == "planned"]
    assert {one.step for one in planned} == {"red-flags"}
    assert len(planned) == 3
    assert {one.reason for one in again if one.state != "planned"} == {"already-past"}


def test_start_twice_plans_once(kit):
    enrolment = enrol_one(kit)
    take(kit, "STOP")

    take(kit, "START")
    take(kit, "START")

    assert {one.generation for one in messages(kit, enrolment)} == {1, 2}


def test_a_withdrawn_patient_who_texts_start_is_not_planned_again(kit):
    enrolment = enrol_one(kit)
    take(kit, "STOP")
    withdraw(kit, enrolment, reason="moved away", actor="test")

    take(kit, "START")

    assert {one.generation for one in messages(kit, enrolment)} == {1}


def test_start_leaves_an_objection_to_e_mail_alone(kit):
    enrol_one(kit)
    with kit.store.write() as session:
        [patient] = session.query(Patient).all()
        lodge(
            session,
            kit,
            kit.deed("patient"),
            patient=patient,
            channel=ChannelKind.EMAIL,
            source="link",
        )
    take(kit, "STOP")

    take(kit, "START")

    assert [one.channel for one in in_force(kit)] == ["email"]


def test_start_from_an_unknown_number_lifts_what_that_number_lodged(kit):
    take(kit, "STOP", from_=STRANGER)

    assert take(kit, "START", from_=STRANGER) == "reply-started"

    assert in_force(kit) == []
    [item] = tasks(kit)
    assert (item.kind, item.patient_id, item.clinic) == ("restart", None, "derriford-pain")


def test_start_lifts_what_a_number_lodged_before_its_patient_was_enrolled(kit):
    take(kit, "STOP", from_=STRANGER)
    enrol_one(kit, 999)

    take(kit, "START", from_=STRANGER)

    assert in_force(kit) == []


def test_start_where_nothing_was_stopped_is_a_text_like_any_other(kit):
    enrol_one(kit)

    assert take(kit, "Start") == "reply-unwatched"

    assert [(item.kind, item.detail["cause"]) for item in tasks(kit)] == [("reply", "start")]


def test_start_that_the_carrier_acted_on_is_confirmed_whatever_we_knew(kit):
    enrol_one(kit)

    assert take(kit, "START", opt_out_type="START") == "reply-started"


def test_after_start_a_new_enrolment_is_written_to_again(kit):
    enrol_one(kit)
    take(kit, "STOP")
    take(kit, "START")
    again = enrol_one(kit, reference="SECOND", procedure_at=PROCEDURE_AT + timedelta(minutes=5))

    run_jobs(kit)

    going_home = next(one for one in messages(kit, again) if one.step == "going-home")
    assert going_home.state == "sent"


# -------------------------------------------------------------------------- anything else


def test_any_other_text_is_kept_sealed_and_opens_an_item_for_a_person(kit):
    enrolment = enrol_one(kit)

    taken = take_inbound(kit, text("What happens with parking"))

    [kept] = rows(kit, InboundMessage)
    [item] = tasks(kit)
    detail = {"cause": "unclear", "classes": ["unclear"]}
    assert (item.kind, item.detail, item.state) == ("reply", detail, "open")
    assert (item.inbound_id, item.enrolment_id) == (kept.id, enrolment)
    assert kept.id == taken.inbound_id
    assert b"parking" not in kept.body_sealed
    assert words_of(kit, kept) == "What happens with parking"
    assert kept.answer_id == replies(kit)[0].id


def words_of(kit: Kit, kept: InboundMessage) -> str:
    sealer = kit.keyring.system
    if kept.patient_id is not None:
        with kit.store.read() as session:
            patient = session.get_one(Patient, kept.patient_id)
        opened = kit.keyring.patient(patient.data_key, patient.master_key_id)
        assert opened is not None
        sealer = opened
    assert kept.body_sealed is not None
    return sealer.open(kept.body_sealed, column="inbound_messages.body", row=kept.id)


def test_the_sender_is_told_that_nobody_watches_and_whom_to_ring(kit):
    enrol_one(kit)
    run_jobs(kit)
    take(kit)

    run_jobs(kit)

    answer = sms_of(kit).calls[-1]
    assert answer.to == MOBILE
    for words in ("not watched", "999", "NHS 111", PHONE, "leg weakness"):
        assert words in answer.text


def test_an_answer_goes_out_at_night_and_before_any_advice(kit):
    clock_of(kit).advance_to(PROCEDURE_AT + timedelta(hours=12))
    take(kit, from_=STRANGER)

    run_jobs(kit)

    assert [one.to for one in sms_of(kit).calls] == [STRANGER]
    assert replies(kit)[0].priority == 0


def test_an_answer_that_could_not_go_within_the_hour_expires(kit):
    take(kit)
    clock_of(kit).advance(timedelta(hours=1))

    run_jobs(kit)

    assert [one.state for one in replies(kit)] == ["expired"]
    assert sms_of(kit).calls == []


def test_the_same_number_is_answered_at_most_once_an_hour(kit):
    assert take(kit) == "reply-unwatched"
    clock_of(kit).advance(timedelta(minutes=59, seconds=59))
    assert take(kit) is None
    clock_of(kit).advance(timedelta(seconds=1))
    assert take(kit) == "reply-unwatched"
    assert take(kit, from_=STRANGER) == "reply-unwatched"


def test_the_same_number_is_answered_at_most_three_times_a_day(kit):
    answers = []
    for _ in range(24):
        answers.append(take(kit))
        clock_of(kit).advance(timedelta(hours=1))

    assert answers == ["reply-unwatched"] * 3 + [None] * 21
    assert take(kit) == "reply-unwatched"
    assert len(tasks(kit)) == 25


def test_two_robots_that_answer_each_other_fall_silent(kit):
    bodies = ["STOP", "START"] * 20

    answers = [take(kit, body) for body in bodies]

    assert sum(answer is not None for answer in answers) == 6


def test_two_texts_at_the_same_moment_get_one_answer(kit):
    with ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(lambda _: take(kit), range(8)))

    assert sorted(answers, key=str) == [None] * 7 + ["reply-unwatched"]
    assert len(tasks(kit)) == 8


def test_the_same_text_posted_again_changes_nothing(kit):
    enrol_one(kit)
    posted = text("STOP cant feel my legs")
    first = take_inbound(kit, posted)

    again = take_inbound(kit, posted)

    assert (again.inbound_id, again.repeated, again.answer) == (first.inbound_id, True, None)
    assert len(rows(kit, InboundMessage)) == len(tasks(kit)) == len(replies(kit)) == 1


def test_a_replayed_stop_does_not_undo_a_later_start(kit):
    enrol_one(kit)
    stop = text("STOP")
    take_inbound(kit, stop)
    take(kit, "START")

    take_inbound(kit, stop)

    assert in_force(kit) == []


def test_the_same_text_posted_eight_times_at_once_is_taken_once(kit):
    enrol_one(kit)
    posted = text("STOP cant feel my legs")
    with ThreadPoolExecutor(8) as executor:
        taken = list(executor.map(lambda _: take_inbound(kit, posted), range(8)))

    assert sum(not one.repeated for one in taken) == 1
    assert len({one.inbound_id for one in taken}) == 1
    assert len(rows(kit, InboundMessage)) == len(tasks(kit)) == len(replies(kit)) == 1


@pytest.mark.parametrize(
    ("body", "media"),
    [
        ("x" * 1600, 0),
        ("🙂" * 800, 0),
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
def test_whatever_a_text_holds_is_kept_and_put_before_a_person(kit, body, media):
    enrol_one(kit)

    take(kit, body, media_count=media)

    [kept] = rows(kit, InboundMessage)
    assert words_of(kit, kept) == body.replace("\ud83d", "?")[:10_000]
    assert kept.media_count == min(media, 99)
    assert len(tasks(kit)) == 1
    run_jobs(kit)
    assert "not watched" in sms_of(kit).calls[0].text


@pytest.mark.parametrize("sender", ["60777", "Vodafone", "+441752437706", "", "+44", "x" * 500])
def test_a_machine_or_a_landline_is_never_answered(kit, sender):
    assert take(kit, from_=sender) is None
    assert replies(kit) == []
    assert len(tasks(kit)) == 1


def test_a_text_from_a_shared_number_names_every_patient_and_is_sealed_for_none(kit):
    first, second = enrol_one(kit, 1), enrol_one(kit, 2, mobile=MOBILE)

    take(kit)

    [item], [kept] = tasks(kit), rows(kit, InboundMessage)
    of = {one.patient_id for one in rows(kit, Enrolment) if one.id in {first, second}}
    assert set(item.detail["shared_by"]) == {str(one) for one in of}
    assert (item.patient_id, item.enrolment_id, kept.patient_id) == (None, None, None)
    assert words_of(kit, kept) == "What happens with parking"


def test_a_text_from_an_unknown_number_is_put_before_the_clinic(kit):
    take(kit, from_=STRANGER)

    [item], [kept] = tasks(kit), rows(kit, InboundMessage)
    assert (item.clinic, item.patient_id, kept.patient_id) == ("derriford-pain", None, None)
    assert words_of(kit, kept) == "What happens with parking"


def test_a_patient_who_was_withdrawn_is_still_known_and_answered(kit):
    enrolment = enrol_one(kit)
    withdraw(kit, enrolment, reason="moved away", actor="cli:test")

    assert take(kit) == "reply-unwatched"

    assert [item.enrolment_id for item in tasks(kit)] == [enrolment]


def test_a_text_is_put_to_the_open_enrolment_rather_than_to_an_ended_one(kit):
    ended = enrol_one(kit)
    withdraw(kit, ended, reason="wrong time", actor="cli:test")
    current = enrol_one(kit, reference="SECOND", procedure_at=PROCEDURE_AT - timedelta(days=1))

    take(kit)

    assert [item.enrolment_id for item in tasks(kit)] == [current]


def test_no_machine_writes_to_the_phone_of_a_patient_who_died(kit):
    enrolment = enrol_one(kit)
    withdraw(kit, enrolment, reason="died", actor="cli:test", deceased=True)

    assert take(kit) is None
    assert take(kit, "STOP") is None

    assert len(in_force(kit)) == 1
    assert len(tasks(kit)) == 1


def test_a_partner_who_shares_the_number_of_a_patient_who_died_is_answered(kit):
    withdraw(kit, enrol_one(kit, 1), reason="died", actor="cli:test", deceased=True)
    enrol_one(kit, 2, mobile=MOBILE)

    assert take(kit) == "reply-unwatched"


def test_what_was_taken_stands_in_the_audit_trail_without_a_word_of_it(kit):
    enrol_one(kit)
    take(kit, "STOP cant feel my legs")

    [event] = [one for one in rows(kit, AuditEvent) if one.action == "inbound.taken"]

    assert event.actor == "patient"
    assert event.detail["meaning"] == "stop-and-more"
    assert event.detail["answer"] == "reply-red-flag-stopped"
    assert event.detail["classes"] == ["red-flag", "stop"]
    assert "legs" not in str(event.detail)


def test_no_log_line_tells_of_the_patient(sqlite_kit):
    enrol_one(sqlite_kit)
    stream = io.StringIO()
    configure_logging(stream=stream, strict=True, level="debug")

    take(sqlite_kit, "STOP cant feel my legs")
    run_jobs(sqlite_kit)

    lines = stream.getvalue()
    assert "inbound.taken" in lines
    for private in ("legs", "447700900001", "7700 900001", "Test Patient"):
        assert private not in lines


def test_answers_stand_in_the_balance(kit):
    take(kit, from_=STRANGER)
    run_jobs(kit)

    sheet = balance(kit)
    assert (sheet.due, sheet.sent, sheet.remainder) == (1, 1, 0)
