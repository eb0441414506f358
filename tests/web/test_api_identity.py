"""One person, one patient, one timeline, over the API: said in the answer, and done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from followup.enrolment.same_person import say_two_people
from followup.merging.same_person import say_same_person
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from tests.support.apps import clock_of, messages, rows, run_until, tick
from tests.support.people import PROCEDURE_AT
from tests.support.two_records import merge, two_records
from tests.web.conftest import enrolment

ENROLMENTS = "/api/v1/enrolments"
DAY = timedelta(days=1)
SIAN = {
    "name": "Siân O'Neill",
    "date_of_birth": "1949-08-03",
    "mobile": "07700 900123",
    "email": "sian@example.com",
}


def post(client, key, **changes: Any):
    return client.post(ENROLMENTS, json=enrolment(**changes), headers=key)


def sian(**changes: Any) -> dict[str, Any]:
    return {"patient": {**SIAN, **changes}, "reference": None}


def at(days: float) -> str:
    return (PROCEDURE_AT + timedelta(days=days)).isoformat()


def open_messages(app, told) -> list:
    found = messages(app)
    return [
        one
        for one in found
        if str(one.enrolment_id) == told["enrolment_id"] and one.state in {"planned", "held"}
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"name": "O\N{RIGHT SINGLE QUOTATION MARK}NEILL, SIÂN"},
        {"name": "Sia\N{COMBINING CIRCUMFLEX ACCENT}n  O\N{MODIFIER LETTER APOSTROPHE}Neill"},
        {"nhs_number": "999 000 0018"},
    ],
    ids=["surname first", "decomposed", "a number that comes later"],
)
def test_one_person_is_one_patient_and_gets_each_text_once(app, client, key, other):
    first = post(client, key, **sian()).json()
    again = post(client, key, **sian(**other), on_conflict="update").json()

    assert first["enrolment_id"] == again["enrolment_id"]
    assert len(rows(app, Patient)) == 1
    assert tick(app) == 1


@pytest.mark.parametrize("born", ["1994-08-03", "1949-03-08", "1950-08-03", "1949-08-13"])
def test_one_name_whose_birth_date_may_be_mistyped_waits_for_a_person(app, client, key, born):
    post(client, key, **sian(), procedure_at=at(-3))

    told = post(
        client, key, **sian(date_of_birth=born, mobile="07700 900124", email="o@example.com")
    )

    assert told.json()["held"].startswith("This may be a patient who is known here")
    assert {one.state for one in open_messages(app, told.json())} == {"held"}


def test_who_is_nearly_alike_waits_for_a_person_and_the_answer_says_so(app, client, key):
    post(client, key, **sian(), procedure_at=at(-3))
    told = post(client, key, **sian(name="Sian ONeill")).json()

    assert told["held"].startswith("This may be a patient who is known here")
    assert told["state"] == "paused"
    assert {one.state for one in open_messages(app, told)} == {"held"}
    resumed = client.post(f"{ENROLMENTS}/{told['enrolment_id']}/resume", headers=key)
    assert resumed.status_code == 409
    run_until(app, PROCEDURE_AT + DAY)
    assert not [one for one in messages(app) if one.state == "sent" and one.attempt_count == 0]
    assert {
        one.state for one in messages(app) if str(one.enrolment_id) == told["enrolment_id"]
    } <= {
        "held",
        "expired",
    }


def test_told_that_they_are_two_it_goes_ahead_with_what_is_still_of_use(app, client, key):
    post(client, key, **sian(), procedure_at=at(-3))
    told = post(client, key, **sian(name="Sian ONeill")).json()
    [item] = rows(app, WorklistItem)

    say_two_people(app, item.id, actor="web:a")

    now = client.get(f"{ENROLMENTS}/{told['enrolment_id']}", headers=key).json()
    assert now["state"] == "active"
    assert {one.state for one in open_messages(app, told)} == {"planned"}


def test_told_that_they_are_one_the_older_follow_up_ends_where_the_newer_begins(app, client, key):
    older = post(client, key, **sian(), procedure_at=at(-3)).json()
    told = post(client, key, **sian(name="Sian ONeill")).json()
    [item] = rows(app, WorklistItem)

    say_same_person(app, item.id, actor="web:a")

    assert open_messages(app, told)
    assert all(one.due_at < PROCEDURE_AT for one in open_messages(app, older))
    planned = [one for one in messages(app) if one.state == "planned"]
    assert len({(one.step, one.occurrence) for one in planned}) == len(planned)


# --------------------------------------------- a second procedure within the follow-up


def test_an_older_follow_up_ends_where_the_newer_one_begins_and_the_answer_says_so(
    app, client, key
):
    older = post(client, key, procedure_at=at(-4)).json()
    newer = post(client, key, reference="SECOND").json()

    [joined] = newer["joined"]
    assert joined["enrolment_id"] == older["enrolment_id"]
    assert joined["procedure_at"] == "2026-10-15T13:30:00Z"
    assert f"{joined['cancelled']} messages of it will not be sent" in joined["message"]
    ended = [one for one in messages(app) if one.reason == "newer-procedure"]
    assert len(ended) == joined["cancelled"] > 5
    assert {str(one.enrolment_id) for one in ended} == {older["enrolment_id"]}
    assert all(one.due_at >= PROCEDURE_AT for one in ended)
    assert open_messages(app, older) == []
    signs = [one for one in messages(app) if one.step == "red-flags" and one.state == "planned"]
    assert len(signs) == 4
    assert {str(one.enrolment_id) for one in signs} == {newer["enrolment_id"]}
    assert "enrolment.superseded" in {event.action for event in rows(app, AuditEvent)}


def test_what_comes_before_the_newer_procedure_is_still_sent(app, client, key):
    older = post(client, key).json()
    post(client, key, reference="SECOND", procedure_at=at(6))

    left = open_messages(app, older)
    assert {one.step for one in left} >= {"going-home", "sugar", "dressing", "flare"}
    assert all(one.due_at < PROCEDURE_AT + 6 * DAY for one in left)


def test_the_order_in_which_two_procedures_are_enrolled_makes_no_difference(app, client, key):
    newer = post(client, key, reference="SECOND").json()
    older = post(client, key, procedure_at=at(-4)).json()

    assert older["joined"] == []
    assert open_messages(app, older) == []
    assert {one["reason"] for one in older["messages"] if one["state"] == "cancelled"} == {
        "newer-procedure"
    }
    assert len(open_messages(app, newer)) == 14


def test_another_protocol_is_a_second_procedure_too(app, client, key):
    older = post(client, key, procedure_at=at(-4)).json()
    newer = post(
        client,
        key,
        reference="SECOND",
        protocol="facet-joint-injection",
        attributes={"sugar_may_rise": False},
    ).json()

    assert newer["joined"][0]["enrolment_id"] == older["enrolment_id"]
    assert open_messages(app, older) == []


def test_a_procedure_after_the_last_advice_takes_nothing_over(app, client, key):
    post(client, key, procedure_at=at(-40))
    clock_of(app).advance(11 * DAY)

    newer = post(client, key, reference="SECOND", procedure_at=at(10)).json()

    assert newer["joined"] == []


def test_where_the_newer_one_is_ended_the_older_one_goes_on(app, client, key):
    older = post(client, key, procedure_at=at(-4)).json()
    newer = post(client, key, reference="SECOND").json()

    client.post(
        f"{ENROLMENTS}/{newer['enrolment_id']}/withdraw",
        json={"reason": "not done after all"},
        headers=key,
    )

    left = open_messages(app, older)
    assert {one.step for one in left} == {"flare", "flare-over", "moving", "red-flags"}
    assert {one.generation for one in left} == {2}


def test_where_the_newer_one_is_moved_the_older_one_goes_on_until_then(app, client, key):
    older = post(client, key).json()
    newer = post(client, key, reference="SECOND", procedure_at=at(1)).json()
    assert {one.step for one in open_messages(app, older)} == {"going-home", "sugar"}

    client.post(
        f"{ENROLMENTS}/{newer['enrolment_id']}/reschedule",
        json={"procedure_at": at(6)},
        headers=key,
    )

    left = open_messages(app, older)
    assert {"dressing", "flare"} <= {one.step for one in left}
    assert all(one.due_at < PROCEDURE_AT + 6 * DAY for one in left)


def test_moving_the_older_one_plans_nothing_after_the_newer(app, client, key):
    older = post(client, key, procedure_at=at(-4)).json()
    post(client, key, reference="SECOND")

    client.post(
        f"{ENROLMENTS}/{older['enrolment_id']}/reschedule",
        json={"procedure_at": at(-2)},
        headers=key,
    )

    assert open_messages(app, older) == []
    assert len(rows(app, Enrolment)) == 2


# ------------------------------------------------------------------------- two records merged


def test_a_merged_reference_says_whose_it_is_and_where_it_goes_on(app, client, key):
    both = two_records(app, theirs={"procedure_at": PROCEDURE_AT})
    merge(app, both)

    told = client.get(f"{ENROLMENTS}/{both.other}", headers=key).json()

    assert told["patient_id"] == str(both.survivor)
    assert told["goes_on_in"] == str(both.kept)
    kept = client.get(f"{ENROLMENTS}/{both.kept}", headers=key).json()
    assert (kept["patient_id"], kept["goes_on_in"]) == (str(both.survivor), None)
