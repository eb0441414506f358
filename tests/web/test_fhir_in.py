"""FHIR that is sent over HTTP: answered as FHIR R4 does, and what can't be used is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from followup.context import AppContext
from followup.domain.api_scope import ApiScope
from followup.staff.api_keys import add_api_key
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import FeedMessage, FhirResource
from followup.web.fhir.write_routes import MOST_BYTES
from tests.support.apps import make_app, rows
from tests.support.fhir import (
    KEY,
    LOCAL,
    OPCS,
    Json,
    appointment,
    entry,
    fhir_site,
    patient,
    patient_and,
    procedure,
    transaction,
)
from tests.support.hl7 import COMPLETE, catalogue_with
from tests.support.outside_judges import FhirValidator, fhir_validator
from tests.support.people import CLINIC
from tests.web.conftest import served

BASE = "/fhir/R4"
OURS = "http://127.0.0.1:8000/fhir/R4"
"""Where `tests.support.apps` says that the service is reached."""
JSON = "application/fhir+json"
BOTH = (ApiScope.FHIR_READ, ApiScope.FHIR_WRITE)
LATER = "2026-11-09T14:30:00+00:00"
PATIENT, BORN = "Test Patient-00001", "1951-05-12"
WHO = {"identifier": {"system": LOCAL, "value": "000001"}}


@pytest.fixture(scope="module")
def validator() -> Iterator[FhirValidator]:
    """The judge, which every answer of these tests goes before."""
    with fhir_validator() as made:
        yield made


@pytest.fixture
def app(migrated_url: str) -> Iterator[AppContext]:
    """An app that knows the made-up hospital, once on each database."""
    with closing(make_app(migrated_url, catalogue=catalogue_with(fhir_site()))) as made:
        yield made


@pytest.fixture
def sqlite_app(migrated_sqlite_url: str) -> Iterator[AppContext]:
    """The same on SQLite alone."""
    with closing(make_app(migrated_sqlite_url, catalogue=catalogue_with(fhir_site()))) as made:
        yield made


class Hospital:
    """Whoever sends, and has each answer judged."""

    def __init__(self, client: httpx.Client, key: str, validator: FhirValidator) -> None:
        self.client, self.validator = client, validator
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": JSON}

    def send(
        self, method: str, path: str, told: Any, *, status: int, **headers: str
    ) -> httpx.Response:
        """Send JSON, or bytes as they are, and return the answer."""
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.request(
            method, f"{BASE}/{path}".rstrip("/"), content=content, headers=self.headers | named
        )
        assert answer.status_code == status, answer.text
        if answer.content:
            assert answer.headers["Content-Type"] == JSON
            assert self.validator.problems(answer.json()) == []
        return answer

    def post(self, told: Json, *, status: int = 201, **headers: str) -> httpx.Response:
        return self.send("POST", told["resourceType"], told, status=status, **headers)

    def put(self, location: str, told: Json, *, status: int = 200, **headers: str) -> Any:
        address = location.removeprefix(f"{OURS}/").partition("/_history/")[0]
        told = {**told, "id": address.partition("/")[2]}
        return self.send("PUT", address, told, status=status, **headers)

    def bundle(self, told: Any, *, status: int = 200, **headers: str) -> Any:
        return self.send("POST", "", told, status=status, **headers).json()


@pytest.fixture
def hospital(app: AppContext, client: httpx.Client, validator: FhirValidator) -> Hospital:
    """A hospital that sends, once on each database."""
    key = add_api_key(app, KEY, clinic=CLINIC, scopes=BOTH, actor="cli:test")
    return Hospital(client, key, validator)


@pytest.fixture
def sqlite_hospital(
    sqlite_app: AppContext, sqlite_client: httpx.Client, validator: FhirValidator
) -> Hospital:
    """The same on SQLite alone."""
    key = add_api_key(sqlite_app, KEY, scopes=BOTH, actor="cli:test")
    return Hospital(sqlite_client, key, validator)


def issues(answer: httpx.Response) -> list[tuple[str, list[str] | None]]:
    return [(each["code"], each.get("expression")) for each in answer.json()["issue"]]


# --------------------------------------------------------------------------- what is answered


def test_a_resource_is_created_updated_and_left_alone_as_fhir_has_it(app, hospital):
    made = hospital.post(patient())
    address = made.headers["Location"]
    [resource] = rows(app, FhirResource)
    assert address == f"{OURS}/Patient/{resource.id}/_history/1"
    assert made.headers["ETag"] == 'W/"1"'
    assert made.headers["Last-Modified"] == "Mon, 19 Oct 2026 14:00:00 GMT"
    [told] = made.json()["issue"]
    assert (told["severity"], told["diagnostics"]) == (
        "information",
        "Ignored: it is about nobody who is enrolled here",
    )

    assert hospital.post(patient(), status=200).headers["Location"] == address
    same = hospital.put(address, patient())
    assert same.headers["ETag"] == 'W/"1"'
    changed = hospital.put(address, patient(gender="male"), If_Match='W/"1"')
    assert changed.headers["ETag"] == 'W/"2"'
    assert changed.headers["Location"].endswith("/_history/2")
    late = hospital.put(address, patient(gender="other"), status=412, If_Match='W/"1"')
    assert issues(late) == [("conflict", ["Patient"])]
    there = f"identifier={LOCAL}|000001"
    lost = hospital.put(address, patient(gender="male"), If_Match='W/"1"')
    assert lost.headers["ETag"] == 'W/"2"'
    known = hospital.post(patient(gender="other"), status=200, If_None_Exist=there)
    assert known.headers["ETag"] == 'W/"2"'
    assert known.json()["issue"][0]["severity"] == "warning"


def test_a_transaction_is_answered_entry_by_entry(app, hospital):
    told = hospital.bundle(patient_and(procedure))

    assert (told["resourceType"], told["type"]) == ("Bundle", "transaction-response")
    made, about = (each["response"] for each in told["entry"])
    assert made["status"] == about["status"] == "201 Created"
    ids = {each.kind: each.id for each in rows(app, FhirResource)}
    assert made["location"] == f"Procedure/{ids['Procedure']}/_history/1"
    assert about["location"] == f"Patient/{ids['Patient']}/_history/1"
    assert (made["etag"], made["lastModified"]) == ('W/"1"', "2026-10-19T14:00:00.000Z")
    assert made["outcome"]["issue"][0]["diagnostics"] == "Enrolled: the patient is followed up"
    assert len(rows(app, Enrolment)) == 1
    enrolled = [one for one in rows(app, AuditEvent) if one.action == "enrolment.created"]
    assert {one.actor for one in enrolled} == {f"api:{KEY}"}

    again = hospital.bundle(patient_and(procedure))
    assert [each["response"]["status"] for each in again["entry"]] == ["200 OK"] * 2


def test_what_was_sent_is_read_back_by_the_keys_of_its_site_as_it_is_held(
    sqlite_app, sqlite_hospital
):
    hospital, booked = sqlite_hospital, appointment(WHO, 2, start=LATER)
    hospital.bundle(transaction(*patient_and(procedure)["entry"], entry(booked)))
    ids = {each.kind: str(each.id) for each in rows(sqlite_app, FhirResource)}
    reader = add_api_key(sqlite_app, "reader", scopes=BOTH, actor="cli:test")

    def read(path: str, *, status: int = 200) -> Any:
        return hospital.send("GET", path, b"", status=status).json()

    kinds = ("Patient", "Procedure", "Appointment")
    about, done, visit = (read(f"{kind}/{ids[kind]}") for kind in kinds)

    assert (about["name"], about["birthDate"]) == ([{"use": "usual", "text": PATIENT}], BORN)
    assert done["status"] == "completed"
    assert done["performedDateTime"] == "2026-10-19T13:30:00.000Z"
    assert done["code"]["coding"] == [{"system": OPCS, "code": COMPLETE}]
    assert done["subject"]["reference"] == f"Patient/{ids['Patient']}"
    assert (visit["status"], visit["start"]) == ("booked", "2026-11-09T14:30:00.000Z")
    for query in (f"_id={ids['Procedure']}", f"patient={ids['Patient']}"):
        [found] = read(f"Procedure?{query}")["entry"]
        assert found["resource"] == done
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    asked = hospital.send(
        "POST", "Patient/_search", f"identifier={LOCAL}|000001".encode(), status=200, **form
    )
    assert [each["resource"] for each in asked.json()["entry"]] == [about]
    hospital.headers |= {"Authorization": f"Bearer {reader}"}
    for kind, id_ in ids.items():
        read(f"{kind}/{id_}", status=404)
    assert "entry" not in read(f"Procedure?_id={ids['Procedure']}")


def test_a_transaction_with_one_wrong_entry_changes_nothing(app, hospital):
    bundle = transaction(entry(patient()), entry(appointment(WHO, status="happened")))

    answer = hospital.send("POST", "", bundle, status=422)

    assert issues(answer) == [("code-invalid", ["Bundle.entry[1].resource.status"])]
    assert rows(app, FhirResource) == []


def test_a_batch_is_answered_honestly_entry_by_entry(sqlite_app, sqlite_hospital):
    bundle = transaction(
        entry(patient()),
        entry(patient(2, birthDate="yesterday")),
        entry(procedure("urn:uuid:0198a4c1-0000-7000-8000-000000000000")),
        {"request": {"method": "GET", "url": "Patient"}},
        type="batch",
    )

    told = sqlite_hospital.bundle(bundle)

    assert told["type"] == "batch-response"
    answers = [each["response"] for each in told["entry"]]
    assert [each["status"] for each in answers] == ["201 Created", "422", "422", "405"]
    assert answers[1]["outcome"]["issue"][0]["expression"] == ["Patient.birthDate"]
    assert "send a transaction" in answers[2]["outcome"]["issue"][0]["diagnostics"]
    assert len(rows(sqlite_app, FhirResource)) == 1
    assert sorted(one.state for one in rows(sqlite_app, FeedMessage)) == [
        "ignored",
        "refused",
        "refused",
        "refused",
    ]


def test_a_caller_chooses_what_is_answered(sqlite_hospital):
    nothing, resource, outcome = (
        sqlite_hospital.post(patient(serial), Prefer=f"respond-async, return={wanted}")
        for serial, wanted in enumerate(["minimal", "representation", "OperationOutcome"], start=1)
    )

    assert nothing.content == b""
    told = resource.json()
    meta = {"versionId": "1", "lastUpdated": "2026-10-19T14:00:00.000Z"}
    assert told == {**patient(2), "id": told["id"], "meta": meta}
    assert outcome.json()["resourceType"] == "OperationOutcome"
    bundle = transaction(entry(patient(4)))
    [answered] = sqlite_hospital.bundle(bundle, Prefer="return=representation")["entry"]
    assert answered["resource"]["birthDate"] == "1954-05-12"
    assert "outcome" not in answered["response"]


def test_a_bundle_of_200_entries_is_applied_whole(sqlite_app, sqlite_hospital):
    entries = []
    for serial in range(1, 101):
        address = f"urn:uuid:00000000-0000-4000-8000-{serial:012d}"
        entries += [
            entry(patient(serial), full_url=address),
            entry(procedure(address, serial)),
        ]

    told = sqlite_hospital.bundle(transaction(*entries), Prefer="return=minimal")

    assert len(told["entry"]) == 200
    assert len(rows(sqlite_app, Enrolment)) == 100
    assert [one.state for one in rows(sqlite_app, FeedMessage)] == ["enrolled"]


# ---------------------------------------------------------------------------- what is refused


def test_keys_open_what_they_are_for(sqlite_app, sqlite_client, validator):
    def sender(name: str, **given: Any) -> Hospital:
        key = add_api_key(sqlite_app, name, actor="cli:test", **given)
        return Hospital(sqlite_client, key, validator)

    unnamed = sender("stranger", scopes=[ApiScope.FHIR_WRITE])
    reader = sender(KEY, scopes=[ApiScope.FHIR_READ])
    nobody = Hospital(sqlite_client, "fu_none", validator)

    assert "no site file names this key" in unnamed.post(patient(), status=403).text
    assert "fhir-write" in reader.post(patient(), status=403).text
    nobody.post(patient(), status=401)
    assert rows(sqlite_app, FeedMessage) == []


def test_a_key_of_one_clinic_sends_for_no_other(migrated_sqlite_url, validator):
    rule = {"procedure": ["A52.1"], "clinic": "elsewhere", "protocol": "nerve-root-block"}
    catalogue = catalogue_with(fhir_site(follow_ups=[rule]))
    with (
        closing(make_app(migrated_sqlite_url, catalogue=catalogue)) as app,
        served(app) as client,
    ):
        key = add_api_key(app, KEY, clinic=CLINIC, scopes=BOTH, actor="cli:test")
        answer = Hospital(client, key, validator).post(patient(), status=403)

        assert f"this key is for the clinic {CLINIC} alone" in answer.text
        assert rows(app, FeedMessage) == []


def broken(make: Callable[..., Json] = patient, **changes: Any) -> Json:
    told = patient() if make is patient else make(WHO)
    return {name: each for name, each in {**told, **changes}.items() if each is not None}


def deep(levels: int) -> Json:
    told: Json = {"url": "http://example.org", "valueBoolean": True}
    for _ in range(levels):
        told = {"url": "http://example.org", "extension": [told]}
    return told


BROKEN: dict[str, tuple[Json, str, bool]] = {
    "an element that R4 has not": (broken(birthdate="1951-05-12"), "Patient.birthdate", True),
    "an element within that R4 has not": (
        broken(name=[{"famly": "Patient"}]),
        "Patient.name[0].famly",
        True,
    ),
    "a code of no value set": (broken(gender="m"), "Patient.gender", True),
    "text for a truth": (broken(active="yes"), "Patient.active", True),
    "a number for text": (broken(birthDate=1951), "Patient.birthDate", False),
    "a date that is none": (broken(birthDate="12/05/1951"), "Patient.birthDate", False),
    "a month that is none": (broken(birthDate="1951-13-12"), "Patient.birthDate", False),
    "a day that is none": (broken(birthDate="1951-02-30"), "Patient.birthDate", False),
    "an object for a list": (broken(name={"family": "Patient"}), "Patient.name", True),
    "a list for an object": (
        broken(procedure, code=[{"text": "injection"}]),
        "Procedure.code",
        True,
    ),
    "null": (broken(birthDate=None) | {"birthDate": None}, "Patient.birthDate", True),
    "an empty list": (broken(name=[]), "Patient.name", False),
    "an empty object": (broken(maritalStatus={}), "Patient.maritalStatus", False),
    "an empty text": (broken(language=""), "Patient.language", True),
    "two kinds of one element": (
        broken(deceasedBoolean=True, deceasedDateTime="2026-10-19"),
        "Patient.deceased",
        False,
    ),
    "a use that is none": (
        broken(telecom=[{"system": "phone", "value": "07700 900001", "use": "cell"}]),
        "Patient.telecom[0].use",
        True,
    ),
    "a system that is none": (
        broken(telecom=[{"system": "carrier pigeon", "value": "1"}]),
        "Patient.telecom[0].system",
        True,
    ),
    "a rank of nought": (
        broken(telecom=[{"system": "phone", "value": "1", "rank": 0}]),
        "Patient.telecom[0].rank",
        True,
    ),
    "a communication without a language": (
        broken(communication=[{"preferred": True}]),
        "Patient.communication[0].language",
        True,
    ),
    "a link without a type": (
        broken(link=[{"other": {"reference": "Patient/1"}}]),
        "Patient.link[0].type",
        True,
    ),
    "an extension without an address": (
        broken(extension=[{"valueBoolean": True}]),
        "Patient.extension[0].url",
        True,
    ),
    "a system with a space": (
        broken(identifier=[{"system": "http://a b", "value": "1"}]),
        "Patient.identifier[0].system",
        False,
    ),
    "nobody at all": (
        {"resourceType": "Patient", "gender": "female"},
        "Patient.identifier",
        False,
    ),
    "rules of its own": (
        broken(implicitRules="http://example.org"),
        "Patient.implicitRules",
        False,
    ),
    "a modifier that nobody knows": (
        broken(modifierExtension=[{"url": "http://example.org/not", "valueBoolean": True}]),
        "Patient.modifierExtension",
        False,
    ),
    "characters that no text may hold": (
        broken(name=[{"family": "Pat\x00ient"}]),
        "Patient.name[0].family",
        False,
    ),
    "half a character": (broken(name=[{"family": "\ud83d"}]), "Patient.name[0].family", False),
    "a procedure of nobody": (broken(procedure, subject=None), "Procedure.subject", True),
    "a procedure in no state": (broken(procedure, status=None), "Procedure.status", True),
    "a procedure in another state": (broken(procedure, status="done"), "Procedure.status", True),
    "a time without an offset": (
        broken(procedure, performedDateTime="2026-10-19T14:30:00"),
        "Procedure.performedDateTime",
        False,
    ),
    "an hour that is none": (
        broken(procedure, performedDateTime="2026-10-19T25:30:00Z"),
        "Procedure.performedDateTime",
        False,
    ),
    "a period that ends before it begins": (
        broken(
            procedure,
            performedDateTime=None,
            performedPeriod={"start": "2026-10-20", "end": "2026-10-19"},
        ),
        "Procedure.performedPeriod",
        False,
    ),
    "a subject that is a group": (
        broken(procedure, subject={"reference": "Group/1"}),
        "Procedure.subject.reference",
        False,
    ),
    "a subject that is contained": (
        broken(procedure, subject={"reference": "#p"}),
        "Procedure.subject.reference",
        False,
    ),
    "a subject by its name": (
        broken(procedure, subject={"display": "Test Patient"}),
        "Procedure.subject.reference",
        False,
    ),
    "an appointment at no time": (
        {key: each for key, each in appointment(WHO).items() if key != "start"},
        "Appointment.start",
        False,
    ),
    "an appointment that ends before it begins": (
        broken(appointment, end="2026-10-19T12:00:00Z"),
        "Appointment.end",
        False,
    ),
    "an appointment on a day": (
        broken(appointment, start="2026-10-19"),
        "Appointment.start",
        False,
    ),
    "an appointment of nobody": (
        broken(appointment, participant=[{"status": "accepted"}]),
        "Appointment.participant",
        False,
    ),
    "a participant in no state": (
        broken(appointment, participant=[{"actor": WHO}]),
        "Appointment.participant[0].status",
        True,
    ),
    "a length of nought": (
        broken(appointment, minutesDuration=0),
        "Appointment.minutesDuration",
        True,
    ),
}
"""Each with the element that is wrong, and whether the outside validator sees it as well."""


def test_broken_resources_are_refused_by_us_and_where_it_sees_them_by_the_validator(
    sqlite_app, sqlite_hospital, validator
):
    assert len(BROKEN) >= 40
    for name, (told, where, seen) in BROKEN.items():
        answer = sqlite_hospital.post(told, status=422)
        found = answer.json()["issue"]
        assert any(each["expression"][0].startswith(where) for each in found), name
        assert all(each["diagnostics"] for each in found), name
        assert bool(validator.problems(told)) is seen, name
    assert rows(sqlite_app, FhirResource) == []
    refused = rows(sqlite_app, FeedMessage)
    assert len(refused) == len(BROKEN)
    assert {(one.state, one.reason) for one in refused} == {("refused", "fhir-unusable")}


def test_what_is_right_passes_the_validator_and_is_taken(sqlite_hospital, validator):
    for told in (patient(), procedure(WHO), appointment(WHO)):
        assert validator.problems(told) == []
        sqlite_hospital.post(told)


UNREADABLE = {
    "no JSON": (b"{", 400, "structure"),
    "no UTF-8": (b'{"resourceType": "\xe9"}', 400, "structure"),
    "a key twice": (
        b'{"resourceType": "Patient", "active": true, "active": false}',
        400,
        "structure",
    ),
    "no number": (b'{"resourceType": "Patient", "x": NaN}', 400, "structure"),
    "a number without an end": (b'{"resourceType": "Patient", "x": 1e999}', 400, "structure"),
    "a number of too many digits": (b'{"x": ' + b"1" * 5000 + b"}", 400, "structure"),
    "a depth bomb": (b"[" * 500_000, 400, "structure"),
    "a depth of extensions": (
        json.dumps(patient(extension=[deep(300)])).encode(),
        400,
        "structure",
    ),
    "a list": (b"[]", 400, "structure"),
    "no type": (b"{}", 400, "required"),
    "another type": (b'{"resourceType": "Procedure"}', 400, "value"),
    "more than may be": (b'"' + b"x" * MOST_BYTES, 413, "too-long"),
}


def test_what_can_not_be_read_is_refused_and_not_kept(sqlite_app, sqlite_hospital):
    for name, (content, status, code) in UNREADABLE.items():
        answer = sqlite_hospital.send("POST", "Patient", content, status=status)
        assert issues(answer)[0][0] == code, name
    [kept] = rows(sqlite_app, FeedMessage)
    assert (kept.state, kept.told) == (
        "refused",
        "Patient.resourceType: this must be Patient, as the address says",
    )


def test_a_body_of_unknown_length_is_counted_as_it_comes(sqlite_hospital):
    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * (MOST_BYTES // 16)

    answer = sqlite_hospital.client.post(
        f"{BASE}/Patient", content=parts(), headers=sqlite_hospital.headers
    )

    assert answer.status_code == 413
    assert answer.json()["issue"][0]["code"] == "too-long"


ASKED = {
    "a form": ("POST", "Patient", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "XML sent": ("POST", "", {"Content-Type": "application/fhir+xml"}, 415),
    "XML asked for": ("POST", "Patient", {"Accept": "application/fhir+xml"}, 406),
    "a type that is not taken": ("POST", "Observation", {}, 404),
    "a type that is read alone": ("POST", "Communication", {}, 405),
    "an id that is not ours": ("PUT", "Patient/local-1", {}, 405),
    "an id of nobody": ("PUT", "Patient/0198a4c1-0000-7000-8000-000000000000", {}, 405),
    "a search in an address": ("PUT", f"Patient?identifier={LOCAL}|1", {}, 400),
    "a search by something else": ("POST", "Patient", {"If-None-Exist": "name=Test"}, 400),
    "a version that is none": (
        "PUT",
        "Patient/0198a4c1-0000-7000-8000-000000000000",
        {"If-Match": "newest"},
        400,
    ),
    "another condition": (
        "PUT",
        "Patient/0198a4c1-0000-7000-8000-000000000000",
        {"If-None-Match": "*"},
        400,
    ),
    "a search that would not find it": (
        "POST",
        "Patient",
        {"If-None-Exist": f"identifier={LOCAL}|none"},
        422,
    ),
    "a resource at the base": ("POST", "", {}, 400),
    "a deletion": ("DELETE", "Patient/x", {}, 405),
}


def test_what_is_not_done_is_refused(sqlite_app, sqlite_hospital):
    for method, path, headers, status in ASKED.values():
        told = {**patient(), "id": path.partition("/")[2]} if "/" in path else patient()
        sqlite_hospital.send(method, path, told, status=status, **headers)
    assert rows(sqlite_app, FhirResource) == []


BUNDLES: dict[str, tuple[Json, int, str]] = {
    "of another type": ({"resourceType": "Bundle", "type": "message"}, 422, "Bundle.type"),
    "of no type": ({"resourceType": "Bundle"}, 422, "Bundle.type"),
    "without a request": (transaction({"resource": patient()}), 422, "Bundle.entry[0].request"),
    "without a resource": (
        transaction({"request": {"method": "POST", "url": "Patient"}}),
        422,
        "Bundle.entry[0].resource",
    ),
    "with an empty entry": (transaction({}), 422, "Bundle.entry[0].request"),
    "with what is no entry": (transaction("x"), 422, "Bundle.entry[0]"),
    "with what is no list": (transaction() | {"entry": {}}, 422, "Bundle.entry"),
    "with a deletion": (
        transaction({"request": {"method": "DELETE", "url": "Patient/1"}}),
        405,
        "Bundle.entry[0].request.method",
    ),
    "with another type of resource": (
        transaction(entry({"resourceType": "Observation"})),
        422,
        "Bundle.entry[0].request.url",
    ),
    "with a POST to an id": (
        transaction({"resource": patient(), "request": {"method": "POST", "url": "Patient/1"}}),
        400,
        "Bundle.entry[0].request.url",
    ),
    "with a PUT to a type": (
        transaction(entry(patient(), url="Patient")),
        400,
        "Bundle.entry[0].request.url",
    ),
    "with a PUT to another id": (
        transaction(entry({**patient(), "id": "a"}, url="Patient/b")),
        400,
        "Bundle.entry[0].resource.id",
    ),
    "with another condition": (
        transaction(entry(patient(), ifNoneMatch="*")),
        400,
        "Bundle.entry[0].request",
    ),
    "with an address twice": (
        transaction(*(entry(patient(n), full_url="urn:uuid:1") for n in (1, 2))),
        422,
        "Bundle.entry[1].fullUrl",
    ),
    "with 501 entries": (
        transaction(*[entry({"resourceType": "Patient"})] * 501),
        422,
        "Bundle.entry",
    ),
}


def test_a_bundle_that_can_not_be_used_says_where(sqlite_app, sqlite_hospital):
    for name, (told, status, where) in BUNDLES.items():
        answer = sqlite_hospital.send("POST", "", told, status=status)
        assert issues(answer)[0][1] == [where], name
    assert rows(sqlite_app, FhirResource) == []


def test_a_refusal_repeats_nothing_of_what_was_sent(sqlite_hospital):
    secret = "Zanzibar"
    told = patient(birthDate=secret, gender=secret, colour=secret)

    answer = sqlite_hospital.post({**told, f"{secret} of {secret}": 1}, status=422)

    assert secret not in answer.text


def test_an_empty_transaction_has_an_empty_answer(sqlite_hospital):
    told = sqlite_hospital.bundle({"resourceType": "Bundle", "type": "transaction"})

    assert told == {"resourceType": "Bundle", "type": "transaction-response"}
