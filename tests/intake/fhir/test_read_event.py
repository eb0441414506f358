"""What resources say of people and visits, read by what R4 and UK Core say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from followup.intake.feed.event import REMARKS
from followup.intake.fhir.elements import Reference
from followup.intake.fhir.json_text import read_json_text, structure_issues
from followup.intake.fhir.read_event import moment, person_facts, visit_facts
from followup.intake.fhir.requests import parse_search
from followup.intake.fhir.shapes import read_resource
from tests.support.fhir import LOCAL, NHS, OPCS, SNOMED, appointment, fhir_site, patient, procedure

NOW = datetime(2026, 10, 19, 14, 0, tzinfo=UTC)
WHO = {"identifier": {"system": LOCAL, "value": "1"}}


def person(**changes: Any) -> dict[str, Any]:
    told = patient(**changes)
    found, issues = read_resource(told, place="Patient")
    assert issues == []
    return person_facts(found, site=fhir_site(), now=NOW)


def visit(told: dict[str, Any], *places: Reference) -> dict[str, Any]:
    found, issues = read_resource(told, place=told["resourceType"])
    assert issues == []
    return visit_facts(found, site=fhir_site(), others=places)


NAMES = {
    "official before usual": (
        [{"use": "usual", "family": "B"}, {"use": "official", "given": ["A", "Z"], "family": "C"}],
        "A Z C",
    ),
    "usual before none": ([{"family": "B"}, {"use": "usual", "family": "C"}], "C"),
    "text where there are no parts": ([{"text": "Siân O’Neill"}], "Siân O’Neill"),
    "parts before text": ([{"text": "Mrs A B", "given": ["A"], "family": "B"}], "A B"),
    "none of the past": (
        [{"use": "official", "family": "B", "period": {"end": "2020"}}, {"family": "C"}],
        "C",
    ),
    "none of a marriage before": ([{"use": "maiden", "family": "B"}], None),
    "no name of digits": ([{"text": "12345"}], None),
    "no characters that can't be printed": ([{"text": "A\tB\u200b"}], "A B"),
    "no more than is kept": ([{"text": "X" + "x" * 300}], "X" + "x" * 199),
}


@pytest.mark.parametrize(("names", "read"), NAMES.values(), ids=NAMES)
def test_a_person_is_called(names, read):
    assert person(name=names).get("name") == read


MOBILE = "+447700900123"
NUMBERS = {
    "a mobile": ([{"system": "phone", "use": "mobile", "value": "07700900123"}], MOBILE, None),
    "a number for texts": ([{"system": "sms", "use": "mobile", "value": MOBILE}], MOBILE, None),
    "one at home": ([{"system": "phone", "use": "home", "value": MOBILE}], None, MOBILE),
    "one of no use": ([{"system": "phone", "value": MOBILE}], None, MOBILE),
    "a landline": ([{"system": "phone", "use": "mobile", "value": "01752 202082"}], None, None),
    "a fax": ([{"system": "fax", "use": "mobile", "value": MOBILE}], None, None),
    "one of the past": (
        [{"system": "phone", "use": "mobile", "value": MOBILE, "period": {"end": "2026-10-18"}}],
        None,
        None,
    ),
    "one until today": (
        [{"system": "phone", "use": "mobile", "value": MOBILE, "period": {"end": "2026-10-19"}}],
        MOBILE,
        None,
    ),
    "the first by rank": (
        [
            {"system": "phone", "use": "mobile", "value": "07700900001", "rank": 2},
            {"system": "phone", "use": "mobile", "value": MOBILE, "rank": 1},
        ],
        MOBILE,
        None,
    ),
    "none without a value": ([{"system": "phone", "use": "mobile"}], None, None),
}


@pytest.mark.parametrize(("listed", "mobile", "other"), NUMBERS.values(), ids=NUMBERS)
def test_a_person_is_reached_by(listed, mobile, other):
    found = person(telecom=listed)

    assert (found["mobile"], found["other_number"]) == (mobile, other)


def test_what_a_patient_does_not_say_is_left_alone():
    found = person(telecom=None, name=None, birthDate="1951-05")

    assert set(found) == {"nhs_number", REMARKS}


@pytest.mark.parametrize(
    ("changes", "died"),
    [
        ({"deceasedBoolean": True}, True),
        ({"deceasedBoolean": False}, False),
        ({"deceasedDateTime": "2026-10-18T23:00:00Z"}, True),
        ({}, None),
    ],
)
def test_a_death_is_read(changes, died):
    assert person(**changes).get("died") is died


@pytest.mark.parametrize(("code", "read"), [("R", True), ("V", True), ("U", False), ("X", None)])
def test_a_confidentiality_is_read(code, read):
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code}

    assert person(meta={"security": [label]}).get("restricted") is read


def spoken(code: str, **more: Any) -> dict[str, Any]:
    return {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}, **more}


def test_the_preferred_language_is_read_by_what_the_site_calls_it():
    listed = [{"language": {"text": "Klingon"}}, spoken("pl"), spoken("CY", preferred=True)]

    assert person(communication=listed)["language"] == "cy"
    assert person(communication=listed[:2])["language"] == "pl"


INTERPRETERS = {
    "of R4": {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired",
                "valueBoolean": True,
            }
        ]
    },
    "of UK Core before": {
        "extension": [
            {
                "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-NHSCommunication",
                "extension": [{"url": "interpreterRequired", "valueBoolean": True}],
            }
        ]
    },
    "of a language": {
        "communication": [
            spoken("pl", extension=[{"url": "interpreterRequired", "valueBoolean": True}])
        ]
    },
}


@pytest.mark.parametrize("changes", INTERPRETERS.values(), ids=INTERPRETERS)
def test_an_interpreter_is_noticed(changes):
    assert person(**changes)[REMARKS] == ["interpreter-required"]


IDENTIFIERS = {
    "one without a status": ({}, True),
    "one that is not of the patient any more": ({"use": "old"}, False),
    "one with another extension": (
        {"extension": [{"url": "http://example.org/status", "valueCodeableConcept": "02"}]},
        True,
    ),
    "one whose status says nothing": (
        {"extension": [{"url": "http://x/NHSNumberVerificationStatus", "valueString": "?"}]},
        True,
    ),
}


@pytest.mark.parametrize(("more", "taken"), IDENTIFIERS.values(), ids=IDENTIFIERS)
def test_an_nhs_number_counts_where_nothing_is_said_against_it(more, taken):
    found = person(identifier=[{"system": NHS, "value": "999 000 0018", **more}])

    assert found.get("nhs_number") == ("9990000018" if taken else None)


def test_codes_count_with_their_system_and_where_the_site_says_so_without():
    coded = {
        "coding": [
            {"system": OPCS, "code": "A52.1"},
            {"system": SNOMED, "code": "231249005"},
            {"code": "X"},
            {"display": "injection"},
        ]
    }
    told = procedure(WHO) | {"code": coded, "category": {"coding": [coded["coding"][1]]}}

    found = visit(told, Reference(reference="Location/1"))

    assert found["procedure"] == sorted(["A52.1", f"{OPCS}|A52.1", f"{SNOMED}|231249005"])
    assert found["service"] == [f"{SNOMED}|231249005"]
    assert found["location"] == ["Location/1"]


def test_a_place_by_its_identifier_counts_with_its_system():
    place = Reference.model_validate({"identifier": {"system": "urn:x", "value": "PAIN"}})

    assert visit(appointment(WHO), place)["location"] == ["urn:x|PAIN"]


def test_a_procedure_without_a_code_says_nothing_of_codes():
    told = procedure(WHO)
    del told["code"]

    assert "procedure" not in visit(told)


@pytest.mark.parametrize(
    ("period", "time"),
    [
        ({"start": "2026-10-19T14:00:00+01:00"}, "2026-10-19T13:00:00+00:00"),
        ({"end": "2026-10-19T14:00:00.5Z"}, "2026-10-19T14:00:00.500000+00:00"),
        ({"id": "when"}, None),
    ],
)
def test_a_period_is_told_by_its_start_else_its_end(period, time):
    told = procedure(WHO) | {"performedPeriod": period}
    del told["performedDateTime"]

    assert visit(told)["time.0"] == time


@pytest.mark.parametrize(
    "written",
    ["2026", "2026-10", "2026-10-19", "2026-10-19T00:00:00+01:00", "2026-10-18T23:00:00Z"],
)
def test_a_day_alone_and_its_midnight_are_no_time(written):
    assert visit(procedure(WHO) | {"performedDateTime": written})["time.0"] is None


def test_a_fraction_longer_than_clocks_count_is_cut():
    assert moment("2026-10-19T14:30:00.123456789Z").microsecond == 123456


@pytest.mark.parametrize(
    "query",
    [
        "identifier=urn:x|A+1",
        "Patient?identifier=urn:x|A%2B1",
        "identifier=urn%3Ax%7CA%2B1",
    ],
)
def test_a_search_by_an_identifier_is_read_however_it_is_written(query):
    found = parse_search(query, place="http.If-None-Exist")

    assert (found.system, found.value) == ("urn:x", "A+1")


def test_no_more_is_told_of_a_broken_structure_than_anybody_reads():
    assert len(structure_issues([None] * 500, "Patient.name")) == 50


def test_numbers_are_read_as_they_are():
    assert read_json_text(b'{"a": 1.5, "b": -3}') == {"a": 1.5, "b": -3}


def test_extensions_of_primitives_are_looked_at_and_not_read():
    data = {"extension": [{"url": "http://example.org", "valueString": "about"}]}
    told = patient(_birthDate=data, name=[{"given": ["A"], "_given": [None, data], "family": "B"}])

    assert read_resource(told, place="Patient")[1] == []
    _, issues = read_resource({**told, "_gender": "x"}, place="Patient")
    assert [each.expression for each in issues] == [["Patient._gender"]]
