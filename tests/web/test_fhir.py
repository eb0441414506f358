"""FHIR over HTTP: what was and will be sent, to keys that may, and refusals in FHIR's own form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import update

from followup.context import AppContext
from followup.domain.api_scope import ApiScope
from followup.domain.lifecycle import State
from followup.enrolment.pause import pause_enrolment
from followup.replies.inbound import take_inbound
from followup.staff.api_keys import add_api_key
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.replies.test_inbound import text
from tests.support.apps import (
    clock_of,
    enrol_many,
    enrol_one,
    message,
    messages,
    rows,
    run_jobs,
    run_until,
    sms_of,
)
from tests.support.outside_judges import FhirValidator, fhir_validator
from tests.support.people import CLINIC, ENROLLED_AT, nhs_number
from tests.support.scripted_channel import refuse
from tests.support.two_records import merge, two_records
from tests.web.conftest import key_for

NOBODY = UUID("0198a4c1-0000-7000-8000-000000000000")
BASE = "/fhir/R4"
OURS = "http://127.0.0.1:8000/fhir/R4"
"""Where `tests.support.apps` says that the service is reached."""
NHS = "https://fhir.nhs.uk/Id/nhs-number"
JSON = "application/fhir+json"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def validator() -> Iterator[FhirValidator]:
    """The judge, which every resource of these tests goes before."""
    with fhir_validator() as made:
        yield made


def reading(app: AppContext, *, clinic: str | None = None, name: str = "record") -> dict[str, str]:
    key = add_api_key(app, name, clinic=clinic, scopes=[ApiScope.FHIR_READ], actor="cli:test")
    return {"Authorization": f"Bearer {key}"}


class Fhir:
    """Whoever reads, and has each answer judged."""

    def __init__(
        self, client: httpx.Client, headers: dict[str, str], validator: FhirValidator
    ) -> None:
        self.client, self.headers, self.validator = client, headers, validator

    def get(self, path: str, *, status: int = 200, **headers: str) -> Any:
        answer = self.client.get(f"{BASE}/{path}", headers={**self.headers, **headers})
        return self.judged(answer, status=status)

    def post(self, path: str, form: dict[str, str], *, status: int = 200) -> Any:
        answer = self.client.post(f"{BASE}/{path}", data=form, headers=self.headers)
        return self.judged(answer, status=status)

    def judged(self, answer: httpx.Response, *, status: int) -> Any:
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == JSON
        told = answer.json()
        assert self.validator.problems(told) == []
        for entry in told.get("entry", ()):
            assert self.validator.problems(entry["resource"]) == []
            assert entry["fullUrl"].endswith(entry["resource"]["id"])
        if status >= 400:
            assert told["resourceType"] == "OperationOutcome"
        return told

    def search(self, path: str) -> list[Any]:
        return [entry["resource"] for entry in self.get(path).get("entry", ())]


@pytest.fixture
def fhir(app: AppContext, client: httpx.Client, validator: FhirValidator) -> Fhir:
    """A reader of every clinic; once on each database."""
    return Fhir(client, reading(app), validator)


@pytest.fixture
def sqlite_fhir(
    sqlite_app: AppContext, sqlite_client: httpx.Client, validator: FhirValidator
) -> Fhir:
    """The same on SQLite alone."""
    return Fhir(sqlite_client, reading(sqlite_app), validator)


def patient_id(app: AppContext) -> UUID:
    return rows(app, Patient)[0].id


def issue(outcome: Any) -> tuple[str, list[str] | None]:
    [only] = outcome["issue"]
    return only["code"], only.get("expression")


# ------------------------------------------------------------------------------ out: messages


def test_a_message_that_arrived_is_told_word_for_word(app, fhir):
    enrolment = enrol_one(app)
    run_jobs(app)
    sent = message(app, enrolment, "going-home")
    [call] = sms_of(app).calls
    with app.store.write() as session:
        session.execute(
            update(Message)
            .where(Message.id == sent.id)
            .values(state="delivered", delivered_at=ENROLLED_AT + timedelta(minutes=1))
        )

    told = fhir.get(f"Communication/{sent.id}")

    assert told["status"] == "completed"
    assert told["payload"] == [{"contentString": call.text}]
    assert told["subject"] == {"reference": f"Patient/{patient_id(app)}"}
    assert told["recipient"] == [told["subject"]]
    assert told["basedOn"] == [{"reference": f"CommunicationRequest/{sent.id}"}]
    assert told["medium"][0]["coding"][0]["code"] == "SMSWRIT"
    assert told["category"][0]["coding"] == [{"system": f"{OURS}/steps", "code": "going-home"}]
    assert told["sent"] == "2026-10-19T14:00:00.000Z"
    assert told["received"] == "2026-10-19T14:01:00.000Z"
    assert told["sender"]["identifier"] == {"system": f"{OURS}/clinics", "value": CLINIC}


def test_what_the_carrier_has_and_did_not_confirm_is_not_called_done(app, fhir):
    enrolment = enrol_one(app)
    run_jobs(app)

    told = fhir.get(f"Communication/{message(app, enrolment, 'going-home').id}")

    assert told["status"] == "in-progress"
    assert "received" not in told


def test_a_message_that_was_refused_says_why(app, fhir):
    sms_of(app).script(refuse("30005"))
    enrolment = enrol_one(app)
    run_jobs(app)
    [failed] = [one for one in messages(app, enrolment) if one.state == "failed"]

    told = fhir.get(f"Communication/{failed.id}")

    assert told["status"] == "stopped"
    assert told["statusReason"]["coding"] == [{"system": f"{OURS}/reasons", "code": "30005"}]
    assert "30005" in told["statusReason"]["text"]
    request = fhir.get(f"CommunicationRequest/{failed.id}")
    assert request["status"] == "revoked"
    [instead] = [one for one in messages(app, enrolment) if one.fallback_of == failed.id]
    replacing = fhir.get(f"CommunicationRequest/{instead.id}")
    assert replacing["replaces"] == [{"reference": f"CommunicationRequest/{failed.id}"}]


def test_a_planned_message_is_a_request_and_no_communication(app, fhir):
    enrolment = enrol_one(app)
    planned = message(app, enrolment, "going-home")

    told = fhir.get(f"CommunicationRequest/{planned.id}")

    assert told["status"] == "active"
    assert told["occurrenceDateTime"] == "2026-10-19T14:00:00.000Z"
    assert told["payload"][0]["contentString"]
    assert told["groupIdentifier"] == {
        "system": f"{OURS}/clinics/{CLINIC}/references",
        "value": "REF-1",
    }
    fhir.get(f"Communication/{planned.id}", status=404)


def test_an_enrolment_without_a_reference_is_known_by_its_id(app, fhir):
    enrolment = enrol_one(app, reference=None)
    planned = message(app, enrolment, "going-home")

    told = fhir.get(f"CommunicationRequest/{planned.id}")

    assert told["groupIdentifier"] == {"system": f"{OURS}/enrolments", "value": str(enrolment)}


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_message_has_a_status(sqlite_app, sqlite_fhir, state):
    enrolment = enrol_one(sqlite_app)
    one = message(sqlite_app, enrolment, "going-home")
    with sqlite_app.store.write() as session:
        session.execute(
            update(Message).where(Message.id == one.id).values(state=state.value, reason="paused")
        )
    wanted = {
        State.PLANNED: ("active", None),
        State.HELD: ("on-hold", None),
        State.CLAIMED: ("active", None),
        State.SENDING: ("active", "preparation"),
        State.UNKNOWN: ("unknown", "unknown"),
        State.SENT: ("completed", "in-progress"),
        State.DELIVERED: ("completed", "completed"),
        State.FAILED: ("revoked", "stopped"),
        State.EXPIRED: ("revoked", None),
        State.SUPPRESSED: ("revoked", None),
        State.CANCELLED: ("revoked", None),
    }

    request = sqlite_fhir.get(f"CommunicationRequest/{one.id}")
    found = sqlite_fhir.search(f"Communication?_id={one.id}")

    assert (request["status"], found[0]["status"] if found else None) == wanted[state]


def test_a_reply_and_our_answer_to_it_name_what_they_answer(app, fhir):
    enrol_one(app)
    run_jobs(app)
    take_inbound(app, text("What happens with parking"))
    run_jobs(app)

    found = fhir.search(f"Communication?patient={patient_id(app)}")

    [reply] = [one for one in found if one["sender"] == one["subject"]]
    [answer] = [one for one in found if "inResponseTo" in one]
    assert reply["payload"] == [{"contentString": "What happens with parking"}]
    assert reply["status"] == "completed"
    assert reply["received"] == "2026-10-19T14:00:00.000Z"
    assert answer["inResponseTo"] == [{"reference": f"Communication/{reply['id']}"}]
    assert fhir.get(f"Communication/{reply['id']}") == reply


def test_the_answer_to_a_question_names_the_question(app, fhir):
    enrolment = enrol_one(app)
    asking = message(app, enrolment, "going-home")
    with app.store.write() as session:
        session.execute(update(Message).where(Message.id == asking.id).values(answer_wait=3600))
    run_jobs(app)
    take_inbound(app, text("1"))

    found = fhir.search(f"Communication?patient={patient_id(app)}&received=2026-10-19")

    [answer] = [one for one in found if one["sender"] == one["subject"]]
    assert answer["inResponseTo"] == [{"reference": f"Communication/{asking.id}"}]


def test_a_text_that_fhir_can_not_write_is_told_without_what_it_can_not(app, fhir):
    enrol_one(app)
    take_inbound(app, text("I am\x07 fine\x00 thanks\nSiân"))

    [reply] = [
        one
        for one in fhir.search(f"Communication?patient={patient_id(app)}")
        if one["sender"] == one["subject"]
    ]

    assert reply["payload"] == [{"contentString": "I am fine thanks\nSiân"}]


def test_a_patient_is_told_with_the_nhs_number_and_how_messages_go(app, fhir):
    enrol_one(app)

    told = fhir.get(f"Patient/{patient_id(app)}")

    assert told["identifier"] == [{"use": "official", "system": NHS, "value": nhs_number(1)}]
    assert told["name"] == [{"use": "usual", "text": "Test Patient-00001"}]
    assert told["birthDate"] == "1951-02-02"
    assert told["telecom"] == [
        {"system": "phone", "value": "+447700900001", "use": "mobile"},
        {"system": "email", "value": "patient1@example.com"},
    ]


def test_a_merged_patient_leads_to_the_record_that_goes_on(sqlite_app, sqlite_fhir):
    both = two_records(sqlite_app)
    merge(sqlite_app, both)

    gone = sqlite_fhir.get(f"Patient/{both.duplicate}")
    goes_on = sqlite_fhir.get(f"Patient/{both.survivor}")

    assert (gone["active"], goes_on["active"]) == (False, True)
    assert gone["link"] == [
        {"other": {"reference": f"Patient/{both.survivor}"}, "type": "replaced-by"}
    ]
    assert goes_on["link"] == [
        {"other": {"reference": f"Patient/{both.duplicate}"}, "type": "replaces"}
    ]


def test_an_erased_patient_is_gone_and_what_was_sent_has_no_words(app, fhir):
    enrolment = enrol_one(app)
    run_jobs(app)
    with app.store.write() as session:
        session.execute(update(Patient).values(data_key=None, erased_at=ENROLLED_AT))

    assert issue(fhir.get(f"Patient/{patient_id(app)}", status=410)) == ("deleted", None)
    told = fhir.get(f"Communication/{message(app, enrolment, 'going-home').id}")
    assert "payload" not in told


# ---------------------------------------------------------------------------------- searches


def test_a_search_by_patient_status_and_time_finds_what_matches_all(app, fhir):
    first, _ = enrol_many(app, 2)
    run_until(app, ENROLLED_AT + 2 * DAY)
    of_first = {str(one.id) for one in messages(app, first) if one.state == "sent"}
    [patient] = {one.patient_id for one in messages(app, first)}

    def ids(query: str) -> set[str]:
        return {one["id"] for one in fhir.search(f"Communication?{query}")}

    assert ids(f"patient={patient}") == of_first
    assert ids(f"subject=Patient/{patient}") == of_first
    assert ids(f"patient=Patient/{patient}&status=in-progress,completed") == of_first
    assert ids(f"patient={patient}&status=completed") == set()
    assert ids(f"patient={patient}&sent=2026-10-19") == {
        str(one.id)
        for one in messages(app, first)
        if one.sent_at and f"{one.sent_at:%Y-%m-%d}" == "2026-10-19"
    }
    assert ids(f"patient={patient}&sent=gt2026-10-19&sent=lt2026-10-20") == set()
    assert ids(f"patient={patient}&_lastUpdated=ge2026-10-22") == set()
    assert ids(f"patient={uuid4()}") == set()
    assert ids("patient=no-such-id") == set()


def test_requests_are_found_by_the_clinics_reference_and_their_time(app, fhir):
    first, _ = enrol_many(app, 2)
    group = f"{OURS}/clinics/{CLINIC}/references|REF-1"

    found = fhir.search(f"CommunicationRequest?group-identifier={group}")

    assert {one["id"] for one in found} == {str(one.id) for one in messages(app, first)}
    late = fhir.search(f"CommunicationRequest?group-identifier={group}&occurrence=ge2026-11")
    assert 0 < len(late) < len(found)
    held = f"CommunicationRequest?group-identifier={group}&status=on-hold"
    assert fhir.search(held) == []
    pause_enrolment(app, first, actor="cli:test")
    assert len(fhir.search(held)) == len(found)


def test_pages_follow_each_other_to_the_end_and_hold_each_thing_once(app, fhir):
    enrol_many(app, 3)
    wanted = {str(one.id) for one in messages(app)}
    seen: list[str] = []
    page = fhir.get("CommunicationRequest?_count=7&status=active")

    while True:
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        if "next" not in links:
            break
        assert links["next"].startswith(f"{OURS}/CommunicationRequest?")
        assert parse_qs(urlsplit(links["next"]).query)["status"] == ["active"]
        page = fhir.get(links["next"].removeprefix(f"{OURS}/"))

    assert len(seen) == len(wanted)
    assert set(seen) == wanted
    assert seen == sorted(seen)


def test_sent_and_received_communications_share_their_pages(app, fhir):
    enrol_one(app)
    run_jobs(app)
    for word in ("one thing", "another thing", "a third thing"):
        take_inbound(app, text(word))
        clock_of(app).advance(timedelta(minutes=1))
    run_jobs(app)
    whole = [one["id"] for one in fhir.search("Communication")]
    seen, path = [], "Communication?_count=1"

    while path:
        page = fhir.get(path)
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        after = [link["url"] for link in page["link"] if link["relation"] == "next"]
        path = after[0].removeprefix(f"{OURS}/") if after else ""

    assert len(whole) > 3
    assert seen == whole


def test_a_page_is_never_longer_than_it_may_be(sqlite_app, sqlite_fhir):
    enrol_many(sqlite_app, 21)

    assert len(sqlite_fhir.get("CommunicationRequest?_count=1000")["entry"]) == 200


def test_a_patient_is_found_by_nhs_number_in_a_form_and_never_in_an_address(app, fhir):
    enrol_many(app, 2)
    form = {"identifier": f"{NHS}|{nhs_number(2)}"}

    found = fhir.post("Patient/_search", form)

    [entry] = found["entry"]
    assert entry["resource"]["name"][0]["text"] == "Test Patient-00002"
    assert nhs_number(2) not in str(found["link"])
    refused = fhir.get(f"Patient?identifier={NHS}|{nhs_number(2)}", status=400)
    assert issue(refused) == ("value", ["http.identifier"])


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("Communication?sent=yesterday", ["sent"]),
        ("Communication?status=sent", ["status"]),
        ("Communication?_count=0&status=lost", ["_count", "status"]),
        ("Communication?_count=many", ["_count"]),
        ("Communication?patient=", ["patient"]),
        ("Communication?pateint=1", ["pateint"]),
        ("Communication?occurrence=2026", ["occurrence"]),
        ("CommunicationRequest?group-identifier=REF-1", ["group-identifier"]),
        ("Patient?patient=1", ["patient"]),
    ],
)
def test_a_search_that_can_not_be_made_names_each_parameter(sqlite_fhir, path, parameters):
    refused = sqlite_fhir.get(path, status=400)

    expressions = [each["expression"] for each in refused["issue"]]
    assert expressions == [[f"http.{name}"] for name in parameters]


def test_a_caller_may_ask_that_unknown_parameters_be_left_out(sqlite_app, sqlite_fhir):
    enrol_one(sqlite_app)

    told = sqlite_fhir.get("Patient?pateint=1", Prefer="handling=lenient")

    assert len(told["entry"]) == 1


# ---------------------------------------------------------------------- who may, what is kept


def test_a_key_of_another_scope_opens_neither(sqlite_app, sqlite_client, validator):
    enrolling = Fhir(sqlite_client, key_for(sqlite_app), validator)
    reader = reading(sqlite_app)

    assert issue(enrolling.get("Communication", status=403)) == ("forbidden", None)
    assert sqlite_client.get("/api/v1/balance", headers=reader).status_code == 403


@pytest.mark.parametrize("path", ["Communication", f"Patient/{NOBODY}", "Nonsense/1"])
def test_without_a_key_nothing_is_read(sqlite_client, validator, path):
    told = Fhir(sqlite_client, {}, validator).get(path, status=401)

    assert issue(told) == ("login", None)


def test_what_belongs_to_another_clinic_is_not_there(app, client, validator):
    enrolment = enrol_one(app)
    run_jobs(app)
    one = message(app, enrolment, "going-home")
    elsewhere = Fhir(client, reading(app, clinic=CLINIC), validator)
    assert len(elsewhere.search("Communication")) == 1
    with app.store.write() as session:
        session.execute(update(Message).values(clinic="another"))
        session.execute(update(Patient).values(clinic="another"))

    for path in ("Communication", "CommunicationRequest", "Patient"):
        assert elsewhere.search(path) == []
    elsewhere.get(f"Communication/{one.id}", status=404)
    elsewhere.get(f"CommunicationRequest/{one.id}", status=404)
    elsewhere.get(f"Patient/{one.patient_id}", status=404)


def test_each_read_stands_in_the_audit_trail(app, fhir):
    enrolment = enrol_one(app)
    run_jobs(app)
    one = message(app, enrolment, "going-home")

    fhir.get(f"Communication/{one.id}")
    fhir.get(f"Patient/{one.patient_id}")
    fhir.get(f"Communication?patient={one.patient_id}")
    fhir.get("CommunicationRequest")
    fhir.get(f"Communication/{uuid4()}", status=404)

    read = [event for event in rows(app, AuditEvent) if event.action.startswith("fhir.")]
    assert [(event.actor, event.action, event.patient_id) for event in read] == [
        ("api:record", "fhir.read", one.patient_id),
        ("api:record", "fhir.read", one.patient_id),
        ("api:record", "fhir.searched", one.patient_id),
        ("api:record", "fhir.searched", None),
    ]
    assert read[0].detail == {"resource": "Communication", "id": str(one.id)}
    assert read[2].detail == {"resource": "Communication", "shown": 1}


# ------------------------------------------------------------------------------ over HTTP


def test_a_version_changes_when_the_resource_does_and_not_before(app, fhir):
    enrolment = enrol_one(app)
    run_jobs(app)
    path = f"Communication/{message(app, enrolment, 'going-home').id}"
    first = fhir.client.get(f"{BASE}/{path}", headers=fhir.headers)

    again = fhir.client.get(f"{BASE}/{path}", headers=fhir.headers)
    known = {**fhir.headers, "If-None-Match": first.headers["ETag"]}
    unchanged = fhir.client.get(f"{BASE}/{path}", headers=known)
    with app.store.write() as session:
        session.execute(update(Message).values(delivered_at=ENROLLED_AT))
    changed = fhir.client.get(f"{BASE}/{path}", headers=known)

    assert first.headers["ETag"] == f'W/"{first.json()["meta"]["versionId"]}"'
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("Patient?_format=json", {"Accept": "text/html"}, 200),
        ("Patient?_format=application/fhir+json", {}, 200),
        ("Patient", {"Accept": "application/fhir+json; fhirVersion=4.0"}, 200),
        ("Patient", {"Accept": "text/html, */*;q=0.1"}, 200),
        ("Patient?_format=xml", {}, 406),
        ("Patient", {"Accept": "application/fhir+xml"}, 406),
        ("metadata", {"Accept": "text/turtle"}, 406),
    ],
    ids=["json", "fhir", "version", "anything", "xml", "only xml", "turtle"],
)
def test_an_answer_is_json_or_there_is_none(sqlite_fhir, path, headers, status):
    sqlite_fhir.get(path, status=status, **headers)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "Observation", 404, "not-found"),
        ("GET", "Observation/1", 404, "not-found"),
        ("GET", "Patient/1", 404, "not-found"),
        ("GET", "Patient/1/_history", 404, "not-found"),
        ("GET", "", 405, "not-supported"),
        ("PUT", f"Patient/{NOBODY}", 403, "forbidden"),
        ("POST", "Patient", 403, "forbidden"),
        ("POST", "", 403, "forbidden"),
        ("DELETE", f"Communication/{NOBODY}", 405, "not-supported"),
        ("POST", "Communication", 405, "not-supported"),
        ("POST", "metadata", 405, "not-supported"),
    ],
)
def test_what_is_not_there_or_can_not_be_done_says_so(sqlite_fhir, method, path, status, code):
    answer = sqlite_fhir.client.request(method, f"{BASE}/{path}", headers=sqlite_fhir.headers)

    assert issue(sqlite_fhir.judged(answer, status=status)) == (code, None)


def test_a_search_by_post_is_a_form(sqlite_fhir):
    answer = sqlite_fhir.client.post(
        f"{BASE}/Patient/_search", json={}, headers=sqlite_fhir.headers
    )

    assert issue(sqlite_fhir.judged(answer, status=415)) == ("not-supported", None)


def test_anybody_may_ask_what_can_be_read_here(sqlite_client, validator):
    told = Fhir(sqlite_client, {}, validator).get("metadata")

    resources = {each["type"]: each for each in told["rest"][0]["resource"]}
    assert told["fhirVersion"] == "4.0.1"
    assert set(resources) == {
        "Appointment",
        "Communication",
        "CommunicationRequest",
        "Patient",
        "Procedure",
    }
    assert [each["code"] for each in resources["Patient"]["interaction"]] == [
        "read",
        "search-type",
        "create",
        "update",
    ]
    assert [each["code"] for each in told["rest"][0]["interaction"]] == ["transaction", "batch"]
    assert told["implementation"]["url"] == OURS


def test_every_search_that_is_stated_can_be_made(sqlite_app, sqlite_fhir):
    values = {"date": "2026", "reference": "x", "token": "x"}
    special = {
        "status": "completed",
        "group-identifier": f"{OURS}/clinics/{CLINIC}/references|1",
        "identifier": f"{NHS}|1",
    }
    for resource in sqlite_fhir.get("metadata")["rest"][0]["resource"]:
        for each in resource.get("searchParam", ()):
            value = special.get(each["name"], values[each["type"]])
            sqlite_fhir.post(f"{resource['type']}/_search", {each["name"]: value})
