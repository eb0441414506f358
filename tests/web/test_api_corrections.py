"""Corrections over the API: the same reference again is never swallowed, and applied when asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from followup.enrolment.contact_details import correct_contacts
from followup.enrolment.withdraw import withdraw_enrolment
from followup.patients.records import read_patient
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment, Generation
from followup.store.models.messages import Message
from followup.store.models.patients import Objection, Patient
from followup.store.models.worklist import WorklistItem
from tests.support.apps import actions, clock_of, messages, rows, tick
from tests.web.conftest import enrolment

ENROLMENTS = "/api/v1/enrolments"
PERSON = enrolment()["patient"]
DAY = timedelta(days=1)


def post(client, key, **changes: Any):
    return client.post(ENROLMENTS, json=enrolment(**changes), headers=key)


def of_patient(**changes: Any) -> dict[str, Any]:
    return {"patient": {**PERSON, **changes}}


def without(*names: str) -> dict[str, Any]:
    return {"patient": {name: value for name, value in PERSON.items() if name not in names}}


def to_come(app) -> list[Message]:
    return [one for one in messages(app) if one.state == "planned"]


def steps(app) -> set[tuple[str, int]]:
    return {(one.step, one.occurrence) for one in to_come(app)}


CHANGES = {
    "answer": ({"attributes": {"diabetic": False, "steroid_given": True}}, ["attributes.diabetic"]),
    "mobile": (of_patient(mobile="07700 900777"), ["patient.mobile"]),
    "email": (of_patient(email="other@example.com"), ["patient.email"]),
    "name": (of_patient(name="Somebody Else"), ["patient.name"]),
    "birth date": (of_patient(date_of_birth="1956-05-30"), ["patient.date_of_birth"]),
    "language": (of_patient(language="ar"), ["patient.language"]),
    "needs": (of_patient(needs=["large-print"]), ["patient.needs"]),
    "channels": ({"channels": ["email"]}, ["channels"]),
    "time": ({"procedure_at": "2026-10-19T15:10:00+01:00"}, ["procedure_at"]),
    "day": ({"procedure_at": "2026-10-20T09:00:00+01:00"}, ["procedure_at"]),
    "several": (
        {
            "attributes": {"diabetic": True, "steroid_given": False},
            "procedure_at": "2026-10-19T12:00:00+01:00",
            **of_patient(mobile="07700 900778", email="third@example.com"),
        },
        ["procedure_at", "attributes.steroid_given", "patient.mobile", "patient.email"],
    ),
}
EACH_CHANGE = pytest.mark.parametrize(("changes", "fields"), CHANGES.values(), ids=CHANGES.keys())


@EACH_CHANGE
def test_what_differs_is_named_and_nothing_is_changed(app, client, key, changes, fields):
    first = post(client, key).json()
    before = rows(app, Message), rows(app, AuditEvent)

    answer = post(client, key, **changes)

    told = answer.json()
    assert answer.status_code == 409
    assert told["enrolment_id"] == first["enrolment_id"]
    assert (told["fields"], told["on_conflict"]) == (fields, "update")
    assert '"on_conflict": "update"' in told["error"]
    assert all(name.rpartition(".")[2] in told["error"] for name in fields)
    assert len(rows(app, Message)) == len(before[0])
    assert len(rows(app, AuditEvent)) == len(before[1])


@EACH_CHANGE
def test_an_update_applies_what_differs_and_the_same_again_is_as_it_was_sent(
    app, client, key, changes, fields
):
    first = post(client, key).json()

    updated = post(client, key, on_conflict="update", **changes)
    again = post(client, key, **changes)

    assert updated.status_code == again.status_code == 200
    assert (updated.json()["enrolment_id"], updated.json()["updated"]) == (
        first["enrolment_id"],
        fields,
    )
    assert again.json()["updated"] == []
    assert "enrolment.corrected" in actions(app)
    assert len(rows(app, Enrolment)) == len(rows(app, Patient)) == 1


def test_a_refusal_repeats_nothing_of_the_patient(client, key):
    post(client, key)
    given = {
        "name": "Zebedee Quillfeather",
        "date_of_birth": "1949-01-02",
        "mobile": "07700 900779",
        "email": "zebedee@example.com",
    }

    answer = post(client, key, **of_patient(**given))

    assert answer.status_code == 409
    held = [value for name, value in PERSON.items() if name != "language"]
    for value in (*given.values(), "Zebedee", "900779", *held):
        assert value not in answer.text


@pytest.mark.parametrize(
    "same",
    [
        of_patient(name="TEST   PATIENT"),
        of_patient(name="Patient, Test"),
        of_patient(mobile="+44 7700 900001"),
        of_patient(email="PATIENT1@EXAMPLE.COM"),
        {"procedure_at": "2026-10-19T13:30:00Z"},
        {"channels": ["email", "sms"]},
        without("email", "language") | {"channels": None},
        without("mobile") | {"channels": None},
    ],
    ids=["spaces and case", "surname first", "international", "capitals", "in UTC", "other order",
         "no e-mail", "no mobile"],
)  # fmt: skip
def test_what_says_the_same_in_other_words_or_leaves_it_out_is_the_same(client, key, same):
    post(client, key)

    answer = post(client, key, **same)

    assert answer.status_code == 200, answer.text
    assert answer.json()["channels"] == ["sms", "email"]


# ------------------------------------------------------------------- what an update does


def test_sugar_advice_is_planned_for_somebody_who_is_diabetic_after_all(app, client, key):
    post(client, key, attributes={"diabetic": False, "steroid_given": True})
    assert not any(step == "sugar" for step, _ in steps(app))

    post(client, key, on_conflict="update")

    assert {("sugar", 1), ("sugar", 2), ("sugar", 3), ("sugar", 4)} <= steps(app)
    assert len(steps(app)) == len(to_come(app)) == 14
    assert {one.reason for one in messages(app) if one.state == "cancelled"} == {"corrected"}
    assert [one.number for one in rows(app, Generation)] == [1, 2]


def test_advice_that_went_out_is_not_repeated_by_an_update(app, client, key):
    post(client, key, attributes={"diabetic": False, "steroid_given": True})
    assert tick(app) == 1
    [sent] = [one for one in messages(app) if one.state == "sent"]

    post(client, key, on_conflict="update")

    assert sent.step == "going-home"
    assert ("going-home", 1) not in steps(app)
    assert tick(app) == 0


def test_a_new_number_is_unconfirmed_and_the_next_text_goes_there(app, client, key):
    post(client, key)
    with app.store.write() as session:
        session.scalars(select(Patient)).one().mobile_confirmed = "retyped"

    post(client, key, on_conflict="update", **of_patient(mobile="07700 900777"))

    [patient] = rows(app, Patient)
    assert patient.mobile_confirmed is None
    assert read_patient(patient, app.keyring).mobile == "+447700900777"
    changed = next(one for one in rows(app, AuditEvent) if one.action == "patient.changed")
    assert (changed.detail, changed.actor) == ({"fields": ["mobile"]}, "api:theatre")


def test_a_new_time_moves_what_is_to_come_and_the_trail_says_from_when_to_when(app, client, key):
    post(client, key)

    post(client, key, on_conflict="update", procedure_at="2026-10-20T09:00:00+01:00")

    moved = next(one for one in rows(app, AuditEvent) if one.action == "enrolment.rescheduled")
    assert (moved.detail["from"][:16], moved.detail["to"][:16]) == (
        "2026-10-19T13:30",
        "2026-10-20T08:00",
    )
    [dressing] = [one for one in to_come(app) if one.step == "dressing"]
    assert dressing.due_at.isoformat()[:16] == "2026-10-21T08:00"


def test_an_address_that_comes_later_brings_its_channel_along(app, client, key):
    post(client, key, channels=None, **without("email"))

    refused = post(client, key, channels=None)
    updated = post(client, key, channels=None, on_conflict="update")

    assert refused.json()["fields"] == ["patient.email", "channels"]
    assert updated.json()["channels"] == ["sms", "email"]


def test_an_nhs_number_that_comes_later_is_added(app, client, key):
    post(client, key, **without("nhs_number"))

    assert post(client, key).json()["fields"] == ["patient.nhs_number"]
    assert post(client, key, on_conflict="update").status_code == 200

    [patient] = rows(app, Patient)
    assert read_patient(patient, app.keyring).nhs_number == "9990000018"


def test_what_staff_corrected_since_is_not_undone_by_a_repetition(app, client, key):
    post(client, key)
    [patient] = rows(app, Patient)
    correct_contacts(app, patient.id, mobile="+447700900555", email=None, actor="web:a")

    repeated = post(client, key, on_conflict="update")
    corrected = post(
        client, key, on_conflict="update", attributes={"diabetic": False, "steroid_given": True}
    )

    assert repeated.json()["updated"] == []
    assert corrected.json()["updated"] == ["attributes.diabetic"]
    [patient] = rows(app, Patient)
    assert read_patient(patient, app.keyring).mobile == "+447700900555"


def test_nothing_is_planned_against_the_wish_of_the_patient(app, client, key):
    first = post(client, key).json()
    [patient] = rows(app, Patient)
    with app.store.write() as session:
        session.add(
            Objection(
                id=patient.id,
                patient_id=patient.id,
                source="staff",
                lodged_at=clock_of(app).now(),
                lodged_by="web:a",
            )
        )

    told = post(
        client, key, on_conflict="update", attributes={"diabetic": False, "steroid_given": True}
    ).json()

    assert told["enrolment_id"] == first["enrolment_id"]
    assert told["objection"]["covers_all"]
    assert to_come(app) == []
    assert tick(app) == 0


def test_a_paused_enrolment_stays_paused_when_it_is_updated(app, client, key):
    first = post(client, key).json()
    client.post(f"{ENROLMENTS}/{first['enrolment_id']}/pause", headers=key)

    told = post(client, key, on_conflict="update", procedure_at="2026-10-20T09:00:00+01:00").json()

    assert told["state"] == "paused"
    assert to_come(app) == []
    assert {one.reason for one in messages(app) if one.state == "held"} == {"paused"}


# --------------------------------------------------------------- what can't be applied


def test_another_protocol_is_refused_with_what_to_do(app, client, key):
    post(client, key)
    other = {"protocol": "facet-joint-injection", "attributes": {"sugar_may_rise": True}}

    for wanted in ("refuse", "update", "reopen"):
        answer = post(client, key, on_conflict=wanted, **other)
        told = answer.json()
        assert (answer.status_code, told["fields"]) == (409, ["protocol"])
        assert told["on_conflict"] is None
        assert "end that one, and enrol the patient under another reference" in told["error"]


@pytest.mark.parametrize(
    "other",
    [
        of_patient(nhs_number="999 000 0026"),
        without("nhs_number") | {"patient": {**PERSON, "nhs_number": "9990000026"}},
        {
            "patient": {
                "name": "Mary Other",
                "date_of_birth": "1956-04-30",
                "mobile": "07700 900001",
                "email": "x@example.com",
            }
        },
    ],
    ids=["another NHS number", "as digits", "another name and no number"],
)
def test_another_patient_is_refused_with_what_to_do(app, client, key, other):
    post(client, key)

    answer = post(client, key, on_conflict="update", **other)

    assert answer.status_code == 409
    assert "of another patient; give this one a reference of its own" in answer.json()["error"]
    assert len(rows(app, Patient)) == 1


def test_a_correction_never_makes_two_patients_the_same(app, client, key):
    bare = without("nhs_number")["patient"]
    post(client, key, patient={**bare, "name": "Jon Smith"})
    post(client, key, reference="REF-2", patient={**bare, "name": "Joan Smyth"})

    answer = post(
        client,
        key,
        reference="REF-2",
        on_conflict="update",
        patient={**bare, "name": "Jon Smith", "date_of_birth": "1956-04-30"},
    )

    assert answer.status_code == 409
    assert len(rows(app, Patient)) == 2


def test_a_word_that_asks_for_nothing_known_is_refused_by_its_field(client, key):
    answer = post(client, key, on_conflict="overwrite")

    assert answer.status_code == 422
    assert answer.json()[0]["field"] == "on_conflict"


# --------------------------------------------------------------- ended by staff before


def test_a_reference_whose_enrolment_was_ended_is_refused_and_says_so(app, client, key):
    first = post(client, key).json()
    end(app, first)

    for wanted in ("refuse", "update"):
        answer = post(client, key, on_conflict=wanted)
        assert answer.status_code == 409
        assert answer.json()["on_conflict"] == "reopen"
        assert "was ended" in answer.json()["error"]
    assert to_come(app) == []


def test_it_is_opened_again_when_asked_with_what_is_still_useful_alone(app, client, key):
    first = post(client, key).json()
    tick(app)
    end(app, first)
    clock_of(app).advance(3 * DAY)

    answer = post(client, key, on_conflict="reopen")

    told = answer.json()
    assert (answer.status_code, told["state"], told["reopened"]) == (200, "active", True)
    assert told["enrolment_id"] == first["enrolment_id"]
    assert steps(app) == {
        ("flare", 2), ("flare-over", 1), ("moving", 1),
        ("red-flags", 1), ("red-flags", 2), ("red-flags", 3), ("red-flags", 4),
    }  # fmt: skip
    assert "enrolment.reopened" in actions(app)


def test_a_correction_is_applied_when_it_is_opened_again(app, client, key):
    end(app, post(client, key).json())

    told = post(
        client, key, on_conflict="reopen", attributes={"diabetic": False, "steroid_given": True}
    ).json()

    assert (told["reopened"], told["updated"]) == (True, ["attributes.diabetic"])
    assert not any(step == "sugar" for step, _ in steps(app))


def test_warning_signs_that_were_missed_meanwhile_are_for_a_person_to_ring_about(app, client, key):
    end(app, post(client, key).json())
    clock_of(app).advance(20 * DAY)

    post(client, key, on_conflict="reopen")

    [item] = rows(app, WorklistItem)
    assert (item.kind, item.detail["step"]) == ("missed", "red-flags")


def test_one_of_which_nothing_is_useful_any_more_stays_ended(app, client, key):
    facet = {
        "protocol": "facet-joint-injection",
        "attributes": {"sugar_may_rise": True},
        "procedure_at": "2026-09-20T14:30:00+01:00",
    }
    end(app, post(client, key, **facet).json())
    # The follow-up of a newer procedure tells of the warning signs from now on.
    post(client, key, reference="REF-NEWER")
    clock_of(app).advance(6 * DAY)

    answer = post(client, key, on_conflict="reopen", **facet)

    assert answer.status_code == 409
    assert "it stays ended" in answer.json()["error"]
    assert rows(app, Enrolment)[0].state == "withdrawn"


def test_a_patient_who_died_is_not_opened_again(app, client, key):
    first = post(client, key).json()
    end(app, first, deceased=True)

    answer = post(client, key, on_conflict="reopen")

    assert answer.status_code == 409
    assert "recorded as having died" in answer.json()["error"]
    assert to_come(app) == []


def end(app, told: dict[str, Any], *, deceased: bool = False) -> None:
    [found] = [one for one in rows(app, Enrolment) if str(one.id) == told["enrolment_id"]]
    withdraw_enrolment(app, found.id, reason="wrong list", actor="web:a", deceased=deceased)


# ---------------------------------------------------- another time or reference that day


@pytest.mark.parametrize("reference", ["THEATRE-2", None], ids=["another reference", "none"])
def test_another_time_of_that_day_is_a_move_and_not_a_second_timeline(app, client, key, reference):
    first = post(client, key, procedure_at="2026-10-19T09:00:00+01:00").json()
    later = {"procedure_at": "2026-10-19T09:40:00+01:00", "reference": reference}

    refused = post(client, key, **later)
    moved = post(client, key, on_conflict="update", **later)

    assert refused.status_code == 409
    assert "enrolled for 09:00 that day" in refused.json()["error"]
    assert refused.json()["fields"] == ["procedure_at"]
    assert (moved.status_code, moved.json()["enrolment_id"]) == (200, first["enrolment_id"])
    assert moved.json()["procedure_at"] == "2026-10-19T08:40:00Z"
    assert len(rows(app, Enrolment)) == 1
    assert len(to_come(app)) == len(steps(app))


def test_the_day_is_that_of_the_patient_s_clock(app, client, key):
    post(client, key, procedure_at="2026-10-19T00:10:00+01:00")

    early = post(client, key, reference="B", procedure_at="2026-10-19T23:50:00+01:00")
    before = post(client, key, reference="C", procedure_at="2026-10-18T23:50:00+01:00")

    assert (early.status_code, before.status_code) == (409, 201)


def test_a_reference_that_comes_later_is_taken_over(client, key):
    post(client, key, reference=None)

    assert post(client, key).status_code == 409
    assert post(client, key, on_conflict="update").json()["updated"] == ["reference"]
    assert post(client, key).status_code == 200


def test_without_a_reference_what_differs_is_not_swallowed(client, key):
    post(client, key, reference=None)

    answer = post(client, key, reference=None, **of_patient(mobile="07700 900777"))

    assert (answer.status_code, answer.json()["fields"]) == (409, ["patient.mobile"])
