"""Enrolling: checked whole, written once, and nothing half-done when it can't be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from followup.context import AppContext
from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput
from followup.enrolment.enrol import check_request, enrol, message_rows
from followup.enrolment.withdraw import withdraw_enrolment
from followup.patients import records as patients
from followup.store.models.audit import AuditEvent
from followup.store.models.base import Base
from followup.store.models.enrolments import Enrolment, Generation, ProtocolVersion
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.support.apps import actions, enrol_one, messages, rows, states
from tests.support.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS, person, request

DAY = timedelta(days=1)


def count_all(app: AppContext) -> dict[str, int]:
    """Return how many rows each table of the core has."""
    tables = (Patient, Enrolment, Generation, Message, AuditEvent, ProtocolVersion)
    return {table.__tablename__: len(rows(app, table)) for table in tables}


def refusal(app: AppContext, wanted) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        enrol(app, wanted, actor="cli:test")
    return {problem.field: problem.message for problem in refused.value.problems}


# ------------------------------------------------------------------------- what is written


def test_an_enrolment_is_written_with_its_whole_timeline(app: AppContext):
    made = enrol(app, request(diabetic=True), actor="cli:test")

    assert made.created
    assert count_all(app) == {
        "patients": 1,
        "enrolments": 1,
        "generations": 1,
        "messages": 14,
        "audit_events": 1,
        "protocol_versions": 1,
    }
    assert actions(app) == ["enrolment.created"]
    (generation,) = rows(app, Generation)
    assert (generation.number, generation.planned) == (1, 14)


def test_messages_carry_all_that_their_sending_needs(app: AppContext):
    enrolment_id = enrol_one(app)

    with app.store.read() as session:
        found = message_rows(session, enrolment_id)
        dressing = next(one for one in found if one.step == "dressing")

    assert [one.due_at for one in found] == sorted(one.due_at for one in found)
    assert dressing.not_before == PROCEDURE_AT + DAY
    assert dressing.not_after == PROCEDURE_AT + 2 * DAY
    assert dressing.claimable_at == dressing.due_at == PROCEDURE_AT + DAY
    assert (dressing.channel, dressing.may_fall_back) == ("sms", True)
    assert (dressing.state, dressing.attempt_count, dressing.zone) == (
        "planned",
        0,
        "Europe/London",
    )


def test_the_channel_is_the_first_that_the_patient_agreed_to(app: AppContext):
    enrolment_id = enrol_one(app, channels=(EMAIL,))

    assert {one.channel for one in messages(app, enrolment_id)} == {"email"}
    assert not any(one.may_fall_back for one in messages(app, enrolment_id))


def test_a_step_without_a_channel_that_was_agreed_to_is_shown_as_never_sent(app: AppContext):
    protocol = app.catalogue.protocols["nerve-root-block"]
    texts_only = replace(
        protocol, steps=tuple(replace(step, channels=(SMS,)) for step in protocol.steps)
    )
    app = replace(app, catalogue=replace(app.catalogue, protocols={protocol.key: texts_only}))

    enrolment_id = enrol_one(app, channels=(EMAIL,))

    assert {(one.state, one.reason) for one in messages(app, enrolment_id)} == {
        ("suppressed", "no-channel")
    }


def test_steps_already_past_are_shown_and_never_sent(app: AppContext):
    enrolment_id = enrol_one(app, procedure_at=ENROLLED_AT - 5 * DAY, diabetic=True)

    found = states(app, enrolment_id)
    reasons = {one.reason for one in messages(app, enrolment_id) if one.state == "expired"}
    assert found["going-home", 1] == found["sugar", 4] == found["dressing", 1] == "expired"
    assert found["red-flags", 1] == "planned"
    assert reasons == {"already-past"}


def test_the_trail_tells_of_an_enrolment_and_not_of_a_patient(app: AppContext):
    enrol_one(app)

    (event,) = rows(app, AuditEvent)
    assert event.detail == {"protocol": "nerve-root-block", "messages": 10}
    assert (event.actor, event.clinic) == ("cli:test", "derriford-pain")


def test_a_time_is_kept_in_utc_whatever_offset_it_came_with(app: AppContext):
    local = PROCEDURE_AT.astimezone(ZoneInfo("Europe/London"))

    enrol_one(app, procedure_at=local)

    (enrolment,) = rows(app, Enrolment)
    assert enrolment.procedure_at == PROCEDURE_AT
    assert enrolment.procedure_at.utcoffset() == timedelta()


# ---------------------------------------------------------------------------- once, or not


def test_the_same_reference_is_the_same_enrolment(app: AppContext):
    first = enrol(app, request(), actor="cli:test")
    before = count_all(app)

    again = enrol(app, request(), actor="api:other")

    assert (again.enrolment_id, again.created) == (first.enrolment_id, False)
    assert count_all(app) == before


def test_a_reference_of_another_patient_is_refused(app: AppContext):
    enrolment_id = enrol_one(app, 1)
    before = count_all(app)

    with pytest.raises(Conflict, match=f"belongs to enrolment {enrolment_id}, of another patient"):
        enrol(app, request(2, reference="REF-1"), actor="cli:test")

    assert count_all(app) == before


@pytest.mark.parametrize("reference", ["REF-OTHER", None], ids=["another", "none"])
def test_the_same_patient_and_time_is_refused_with_the_id_that_there_is(app: AppContext, reference):
    enrolment_id = enrol_one(app, reference=None)

    with pytest.raises(AlreadyEnrolled) as refused:
        enrol(app, request(reference=reference), actor="cli:test")

    assert refused.value.enrolment_id == enrolment_id
    assert str(enrolment_id) in str(refused.value)


def test_a_withdrawn_patient_may_be_enrolled_for_the_same_time_again(app: AppContext):
    first = enrol_one(app, reference=None)
    withdraw_enrolment(app, first, reason="by mistake", actor="cli:test")

    assert enrol_one(app, reference=None) != first


def test_another_time_is_another_enrolment_of_the_same_patient(app: AppContext):
    enrol_one(app)
    enrol_one(app, reference="REF-2", procedure_at=PROCEDURE_AT + DAY)

    assert (len(rows(app, Patient)), len(rows(app, Enrolment))) == (1, 2)


@pytest.mark.parametrize("reference", ["SAME", None], ids=["reference", "no reference"])
def test_of_two_at_once_one_enrols_and_the_other_finds_it(app: AppContext, reference):
    check_request(app, request())
    both = Barrier(2)

    def enrol_at_once(_):
        both.wait()
        try:
            return enrol(app, request(reference=reference), actor="cli:test").enrolment_id
        except AlreadyEnrolled as already:
            return already.enrolment_id

    with ThreadPoolExecutor(2) as pool:
        ids = set(pool.map(enrol_at_once, range(2)))

    assert len(ids) == 1
    assert count_all(app)["patients"] == count_all(app)["enrolments"] == 1
    assert count_all(app)["messages"] == 10


def test_two_procedures_of_a_new_patient_at_once_make_one_patient(app: AppContext):
    both = Barrier(2)

    def enrol_at_once(days):
        both.wait()
        return enrol_one(app, reference=f"R{days}", procedure_at=PROCEDURE_AT + days * DAY)

    with ThreadPoolExecutor(2) as pool:
        ids = set(pool.map(enrol_at_once, range(2)))

    assert len(ids) == 2
    assert len(rows(app, Patient)) == 1


# --------------------------------------------------------------------------------- patients


def test_a_changed_number_is_the_patient_s_from_now_on(app: AppContext):
    enrol_one(app)
    enrol_one(app, reference="2", procedure_at=PROCEDURE_AT + DAY, mobile="+447700900555")

    (patient,) = rows(app, Patient)
    assert patients.read_patient(patient, app.keyring) == person(mobile="+447700900555")
    assert "patient.changed" in actions(app)
    event = next(one for one in rows(app, AuditEvent) if one.action == "patient.changed")
    assert event.detail == {"fields": ["mobile"]}
    with app.store.read() as session:
        found = patients.find_by_address(session, app.keyring.indexes, SMS, "+447700900555")
    assert [one.id for one in found] == [patient.id]


def test_a_corrected_address_is_usable_again_and_the_other_stays_given_up(app: AppContext):
    enrol_one(app)
    with app.store.write() as session:
        session.execute(update(Patient).values(mobile_unusable="30006", email_unusable="550"))

    enrol_one(app, reference="2", procedure_at=PROCEDURE_AT + DAY, mobile="+447700900555")

    (patient,) = rows(app, Patient)
    assert (patient.mobile_unusable, patient.email_unusable) == (None, "550")


def test_what_is_left_out_later_is_kept(app: AppContext):
    enrol_one(app)
    enrol_one(app, reference="2", procedure_at=PROCEDURE_AT + DAY, channels=(SMS,), email=None)

    (patient,) = rows(app, Patient)
    assert patients.read_patient(patient, app.keyring) == person()
    assert "patient.changed" not in actions(app)


def test_a_patient_without_an_nhs_number_is_known_by_name_and_birth_date(app: AppContext):
    enrol_one(app, nhs_number=None, name="Ada  Lovelace")
    enrol_one(
        app, nhs_number=None, name="ada LOVELACE", reference="2", procedure_at=PROCEDURE_AT + DAY
    )

    assert len(rows(app, Patient)) == 1


def test_two_patients_may_share_a_number(app: AppContext):
    enrol_one(app, 1, mobile="+447700900001")
    enrol_one(app, 2, mobile="+447700900001")

    with app.store.read() as session:
        found = patients.find_by_address(session, app.keyring.indexes, SMS, "+447700900001")
    assert len(found) == 2


def test_an_email_address_is_found_without_regard_to_case(app: AppContext):
    enrol_one(app, email="Ada@example.com")

    with app.store.read() as session:
        found = patients.find_by_address(session, app.keyring.indexes, EMAIL, "ada@EXAMPLE.com")
    assert len(found) == 1


def test_a_patient_who_died_is_not_enrolled(app: AppContext):
    withdraw_enrolment(app, enrol_one(app), reason="died", actor="cli:test", deceased=True)
    before = count_all(app)

    with pytest.raises(Conflict, match="recorded as having died"):
        enrol_one(app, reference="2", procedure_at=PROCEDURE_AT + DAY)

    assert count_all(app) == before


# --------------------------------------------------------------------------------- refusals


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_written(app: AppContext):
    wrong = request(
        protocol="nerve-root-block",
        clinic="nowhere",
        procedure_at=PROCEDURE_AT + 130 * DAY,
        attributes={"diabetic": "yes", "left_handed": True},
        mobile=None,
        email=None,
    )

    told = refusal(app, wrong)

    assert set(told) == {
        "clinic",
        "procedure_at",
        "attributes.diabetic",
        "attributes.steroid_given",
        "attributes.left_handed",
        "patient.mobile",
        "patient.email",
    }
    assert "choose one of: derriford-pain" in told["clinic"]
    assert set(count_all(app).values()) == {0}


def test_an_unknown_protocol_is_told_with_those_that_there_are(app: AppContext):
    assert "nerve-root-block" in refusal(app, request(protocol="appendix"))["protocol"]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (PROCEDURE_AT.replace(tzinfo=None), "no offset"),
        (ENROLLED_AT + timedelta(days=90, seconds=1), "more than 90 days ahead"),
        (ENROLLED_AT - timedelta(days=42, seconds=1), "more than 42 days ago"),
    ],
    ids=["naive", "far ahead", "long ago"],
)
def test_a_time_that_cannot_be_is_refused(sqlite_app: AppContext, at, words):
    assert words in refusal(sqlite_app, request(procedure_at=at))["procedure_at"]


@pytest.mark.parametrize(
    "at",
    [ENROLLED_AT + 7 * DAY, ENROLLED_AT - 42 * DAY],
    ids=["90 days ahead", "six weeks ago"],
)
def test_a_time_at_the_very_limit_is_taken(sqlite_app: AppContext, at):
    enrol_one(sqlite_app, procedure_at=at)

    assert len(rows(sqlite_app, Enrolment)) == 1


def test_no_channel_at_all_is_refused(sqlite_app: AppContext):
    assert (
        refusal(sqlite_app, request(channels=()))["channels"] == "name at least one of sms, email"
    )


def test_a_language_that_the_clinic_does_not_write_is_refused(sqlite_app: AppContext):
    assert "writes in en, ar;" in refusal(sqlite_app, request(language="cy"))["patient.language"]


def test_a_failure_in_the_middle_leaves_nothing(app: AppContext, monkeypatch):
    def fail(*_args, **_more):
        raise ZeroDivisionError

    monkeypatch.setattr("followup.enrolment.enrol.record_event", fail)

    with pytest.raises(ZeroDivisionError):
        enrol_one(app)

    assert set(count_all(app).values()) == {0}
    assert {table.name for table in Base.metadata.sorted_tables} >= {"patients", "messages"}
