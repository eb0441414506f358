"""The JSON API: who may, what is refused and how, and the same answer to the same question."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import update

from followup.context import AppContext
from followup.domain.erasure.restriction import RestrictionGround
from followup.domain.lifecycle import State
from followup.erasure.restriction import restrict
from followup.replies.inbound import take_inbound
from followup.staff.api_keys import revoke_api_key
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.operations import ApiKey
from followup.store.models.patients import Patient
from tests.replies.test_inbound import text
from tests.support.apps import clock_of, enrol_one, make_app, messages, rows, run_jobs
from tests.support.people import CLINIC, PROCEDURE_AT
from tests.web.conftest import count, enrolment, key_for, served

SOME_ID = "01a15476-4700-7054-a37d-9e43c0f16f8c"
ENROLMENTS, MESSAGES, BALANCE = "/api/v1/enrolments", "/api/v1/messages", "/api/v1/balance"

FIELDS = {
    "id", "enrolment_id", "step", "occurrence", "channel", "state", "reason", "due_at",
    "not_before", "not_after", "local", "moved_because", "segments", "encoding", "text", "attempts",
    "provider_id",
    "outlook",
}  # fmt: skip
"""What a message has in JSON, everywhere."""


def enrol(client: httpx.Client, key: dict[str, str], serial: int = 1, **changes: Any) -> Any:
    answer = client.post(ENROLMENTS, json=enrolment(serial, **changes), headers=key)
    assert answer.is_success, answer.text
    return answer.json()


def patient(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = enrolment()["patient"]
    return {name: value for name, value in {**given, **changes}.items() if value != "absent"}


# -------------------------------------------------------------------------------- keys


NO_KEYS = (
    None,
    "",
    "Bearer",
    "Bearer fu",
    f"Bearer fu_{'A' * 43}",
    f"Bearer fu_{'A' * 20} {'A' * 20}",
    "Basic dXNlcjpwYXNz",
    f"fu_{'A' * 43}",
    "Bearer \xff",
    f"Bearer {'x' * 10_000}",
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ENROLMENTS),
        ("GET", f"{ENROLMENTS}/{SOME_ID}"),
        ("POST", f"{ENROLMENTS}/{SOME_ID}/reschedule"),
        ("POST", f"{ENROLMENTS}/{SOME_ID}/withdraw"),
        ("POST", f"{ENROLMENTS}/{SOME_ID}/pause"),
        ("POST", f"{ENROLMENTS}/{SOME_ID}/resume"),
        ("GET", MESSAGES),
        ("GET", BALANCE),
    ],
)
def test_without_a_key_in_force_nothing_is_told(sqlite_client, method, path):
    for header in NO_KEYS:
        headers = {} if header is None else {"Authorization": header.encode("latin-1")}

        answer = sqlite_client.request(method, path, headers=headers, json={"not": "read"})

        assert answer.status_code == 401, header
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer" in answer.json()["error"]


def test_a_revoked_key_opens_nothing(sqlite_app, sqlite_client):
    key = key_for(sqlite_app)
    assert sqlite_client.get(BALANCE, headers=key).status_code == 200

    revoke_api_key(sqlite_app, "theatre", actor="cli:test")

    assert sqlite_client.get(BALANCE, headers=key).status_code == 401


def test_a_body_is_not_read_for_whom_we_do_not_know(sqlite_client):
    headers = {"Content-Type": "application/json"}

    assert sqlite_client.post(ENROLMENTS, content=b"{", headers=headers).status_code == 401


def test_of_restricted_data_a_key_gets_nothing_and_changes_are_taken(app, client, key):
    hidden = enrol(client, key)["enrolment_id"]
    (patient_id,) = [it.patient_id for it in rows(app, Enrolment)]
    enrol_one(app, 2)
    restrict(app, patient_id, ground=RestrictionGround.ACCURACY, actor="web:a@example.com")

    told = client.get(f"{ENROLMENTS}/{hidden}", headers=key).json()
    listed = client.get("/api/v1/messages", headers=key).json()["messages"]

    assert told["restricted"]
    empty = ("reference", "attributes", "objection", "messages")
    assert [told[name] for name in empty] == [None, {}, None, []]
    assert listed
    assert hidden not in {message["enrolment_id"] for message in listed}
    gone = {"reason": "Died", "deceased": True}
    answer = client.post(f"{ENROLMENTS}/{hidden}/withdraw", json=gone, headers=key).json()
    assert (answer["state"], answer["messages"]) == ("withdrawn", [])


# ------------------------------------------------------------------------------ enrolling


def test_a_patient_is_enrolled_and_the_timeline_comes_back(app, client, key):
    answer = client.post(ENROLMENTS, json=enrolment(), headers=key)

    told = answer.json()
    [row] = rows(app, Enrolment)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{ENROLMENTS}/{row.id}"
    assert told["enrolment_id"] == str(row.id)
    assert (told["state"], told["generation"], told["procedure_at"]) == (
        "active",
        1,
        "2026-10-19T13:30:00Z",
    )
    assert len(told["messages"]) == len(messages(app)) == 14
    assert {frozenset(one) for one in told["messages"]} == {frozenset(FIELDS)}
    assert row.created_by == "api:theatre"


def test_a_message_in_json_has_utc_times_and_the_patients_own(app, client, key):
    told = enrol(client, key)["messages"]

    sugar = next(one for one in told if one["step"] == "sugar")
    assert (sugar["due_at"], sugar["local"]) == (
        "2026-10-19T18:00:00Z",
        "2026-10-19T19:00:00+01:00",
    )
    assert (sugar["state"], sugar["channel"], sugar["attempts"]) == ("planned", "sms", 0)
    assert sugar["text"].startswith("Derriford Pain Clinic")
    assert (sugar["encoding"], sugar["provider_id"]) == ("GSM-7", None)
    assert 1 <= sugar["segments"] <= 2


def test_the_same_reference_returns_the_same_enrolment(app, client, key):
    first = client.post(ENROLMENTS, json=enrolment(), headers=key)
    again = client.post(ENROLMENTS, json=enrolment(), headers=key)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert count(app, Enrolment) == 1
    assert len(messages(app)) == 14


def test_eight_at_once_with_one_reference_make_one_enrolment(app, client, key):
    with ThreadPoolExecutor(8) as executor:
        answers = list(
            executor.map(lambda _: client.post(ENROLMENTS, json=enrolment(), headers=key), range(8))
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["enrolment_id"] for answer in answers}) == 1
    assert count(app, Enrolment) == count(app, Patient) == 1
    assert len(messages(app)) == 14


def test_the_same_patient_and_time_under_another_reference_is_refused_with_its_id(app, client, key):
    first = enrol(client, key)

    answer = client.post(ENROLMENTS, json=enrolment(reference="OTHER"), headers=key)

    assert answer.status_code == 409
    assert answer.json()["enrolment_id"] == first["enrolment_id"]
    assert "already enrolled" in answer.json()["error"]
    assert count(app, Enrolment) == 1


def test_a_reference_of_another_patient_is_refused(app, client, key):
    enrol(client, key)
    other = enrolment(patient=patient(nhs_number="999 000 0026", mobile="07700 900002"))

    answer = client.post(ENROLMENTS, json=other, headers=key)

    assert answer.status_code == 409
    assert count(app, Patient) == 1


def test_channels_left_out_follow_from_the_contact_details(app, client, key):
    told = enrol(client, key, channels=None)
    assert told["channels"] == ["sms", "email"]

    only_email = enrol(
        client,
        key,
        2,
        channels=None,
        patient=patient(nhs_number="999 000 0026", mobile="absent", email="b@example.com"),
    )
    assert only_email["channels"] == ["email"]
    assert {one["channel"] for one in only_email["messages"]} == {"email"}


def test_every_field_that_is_wrong_is_named(app, client, key):
    answer = client.post(
        ENROLMENTS,
        json=enrolment(
            procedure_at="2026-10-19T14:30:00",
            channels=["sms", "pigeon"],
            colour="blue",
            patient=patient(
                name="", nhs_number="999 000 0019", mobile="01752 437706", email="x", e_mail="y"
            ),
        ),
        headers=key,
    )

    assert answer.status_code == 422
    told = {problem["field"]: problem["message"] for problem in answer.json()}
    assert set(told) == {
        "procedure_at",
        "channels.1",
        "colour",
        "patient.name",
        "patient.nhs_number",
        "patient.mobile",
        "patient.email",
        "patient.e_mail",
    }
    assert "2026-10-23T14:30:00+01:00" in told["procedure_at"]
    assert 'did you mean "email"?' in told["patient.e_mail"]
    assert count(app, Patient) == count(app, Message) == 0


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"clinic": "derriford"}, "clinic", "derriford-pain"),
        ({"protocol": "nerve-block"}, "protocol", "nerve-root-block"),
        ({"attributes": {"diabetic": True}}, "attributes.steroid_given", "true or false"),
        ({"attributes": {"diabetic": "yes", "steroid_given": True}}, "attributes.diabetic", "true"),
        (
            {"attributes": {"diabetic": True, "steroid_given": True, "smoker": True}},
            "attributes.smoker",
            "no such attribute",
        ),
        ({"procedure_at": "2027-01-20T14:30:00Z"}, "procedure_at", "90 days ahead"),
        ({"procedure_at": "2026-09-01T14:30:00Z"}, "procedure_at", "42 days ago"),
        ({"channels": []}, "channels", "at least one"),
        ({"patient": {"nhs_number": "9990000018"}, "channels": None}, "patient.mobile", "reach"),
        ({"patient": {"mobile": "07700 900001"}}, "patient.name", "NHS number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_not_be_carried_out_is_refused_by_field(  # noqa: PLR0917 - pytest names them
    app, client, key, changes, field, words
):
    answer = client.post(ENROLMENTS, json=enrolment(**changes), headers=key)

    assert answer.status_code == 422
    told = {problem["field"]: problem["message"] for problem in answer.json()}
    assert words in told[field]
    assert count(app, Patient) == 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Zebedee and Ann Quillfeather", "enter each patient separately"),
        ("Baby of Zebedee Quillfeather", "write the patient's own name"),
        ("Zebedee Quillf?ather", "write the name again"),
    ],
)
def test_a_name_that_is_not_one_persons_is_refused(sqlite_app, sqlite_client, name, told):
    patient = {**enrolment()["patient"], "name": name}

    answer = sqlite_client.post(
        ENROLMENTS, json=enrolment(patient=patient), headers=key_for(sqlite_app)
    )

    assert answer.status_code == 422
    assert told in answer.text
    assert "Zebedee" not in answer.text
    assert count(sqlite_app, Patient) == 0


def test_no_refusal_repeats_what_was_sent(sqlite_app, sqlite_client):
    key = key_for(sqlite_app)
    private = {
        "name": "Zebedee\x00Quillfeather",
        "nhs_number": "4010232138",
        "date_of_birth": "30/04/1956",
        "mobile": "01632960961x",
        "email": "zebedee(quill)example",
        "language": "zebedeequill-language",
    }

    answer = sqlite_client.post(ENROLMENTS, json=enrolment(patient=private), headers=key)

    assert answer.status_code == 422
    for value in private.values():
        for part in value.replace("\x00", " ").split():
            assert part not in answer.text


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"a": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'"text"', "application/json", 422),
        (b'{"patient": NaN}', "application/json", 422),
        (b'{"clinic": "\\ud800"}', "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"clinic=x", "application/x-www-form-urlencoded", 415),
        (b" " * 70_000, "application/json", 413),
    ],
    ids=["cut", "empty", "binary", "deep", "endless", "list", "null", "text", "nan", "surrogate",
         "plain", "untyped", "form", "huge"],
)  # fmt: skip
def test_a_body_that_is_no_enrolment_is_refused(
    sqlite_app, sqlite_client, content, content_type, expected
):
    headers = key_for(sqlite_app) | ({"Content-Type": content_type} if content_type else {})

    answer = sqlite_client.post(ENROLMENTS, content=content, headers=headers)

    assert answer.status_code == expected
    if expected == 413:
        return
    told = answer.json()
    assert all(problem["message"] for problem in told) if expected == 422 else told["error"]


# ------------------------------------------------------------------------ one enrolment


def test_an_enrolment_is_looked_at_by_its_id(app, client, key):
    created = enrol(client, key)

    answer = client.get(f"{ENROLMENTS}/{created['enrolment_id']}", headers=key)

    for name in ("updated", "reopened", "held", "joined"):
        del created[name]
    assert (answer.status_code, answer.json()) == (200, created)


@pytest.mark.parametrize("verb", ["", "/pause", "/resume", "/withdraw", "/reschedule"])
def test_an_enrolment_that_there_is_not_is_404(sqlite_app, sqlite_client, verb):
    key = key_for(sqlite_app)
    sent = {
        "/withdraw": {"reason": "x"},
        "/reschedule": {"procedure_at": "2026-10-20T14:30:00Z"},
    }.get(verb)
    method = "POST" if verb else "GET"

    for id_ in (SOME_ID, "1", "not-an-id", "%00", "é", "x" * 500):
        answer = sqlite_client.request(method, f"{ENROLMENTS}/{id_}{verb}", json=sent, headers=key)

        assert answer.status_code == 404, id_
        assert answer.json()["error"]


def test_rescheduling_plans_anew_and_says_how_many(app, client, key):
    id_ = enrol(client, key)["enrolment_id"]

    answer = client.post(
        f"{ENROLMENTS}/{id_}/reschedule",
        json={"procedure_at": "2026-10-20T14:30:00+01:00"},
        headers=key,
    )

    told = answer.json()
    assert answer.status_code == 200
    assert (told["generation"], told["procedure_at"], told["changed"]) == (
        2,
        "2026-10-20T13:30:00Z",
        16,
    )
    planned = [one for one in told["messages"] if one["state"] == "planned"]
    assert len(planned) == 15
    # Too late for what is to be known a day before at the latest.
    [late] = [one for one in told["messages"] if one["state"] == "expired"]
    assert (late["step"], late["reason"]) == ("before-injection", "already-past")
    assert (told["repeated"], told["not_repeated"], told["correction"]) == ([], [], False)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "procedure_at"),
        ({"procedure_at": "tomorrow"}, "procedure_at"),
        ({"procedure_at": "2026-10-20T14:30:00"}, "procedure_at"),
        ({"procedure_at": "2027-03-20T14:30:00Z"}, "procedure_at"),
        ({"procedure_at": 5}, "procedure_at"),
        ({"procedure_at": "2026-10-20T14:30:00Z", "reason": "x"}, "reason"),
        ({"procedure_at": "2026-10-20T14:30:00Z", "again": ["flare"]}, "again"),
        ({"procedure_at": "2026-10-20T14:30:00Z", "not_again": ["flare:x"]}, "not_again"),
    ],
    ids=["nothing", "word", "naive", "far", "number", "unknown", "not-sent", "no-step"],
)
def test_a_time_that_can_not_be_is_refused(app, client, key, sent, field):
    id_ = enrol(client, key)["enrolment_id"]

    answer = client.post(f"{ENROLMENTS}/{id_}/reschedule", json=sent, headers=key)

    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()] == [field]
    assert {one.state for one in messages(app)} == {"planned"}


def test_withdrawing_cancels_and_is_done_once(app, client, key):
    id_ = enrol(client, key)["enrolment_id"]
    path = f"{ENROLMENTS}/{id_}/withdraw"

    first = client.post(path, json={"reason": "moved away"}, headers=key).json()
    again = client.post(path, json={"reason": "moved away"}, headers=key).json()

    assert (first["state"], first["changed"], again["changed"]) == ("withdrawn", 14, 0)
    assert {one["state"] for one in again["messages"]} == {"cancelled"}
    for verb in ("pause", "resume"):
        assert client.post(f"{ENROLMENTS}/{id_}/{verb}", headers=key).status_code == 409
    assert (
        client.post(
            f"{ENROLMENTS}/{id_}/reschedule",
            json={"procedure_at": "2026-10-20T14:30:00Z"},
            headers=key,
        ).status_code
        == 409
    )


def test_a_patient_who_died_is_written_to_no_more(app, client, key):
    id_ = enrol(client, key)["enrolment_id"]

    answer = client.post(
        f"{ENROLMENTS}/{id_}/withdraw", json={"reason": "died", "deceased": True}, headers=key
    )

    assert answer.json()["messages"][0]["reason"] == "patient-died"
    assert rows(app, Patient)[0].deceased_at is not None


@pytest.mark.parametrize("sent", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 201}])
def test_withdrawing_wants_a_reason(app, client, key, sent):
    id_ = enrol(client, key)["enrolment_id"]

    answer = client.post(f"{ENROLMENTS}/{id_}/withdraw", json=sent, headers=key)

    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()] == ["reason"]


def test_pausing_holds_and_resuming_lets_go(app, client, key):
    id_ = enrol(client, key)["enrolment_id"]

    paused = client.post(f"{ENROLMENTS}/{id_}/pause", headers=key).json()
    resumed = client.post(f"{ENROLMENTS}/{id_}/resume", headers=key).json()

    assert (paused["state"], paused["changed"]) == ("paused", 14)
    assert {one["state"] for one in paused["messages"]} == {"held"}
    assert (resumed["state"], resumed["changed"]) == ("active", 14)


def test_a_finished_enrolment_says_so_and_goes_on_where_something_is_to_come(app, client, key):
    id_ = enrol(client, key)["enrolment_id"]
    clock_of(app).advance(timedelta(days=60))
    run_jobs(app)

    seen = client.get(f"{ENROLMENTS}/{id_}", headers=key).json()
    refused = client.post(f"{ENROLMENTS}/{id_}/pause", headers=key)
    moved = client.post(
        f"{ENROLMENTS}/{id_}/reschedule",
        json={"procedure_at": (app.clock.now() + timedelta(days=1)).isoformat()},
        headers=key,
    )

    assert seen["state"] == "finished"
    assert refused.status_code == 409
    assert "has finished" in refused.json()["error"]
    assert moved.json()["state"] == "active"


def test_who_did_it_stands_in_the_audit_trail(app, client, key):
    id_ = enrol(client, key)["enrolment_id"]
    client.post(f"{ENROLMENTS}/{id_}/pause", headers=key)

    done = [one for one in rows(app, AuditEvent) if one.action.startswith("enrolment.")]

    assert [(one.action, one.actor) for one in done] == [
        ("enrolment.created", "api:theatre"),
        ("enrolment.paused", "api:theatre"),
    ]


# -------------------------------------------------------------------- a key for one clinic


@pytest.fixture
def elsewhere(app: AppContext) -> dict[str, str]:
    """The header of a key for a clinic that was taken off the list since."""
    key = key_for(app, clinic=CLINIC, name="elsewhere")
    with app.store.write() as session:
        session.execute(
            update(ApiKey).where(ApiKey.name == "elsewhere").values(clinic="another-clinic")
        )
    return key


def test_a_key_for_one_clinic_sees_nothing_of_another(app, client, key, elsewhere):
    id_ = enrol(client, key)["enrolment_id"]
    run_jobs(app)
    path = f"{ENROLMENTS}/{id_}"
    unknown = client.get(f"{ENROLMENTS}/{uuid4()}", headers=elsewhere)

    answers = [
        client.get(path, headers=elsewhere),
        client.post(f"{path}/pause", headers=elsewhere),
        client.post(f"{path}/resume", headers=elsewhere),
        client.post(f"{path}/withdraw", json={"reason": "x"}, headers=elsewhere),
        client.post(
            f"{path}/reschedule", json={"procedure_at": "2026-10-20T14:30:00Z"}, headers=elsewhere
        ),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.text for answer in answers} == {unknown.text}
    assert client.get(MESSAGES, headers=elsewhere).json()["messages"] == []
    assert client.get(BALANCE, headers=elsewhere).json()["due"] == 0
    assert client.get(BALANCE, headers=key).json()["due"] == 1
    assert rows(app, Enrolment)[0].state == "active"


def test_a_key_for_one_clinic_enrols_at_that_clinic_alone(app, client, elsewhere):
    answer = client.post(ENROLMENTS, json=enrolment(), headers=elsewhere)

    assert answer.status_code == 422
    assert answer.json()[0]["field"] == "clinic"
    assert count(app, Patient) == 0

    own = key_for(app, clinic=CLINIC, name="own")
    assert client.post(ENROLMENTS, json=enrolment(), headers=own).status_code == 201


# ----------------------------------------------------------------------------- messages


def all_pages(client: httpx.Client, key: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for _ in range(100):
        told = client.get(MESSAGES, params={**query, **cursor}, headers=key).json()
        found += told["messages"]
        if told["next_cursor"] is None:
            return found
        cursor = {"cursor": told["next_cursor"]}
    raise AssertionError("there was no last page")


@pytest.mark.parametrize("limit", [1, 7, 14, 28, 500])
def test_pages_hold_every_message_once_in_the_order_due(app, client, key, limit):
    # Two people enrolled at one moment have messages due together, apart by their ids alone.
    for serial in (1, 2):
        enrol_one(app, serial, diabetic=True)

    found = all_pages(client, key, limit=limit)

    assert [one["id"] for one in found] == [str(one.id) for one in messages(app)]
    assert len(found) == 28
    assert {frozenset(one) for one in found} == {frozenset(FIELDS)}


def test_a_message_that_moves_while_pages_are_read_is_not_read_twice(app, client, key):
    enrol_one(app, diabetic=True)
    first = client.get(MESSAGES, params={"limit": 3}, headers=key).json()

    enrol_one(app, 2, procedure_at=PROCEDURE_AT - timedelta(days=1))
    rest = all_pages(client, key, cursor=first["next_cursor"])

    ids = [one["id"] for one in first["messages"] + rest]
    assert len(set(ids)) == len(ids)


def test_messages_are_chosen_by_state_and_due_time(app, client, key):
    enrol_one(app)
    run_jobs(app)

    sent = all_pages(client, key, state="sent")
    both = all_pages(client, key, state=["sent", "planned"])
    later = all_pages(client, key, since="2026-10-22T00:00:00+01:00")

    assert [one["step"] for one in sent] == ["going-home"]
    assert (sent[0]["attempts"], sent[0]["provider_id"] is not None) == (1, True)
    assert len(both) == len(messages(app))
    assert 0 < len(later) < len(both)
    assert min(one["due_at"] for one in later) >= "2026-10-21T23:00:00Z"


def test_a_plus_that_arrived_as_a_space_is_understood(app, client, key):
    enrol_one(app)
    right = client.get(MESSAGES, params={"since": "2026-10-22T00:00:00+01:00"}, headers=key)

    answer = client.get(f"{MESSAGES}?since=2026-10-22T00:00:00+01:00", headers=key)

    assert answer.json() == right.json()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=nonsense", "state"),
        ("state=", "state"),
        ("state=sent&state=x", "state"),
        ("since=yesterday", "since"),
        ("since=2026-10-22", "since"),
        ("since=2026-10-22T00:00:00", "since"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("since=", "since"),
        ("since=%00", "since"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=%C3%A9", "cursor"),
        ("cursor=MjAyNi0xMC0yMlQwMDowMDowMCswMDowMA==", "cursor"),
        ("cursor=bm90IGEgZGF0ZQ==", "cursor"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("limit=" + "9" * 5000, "limit"),
    ],
)
def test_a_query_that_can_not_be_is_refused_by_field(sqlite_app, sqlite_client, query, field):
    answer = sqlite_client.get(f"{MESSAGES}?{query}", headers=key_for(sqlite_app))

    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()] == [field]


def test_a_state_that_there_is_not_is_answered_with_those_that_there_are(sqlite_app, sqlite_client):
    answer = sqlite_client.get(f"{MESSAGES}?state=lost", headers=key_for(sqlite_app))

    assert all(state in answer.json()[0]["message"] for state in State)


def test_the_earliest_and_latest_of_times_are_no_trouble(app, client, key):
    for since in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert client.get(MESSAGES, params={"since": since}, headers=key).status_code == 200


def test_answers_to_texts_are_listed_without_an_enrolment(app, client, key):
    take_inbound(app, text())

    [listed] = all_pages(client, key)
    assert (listed["step"], listed["enrolment_id"]) == ("reply-signs", None)
    assert "Nobody watches this number" in listed["text"]


# ------------------------------------------------------------------------------- balance


def test_the_balance_is_that_of_the_command_line(app, client, key):
    enrol_one(app)
    run_jobs(app)
    clock_of(app).advance(timedelta(days=1))

    told = client.get(BALANCE, headers=key).json()

    assert list(told) == [
        "due", "delivered", "sent", "with_a_person", "suppressed", "expired", "cancelled", "held",
        "in_progress", "remainder",
    ]  # fmt: skip
    assert (told["sent"], told["remainder"]) == (1, 0)


# --------------------------------------------------------------------------- no database


def test_while_the_database_is_away_the_caller_is_told_to_try_again(postgres_outage):
    app, server, client = postgres_outage
    key = key_for(app)
    server.stop()

    answers = [
        client.post(ENROLMENTS, json=enrolment(), headers=key),
        client.get(MESSAGES, headers=key),
    ]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert "try again" in answers[0].json()["error"]
    server.start()
    assert client.post(ENROLMENTS, json=enrolment(), headers=key).status_code == 201


def test_what_was_enrolled_is_there_after_a_restart_of_the_web_process(sqlite_url):
    app = make_app(sqlite_url)
    with served(app) as client:
        key = key_for(app)
        first = enrol(client, key)
    app.close()

    app = make_app(sqlite_url)
    with served(app) as client:
        answer = client.post(ENROLMENTS, json=enrolment(), headers=key)
        assert (answer.status_code, answer.json()) == (200, first)
    app.close()


def test_answers_are_json_that_no_browser_takes_for_a_page(sqlite_app, sqlite_client):
    answer = sqlite_client.get(BALANCE, headers=key_for(sqlite_app))

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    json.loads(answer.content)


def test_one_who_wrote_stop_is_enrolled_and_the_answer_says_that_nothing_goes(app, client, key):
    wanted = enrol(client, key)
    take_inbound(app, text("STOP"))

    again = enrol(client, key)
    second = enrol(client, key, reference="SECOND", procedure_at="2026-10-18T14:30:00+01:00")

    assert wanted["objection"] is None
    assert again["objection"] == second["objection"]
    assert second["objection"] == {
        "channel": None,
        "since": "2026-10-19T14:00:00Z",
        "covers_all": True,
        "message": "The patient wants no messages since Mon 19 Oct 2026, 3pm; "
        "nothing will be sent.",
    }
    assert {each["state"] for each in second["messages"]} == {"cancelled", "expired"}
