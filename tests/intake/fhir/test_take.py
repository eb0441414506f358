"""What FHIR resources do: the same drafts and the same rules as any feed, all or nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from followup.erasure.erase import erase_patient
from followup.intake.fhir.refusal import RefusedRequest
from followup.intake.ledger import feed_ledger, replay_message, text_of
from followup.patients.records import read_patient
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import (
    EnrolmentDraft,
    FeedMessage,
    FeedPerson,
    FeedVisit,
    FhirKey,
    FhirResource,
)
from followup.store.models.patients import Patient
from tests.support.apps import clock_of, messages, rows, run_until, sms_of, sweep, tasks
from tests.support.fhir import (
    LOCAL,
    NHS,
    VISITS,
    address_of,
    appointment,
    codes,
    entry,
    nhs,
    patient,
    patient_and,
    procedure,
    send,
    take,
    transaction,
    update,
)
from tests.support.hl7 import COMPLETE, INCOMPLETE
from tests.support.people import ENROLLED_AT, PROCEDURE_AT, nhs_number

IN_THREE_WEEKS = "2026-11-09T14:30:00+00:00"


def only(app, model):
    [row] = rows(app, model)
    return row


def person(app):
    return read_patient(only(app, Patient), app.keyring)


def refusal(app, bundle) -> tuple[int, str, list[str] | None, str | None]:
    with pytest.raises(RefusedRequest) as caught:
        take(app, bundle)
    [issue] = caught.value.issues
    return caught.value.status, issue.code, issue.expression, issue.diagnostics


def ledger(app) -> dict[str, int]:
    with app.store.read() as session:
        found = feed_ledger(session)
    assert found.remainder == 0
    return {state: count for state, count in found.by_state.items() if count}


# --------------------------------------------------------------------------- procedures


def test_a_transaction_of_a_patient_and_a_procedure_enrols(both_app):
    app = both_app

    made, about = take(app, patient_and(procedure))

    assert codes(made, about) == [("enrolled", "enrolled"), ("ignored", "nobody-here")]
    assert made.created
    assert about.created
    enrolment = only(app, Enrolment)
    assert enrolment.procedure_at == PROCEDURE_AT
    assert enrolment.attributes == {"diabetic": False, "steroid_given": True}
    assert enrolment.reference == f"made-up:Procedure/{made.id}"
    assert (person(app).name, person(app).mobile) == ("Test Patient-00001", "+447700900001")
    assert person(app).nhs_number == nhs_number(1)
    assert only(app, Patient).mobile_confirmed is None
    assert messages(app)
    row = only(app, FeedMessage)
    assert (row.feed, row.state, row.event, row.source) == (
        "fhir",
        "enrolled",
        "transaction",
        "hospital",
    )
    assert row.enrolment_id == enrolment.id
    assert ledger(app) == {"enrolled": 1}


def test_what_a_resource_does_not_say_waits_for_a_person(app):
    made, _ = take(app, patient_and(procedure, code=INCOMPLETE))

    assert codes(made) == [("draft", "incomplete")]
    assert only(app, EnrolmentDraft).missing == ["attributes.diabetic", "attributes.steroid_given"]
    assert rows(app, Enrolment) == []
    assert [one.kind for one in tasks(app)] == ["draft"]


def test_a_code_of_another_system_counts_with_its_system(app):
    coded = {"coding": [{"system": "http://example.org/codes", "code": "A52.2"}]}

    made, _ = take(app, patient_and(procedure, code="A52.2"))
    other, _ = take(app, patient_and(lambda who, n: {**procedure(who, n), "code": coded}, 2))

    assert codes(made, other) == [("enrolled", "enrolled"), ("ignored", "no-rule")]


def test_a_procedure_counts_by_its_status(app):
    wanted = {
        "preparation": ("enrolled", "enrolled"),
        "in-progress": ("enrolled", "enrolled"),
        "on-hold": ("enrolled", "enrolled"),
        "not-done": ("ignored", "cancelled"),
        "entered-in-error": ("ignored", "cancelled"),
        "unknown": ("ignored", "not-booked"),
        "stopped": ("person", "stopped"),
    }

    came = {
        status: codes(take(app, patient_and(procedure, serial, status=status))[0])
        for serial, status in enumerate(wanted, start=1)
    }

    assert came == {status: [told] for status, told in wanted.items()}


def test_a_procedure_that_was_not_done_ends_what_it_led_to(app):
    made, about = take(app, patient_and(procedure))

    ended = update(app, made, procedure(address_of(about), status="entered-in-error"))

    assert codes(ended) == [("cancelled", "cancelled")]
    assert (ended.version, ended.created) == (2, False)
    assert only(app, Enrolment).state == "withdrawn"
    assert ledger(app) == {"enrolled": 1, "cancelled": 1}


def test_a_period_begins_when_it_begins(app):
    period = {"start": "2026-10-19T14:00:00+01:00", "end": "2026-10-19T14:30:00+01:00"}

    take(app, patient_and(procedure, performedDateTime=None, performedPeriod=period))

    assert only(app, Enrolment).procedure_at == PROCEDURE_AT - timedelta(minutes=30)


def test_a_day_without_a_time_is_asked_about(app):
    made, _ = take(app, patient_and(procedure, performedDateTime="2026-10-19"))

    assert codes(made) == [("person", "no-time")]
    assert rows(app, Enrolment) == []
    [item] = tasks(app)
    assert item.detail["cause"] == "no-time"
    assert item.detail["feed_message"] == str(only(app, FeedMessage).id)
    assert ledger(app) == {"person": 1}


def test_a_time_that_comes_later_enrols(app):
    made, about = take(app, patient_and(procedure, performedDateTime="2026-10-19"))

    timed = update(app, made, procedure(address_of(about)))

    assert codes(timed) == [("enrolled", "enrolled")]


# -------------------------------------------------------------------------- appointments


def test_an_appointment_is_booked_weeks_ahead_moved_twice_and_cancelled(both_app):
    app = both_app
    made, about = take(app, patient_and(appointment, start=IN_THREE_WEEKS))
    who = address_of(about)
    assert codes(made) == [("enrolled", "enrolled")]

    for start in ("2026-11-10T09:30:00+00:00", "2026-11-12T11:30:00+00:00"):
        moved = update(app, made, appointment(who, start=start))
        assert codes(moved) == [("changed", "moved")]
        assert only(app, Enrolment).procedure_at == datetime.fromisoformat(start)
    run_until(app, ENROLLED_AT + timedelta(days=2))
    assert sms_of(app).calls == []
    gone = update(app, made, appointment(who, start=start, status="cancelled"))

    assert codes(gone) == [("cancelled", "cancelled")]
    assert only(app, Enrolment).state == "withdrawn"
    assert {one.state for one in messages(app)} == {"cancelled"}
    assert gone.version == 4
    assert ledger(app) == {"enrolled": 1, "changed": 2, "cancelled": 1}


def test_an_appointment_that_nobody_keeps_ends_what_it_led_to(app):
    statuses = ["noshow", "entered-in-error", "proposed", "waitlist"]
    for serial, status in enumerate(statuses, start=1):
        made, about = take(app, patient_and(appointment, serial, start=IN_THREE_WEEKS))
        told = appointment(address_of(about), serial, start=IN_THREE_WEEKS, status=status)
        update(app, made, told)

    assert [one.state for one in rows(app, Enrolment)] == ["withdrawn"] * len(statuses)


def test_an_appointment_and_the_procedure_of_that_day_are_one_enrolment(app):
    _, about = take(app, patient_and(appointment))

    done = send(app, procedure(address_of(about), performedDateTime="2026-10-19T15:10:00+01:00"))

    assert codes(done) == [("changed", "moved")]
    assert only(app, Enrolment).procedure_at == PROCEDURE_AT + timedelta(minutes=40)
    assert len(rows(app, FeedVisit)) == 1


def test_the_patient_of_an_appointment_may_be_named_by_number_alone(app):
    named = {"type": "Patient", "identifier": {"system": NHS, "value": nhs_number(1)}}

    made = send(app, appointment(named))

    assert codes(made) == [("draft", "incomplete")]
    assert only(app, EnrolmentDraft).missing == ["patient.reach"]


# ------------------------------------------------------------------------------- people


def test_a_person_without_a_number_is_known_by_name_and_birth_date(app):
    nobody = patient(identifier=None, link=[{"other": {"display": "?"}, "type": "seealso"}])

    take(app, patient_and(procedure, about=nobody))
    again, about = take(app, patient_and(procedure, about=nobody))

    assert (again.version, again.changed, about.changed) == (1, False, False)
    assert len(rows(app, FeedPerson)) == 1
    assert person(app).nhs_number is None


def test_a_number_that_is_not_marked_as_a_mobile_is_not_texted(app):
    home = [{"system": "phone", "value": "07700 900001", "use": "home"}]

    made, _ = take(app, patient_and(procedure, about=patient(telecom=home)))

    assert codes(made) == [("draft", "incomplete")]
    assert only(app, EnrolmentDraft).missing == ["patient.reach"]


def test_a_corrected_mobile_is_used_and_one_that_is_gone_is_not(app):
    _, about = take(app, patient_and(procedure))
    new = [{"system": "phone", "value": "07700 900777", "use": "mobile"}]

    changed = update(app, about, patient(telecom=new))

    assert codes(changed) == [("changed", "details")]
    assert person(app).mobile == "+447700900777"
    mail = [{"system": "email", "value": "p@example.com"}, {**new[0], "use": "old"}]
    update(app, about, patient(telecom=mail))
    assert (person(app).mobile, person(app).email) == (None, "p@example.com")


@pytest.mark.parametrize(
    ("number", "status", "cause"),
    [
        ("9990000019", "01", "nhs-number-left-out"),
        (nhs_number(1), "02", "nhs-number-not-verified"),
    ],
)
def test_a_doubtful_nhs_number_is_left_out_and_a_person_is_told(app, number, status, cause):
    ids = [{"system": LOCAL, "value": "000001"}, nhs(number, status=status)]

    made, about = take(app, patient_and(procedure, about=patient(identifier=ids)))

    assert codes(made) == [("enrolled", "enrolled")]
    assert person(app).nhs_number is None
    assert [note.severity for note in about.notes] == ["warning"]
    (item,) = tasks(app)
    assert item.detail["cause"] == cause
    assert item.detail["feed_message"]


@pytest.mark.parametrize("family", ["Larkin & Hale", "Bouch?r", "Larkin/Hale"])
def test_a_name_that_can_not_be_one_persons_is_left_out_and_a_person_is_told(app, family):
    made, _ = take(app, patient_and(procedure, about=patient(name=[{"family": family}])))

    assert codes(made) == [("enrolled", "enrolled")]
    assert person(app).name is None
    (item,) = tasks(app)
    assert item.detail["cause"] == "name-left-out"


def test_a_name_in_capitals_is_stored_as_one_writes_it(app):
    name = [{"given": ["SIAN"], "family": "O'NEILL", "prefix": ["MRS"]}]

    take(app, patient_and(procedure, about=patient(name=name)))

    assert person(app).name == "Sian O'Neill"


@pytest.mark.parametrize("code", [INCOMPLETE, COMPLETE], ids=["draft", "complete"])
@pytest.mark.parametrize("born", ["1951-05-12", "1977-07-07"], ids=["born that day", "another day"])
def test_quite_another_name_under_a_known_nhs_number_asks_a_person(app, code, born):
    take(app, patient_and(procedure))
    known = person(app)
    number = {"use": "usual", "system": LOCAL, "value": "000777"}
    name = {"use": "official", "family": "Larkin", "given": ["Ada"]}
    other = patient(identifier=[number, nhs(nhs_number(1))], name=[name], birthDate=born)

    came = take(app, patient_and(procedure, 2, about=other, code=code))

    assert codes(*came) == [("person", "conflict"), ("ignored", "nobody-here")]
    assert [each.kind for each in tasks(app)] == ["feed"]
    assert rows(app, EnrolmentDraft) == []
    assert (len(rows(app, Enrolment)), person(app)) == (1, known)


def test_who_is_sent_under_another_hospital_number_and_has_died_is_the_same(app):
    take(app, patient_and(procedure))
    number = {"use": "usual", "system": LOCAL, "value": "000777"}
    married = {"use": "official", "family": "Wed", "given": ["Test"]}
    ids = [number, nhs(nhs_number(1))]
    clock_of(app).advance(timedelta(minutes=1))

    send(app, patient(identifier=ids, name=[married], deceasedBoolean=True))

    assert person(app).name == "Test Wed"
    assert {each.state for each in messages(app)} <= {"cancelled", "expired"}


def test_a_death_stops_what_is_planned_and_is_taken_back(app):
    made, about = take(app, patient_and(appointment, start=IN_THREE_WEEKS))

    died = update(app, about, patient(deceasedDateTime="2026-10-19"))
    assert ("cancelled", "died") in codes(died)
    assert {one.state for one in messages(app)} == {"cancelled"}

    update(app, about, patient(deceasedBoolean=False))
    assert "planned" in {one.state for one in messages(app)}
    assert made.version == 1


def test_a_restricted_record_stops_what_is_planned(app):
    _, about = take(app, patient_and(appointment, start=IN_THREE_WEEKS))
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}

    update(app, about, patient(meta={"security": [label]}))

    assert only(app, Enrolment).state == "withdrawn"


def test_a_patient_who_needs_an_interpreter_is_told_of(app):
    communication = {
        "extension": [{"url": "interpreterRequired", "valueBoolean": True}],
        "language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "pl"}]},
        "preferred": True,
    }

    take(app, patient_and(procedure, about=patient(communication=[communication])))

    assert person(app).language == "en"
    assert [one.detail["cause"] for one in tasks(app)] == ["interpreter-required"]


def test_a_patient_who_was_replaced_is_merged_into_the_survivor(app):
    old = send(app, patient(1))
    clock_of(app).advance(timedelta(minutes=1))
    kept = send(app, patient(2))
    link = [{"other": {"reference": address_of(kept)}, "type": "replaced-by"}]

    gone = update(app, old, patient(1, active=False, link=link))

    assert codes(gone) == [("merged", "merged")]
    made = send(app, procedure(address_of(old)))
    assert codes(made) == [("enrolled", "enrolled")]
    assert person(app).name == "Test Patient-00002"
    back = [{"other": {"reference": address_of(old)}, "type": "replaced-by"}]
    status, code, where, _ = refusal(
        app, transaction(entry({**patient(2, link=back), "id": str(kept.id)}, url=address_of(kept)))
    )
    assert (status, code, where) == (
        409,
        "business-rule",
        ["Bundle.entry[0].resource.link[0].other"],
    )


# -------------------------------------------------------------------- again, and out of order


def test_the_same_transaction_again_changes_nothing(both_app):
    app = both_app
    first = take(app, patient_and(procedure))
    before = [(one.id, one.state, one.due_at) for one in messages(app)]

    # Another Bundle, for its urn:uuid is drawn anew.
    again = take(app, patient_and(procedure))

    assert [(one.id, one.version) for one in again] == [(one.id, one.version) for one in first]
    assert not any(one.created or one.changed for one in again)
    assert len(rows(app, FhirResource)) == 2
    assert [(one.id, one.state, one.due_at) for one in messages(app)] == before
    assert ledger(app) == {"enrolled": 1, "ignored": 1}


def test_the_very_same_request_again_is_one_row_of_the_ledger(app):
    bundle = patient_and(procedure)
    for _ in range(3):
        take(app, bundle)

    row = only(app, FeedMessage)
    assert (row.repeats, row.state) == (2, "enrolled")


def test_a_change_back_is_a_change(app):
    made = send(app, patient())
    other = patient(telecom=[{"system": "phone", "value": "07700 900777", "use": "mobile"}])

    versions = [update(app, made, told).version for told in (other, patient(), other, other)]

    assert versions == [2, 3, 4, 4]
    assert len(rows(app, FeedMessage)) == 4
    assert sum(one.repeats for one in rows(app, FeedMessage)) == 1


def test_an_older_version_does_not_undo_a_newer_one(app):
    def at(hour: int, **changes):
        return patient(meta={"lastUpdated": f"2026-10-19T{hour:02d}:00:00Z"}, **changes)

    def mobile(last: str):
        return [{"system": "phone", "value": f"07700 900{last}", "use": "mobile"}]

    made, about = take(app, patient_and(procedure, about=at(10)))
    update(app, about, at(12, telecom=mobile("777")))

    late = update(app, about, at(11, telecom=mobile("888")))

    assert (late.version, late.changed) == (2, False)
    assert [note.diagnostics for note in late.notes] == [
        "a newer version is here: nothing was changed"
    ]
    assert person(app).mobile == "+447700900777"
    assert made.created


def test_versions_of_the_sender_tell_the_order_where_times_do_not(app):
    made = send(app, patient(meta={"versionId": "2"}))

    late = update(app, made, patient(meta={"versionId": "1"}, gender="male"))
    newer = update(app, made, patient(meta={"versionId": "3"}, gender="male"))

    assert (late.version, newer.version) == (1, 2)


def test_a_replayed_bundle_from_before_an_update_changes_nothing(app):
    bundle = patient_and(appointment, start=IN_THREE_WEEKS)
    made, about = take(app, bundle)
    moved = appointment(address_of(about), start="2026-11-12T11:30:00+00:00")
    update(app, made, moved)

    again = take(app, bundle)

    assert not any(one.changed for one in again)
    assert only(app, Enrolment).procedure_at == datetime(2026, 11, 12, 11, 30, tzinfo=UTC)


def test_a_new_resource_with_a_number_that_is_known_and_other_content_is_refused(app):
    made = send(app, patient())

    status, code, where, told = refusal(app, transaction(entry(patient(gender="male"))))

    assert (status, code, where) == (409, "duplicate", ["Bundle.entry[0].resource"])
    assert "PUT it there" in told
    assert address_of(made) in told


# --------------------------------------------------------------------------- conditions


def test_if_none_exist_makes_one_and_says_what_it_left_alone(app):
    asked = {"ifNoneExist": f"identifier={LOCAL}|000001"}

    first = send(app, patient(), **asked)
    same = send(app, patient(), **asked)
    other = send(app, patient(gender="male"), **asked)

    assert [(one.created, one.changed, len(one.notes)) for one in (first, same, other)] == [
        (True, True, 0),
        (False, False, 0),
        (False, False, 1),
    ]
    assert "with other content" in (other.notes[0].diagnostics or "")


def test_a_put_by_a_search_creates_and_then_updates(app):
    url = f"Patient?identifier={NHS}|{nhs_number(1)}"

    first = send(app, patient(), url=url)
    second = send(app, patient(gender="male"), url=url)

    assert (first.created, second.created) == (True, False)
    assert (second.id, second.version) == (first.id, 2)


def test_if_match_lets_only_that_version_be_replaced(app):
    made = send(app, patient())
    update(app, made, patient(gender="male"), ifMatch='W/"1"')

    bundle = transaction(
        entry(
            {**patient(gender="other"), "id": str(made.id)},
            url=address_of(made),
            ifMatch='W/"1"',
        )
    )
    status, code, _, told = refusal(app, bundle)

    assert (status, code) == (412, "conflict")
    assert 'W/"2"' in told


def test_several_with_one_identifier_are_never_guessed_from(app):
    shared = [{"system": NHS, "value": nhs_number(1)}]
    for serial, given in ((1, "Test"), (2, "Ada")):
        ids = [{"system": LOCAL, "value": f"{serial}"}, *shared]
        name = [{"use": "official", "family": f"{given}-Name", "given": [given]}]
        send(app, patient(serial, identifier=ids, name=name))
    search = f"identifier={NHS}|{nhs_number(1)}"

    bundles = [
        transaction(entry(procedure(f"Patient?{search}"))),
        transaction(entry(patient(3, identifier=shared), ifNoneExist=search)),
        transaction(entry(patient(3, identifier=shared), url=f"Patient?{search}")),
    ]

    assert {refusal(app, each)[:2] for each in bundles} == {(412, "multiple-matches")}


# ------------------------------------------------------------------------- references


def test_a_reference_finds_whom_it_means(app):
    about = send(app, patient())
    references = [
        f"Patient?identifier={LOCAL}|000001",
        f"Patient?identifier={NHS.replace(':', '%3A')}|{nhs_number(1)}",
        f"Patient/{about.id}",
        f"Patient/{about.id}/_history/1",
        f"http://127.0.0.1:8000/fhir/R4/Patient/{about.id}",
    ]

    for serial, reference in enumerate(references, start=1):
        send(app, procedure(reference, serial))
    named = {"identifier": {"system": LOCAL, "value": "000001"}}
    send(app, procedure({"reference": "https://pas.example.com/Patient/7", **named}, 7))

    assert [each.is_alias for each in rows(app, FeedPerson)].count(False) == 1
    assert len(rows(app, Enrolment)) == 1
    assert person(app).name == "Test Patient-00001"


def test_a_relative_reference_is_read_where_its_entry_stands(app):
    there = "https://pas.example.com/fhir"

    made, _ = take(
        app,
        transaction(
            entry(procedure("Patient/7"), full_url=f"{there}/Procedure/8"),
            entry(patient(), full_url=f"{there}/Patient/7"),
        ),
    )

    assert codes(made) == [("enrolled", "enrolled")]


def test_a_reference_to_nobody_is_refused_and_nothing_is_done(app):
    nobody = [
        "Patient/0198a4c1-0000-7000-8000-000000000000",
        "Patient/unknown",
        f"Patient?identifier={LOCAL}|000009",
        "urn:uuid:0198a4c1-0000-7000-8000-000000000000",
        "https://elsewhere.example.com/Patient/1",
    ]
    place = "Bundle.entry[1].resource.subject.reference"

    unknown = {"identifier": {"system": "https://elsewhere.example.com/Id", "value": "1"}}

    came = {
        refusal(app, transaction(entry(patient(2)), entry(procedure(each))))[:2] for each in nobody
    }
    assert refusal(app, transaction(entry(procedure(unknown))))[2] == [
        "Bundle.entry[0].resource.subject.identifier"
    ]

    assert came == {(422, "not-found")}
    assert rows(app, FhirResource) == []
    assert rows(app, FeedPerson) == []
    kept = rows(app, FeedMessage)
    assert len(kept) == len(nobody) + 1
    assert {(one.state, one.reason) for one in kept} == {("refused", "fhir-unusable")}
    assert sum(one.told.startswith(f"{place}: ") for one in kept) == len(nobody)


def test_a_procedure_stays_with_its_patient(app):
    made, _ = take(app, patient_and(procedure))
    other = send(app, patient(2))

    bundle = transaction(
        entry({**procedure(address_of(other)), "id": str(made.id)}, url=address_of(made))
    )

    assert refusal(app, bundle)[:2] == (409, "conflict")


# ---------------------------------------------------------------------- ledger and console


def test_a_refused_request_is_put_right_by_a_person_and_worked_off(app):
    bundle = patient_and(procedure, about=patient(birthDate="1951-13-12"))
    assert refusal(app, bundle)[2] == ["Bundle.entry[1].resource.birthDate"]
    row = only(app, FeedMessage)
    text = text_of(app, row)
    assert "1951-13-12" in text

    replay_message(app, row.id, text.replace("1951-13-12", "1951-05-12"), actor="web:nurse")
    sweep(app, "work-off-feeds")

    assert ledger(app) == {"enrolled": 1, "replaced": 1}
    assert only(app, Enrolment).state == "active"


def test_what_was_refused_and_comes_again_once_it_can_be_used_is_taken(app):
    bundle = transaction(entry(procedure(f"Patient?identifier={LOCAL}|000001")))
    refusal(app, bundle)
    send(app, patient())

    [made] = take(app, bundle)

    assert codes(made) == [("enrolled", "enrolled")]
    assert ledger(app) == {"enrolled": 1, "ignored": 1}


def test_a_clash_with_what_staff_did_asks_a_person_and_is_kept(app):
    take(app, patient_and(procedure))
    ids = [{"system": LOCAL, "value": "7"}, nhs(nhs_number(1))]
    other = patient(2, identifier=ids, name=[{"family": "Quite", "given": ["Another"]}])

    made, _ = take(app, patient_and(procedure, 2, about=other))

    assert codes(made) == [("person", "conflict")]
    assert ledger(app) == {"enrolled": 1, "person": 1}
    assert len(rows(app, FhirResource)) == 4
    assert [one.facts["status"][1] for one in rows(app, FeedVisit)] == ["done", "done"]


def test_an_erased_patient_is_in_no_request_and_an_old_bundle_brings_them_back_no_more(both_app):
    app, bundle = both_app, patient_and(procedure)
    alone = send(app, patient())
    take(app, bundle)
    [before] = rows(app, Patient)

    app.transact("cli:test", lambda unit: erase_patient(unit, before.id))
    with pytest.raises(RefusedRequest) as caught:
        take(app, bundle)

    assert caught.value.status == 409
    settled = [one for one in rows(app, FeedMessage) if one.state != "refused"]
    assert [one.content_sealed for one in settled] == [None, None]
    assert {one.person_id for one in settled} == {alone.person_id}
    assert {each.facts_sealed for each in rows(app, FeedPerson)} == {None}
    assert {one.content_index for one in rows(app, FhirResource)} == {b""}
    assert not [one for one in rows(app, FhirKey) if one.is_content]
    assert len(rows(app, Enrolment)) == 1


def test_what_a_bundle_says_of_several_is_not_kept_once_it_is_applied(app):
    take(app, transaction(entry(patient(1)), entry(patient(2))))

    row = only(app, FeedMessage)
    assert (row.person_id, text_of(app, row)) == (None, None)


# ------------------------------------------------------------------------------ many at once


def test_eight_at_once_with_one_bundle_enrol_once(postgres_app):
    app, bundle = postgres_app, patient_and(procedure)

    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(lambda _: take(app, bundle), range(8)))

    assert len(rows(app, Enrolment)) == 1
    assert len(rows(app, FhirResource)) == 2
    assert sum(one.created for each in came for one in each) == 2
    row = only(app, FeedMessage)
    assert (row.state, row.repeats) == ("enrolled", 7)


def test_eight_at_once_that_differ_are_versions_of_one(postgres_app):
    def put(last: int) -> int:
        listed = [{"system": "phone", "value": f"07700 90000{last}", "use": "mobile"}]
        url = f"Patient?identifier={LOCAL}|000001"
        return send(postgres_app, patient(telecom=listed), url=url).version

    with ThreadPoolExecutor(8) as pool:
        versions = sorted(pool.map(put, range(8)))

    assert versions == [1, 2, 3, 4, 5, 6, 7, 8]
    assert only(postgres_app, FhirResource).version == 8


def test_two_entries_that_change_one_resource_are_refused(app):
    made = send(app, patient())
    versions = [{**patient(gender=each), "id": str(made.id)} for each in ("male", "other")]

    bundle = transaction(*(entry(each, url=address_of(made)) for each in versions))

    assert refusal(app, bundle)[:2] == (422, "duplicate")
    assert only(app, FhirResource).version == 1


def test_the_clock_of_a_sender_that_is_far_ahead_is_refused(app):
    ahead = clock_of(app).now() + timedelta(days=2)
    told = patient(meta={"lastUpdated": ahead.isoformat()})

    assert refusal(app, transaction(entry(told)))[2] == [
        "Bundle.entry[0].resource.meta.lastUpdated"
    ]


def test_what_has_no_number_of_its_own_is_known_by_what_it_says(app):
    who = address_of(send(app, patient()))

    first = send(app, procedure(who, identifier=None))
    again = send(app, procedure(who, identifier=None))
    other = send(app, procedure(who, identifier=None, status="not-done"))

    assert (again.id, again.created) == (first.id, False)
    assert other.id != first.id


def test_identifiers_that_a_resource_lost_find_it_no_more(app):
    made = send(app, procedure({"identifier": {"system": LOCAL, "value": "1"}}))
    told = procedure(
        {"identifier": {"system": LOCAL, "value": "1"}},
        identifier=[{"system": VISITS, "value": "P9"}],
    )
    update(app, made, told)

    other = send(app, procedure({"identifier": {"system": LOCAL, "value": "1"}}))

    assert other.id != made.id
