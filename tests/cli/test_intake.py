"""`followup intake try`: what messages of a hospital would do, without doing it."""

from __future__ import annotations

import json

from followup.intake.hl7.framing import framed
from followup.store.models.feeds import FeedMessage, FeedPerson, FeedVisit, FhirResource
from tests.support.apps import make_app, rows
from tests.support.fhir import patient, patient_and, procedure
from tests.support.hl7 import message
from tests.support.people import ENROLLED_AT

SHIPPED = {4: "EXH"}


def told(number: int, event: str = "SIU^S12", **facts: object) -> str:
    at = f"2026101914{number:02d}00"
    given = {"procedure": "A52.1", "time": ENROLLED_AT, "msh": SHIPPED, **facts}
    return message(event, id_=str(number), at=at, **given)


def test_each_message_is_told_and_nothing_is_written(followup):
    file = followup.folder / "messages.hl7"
    text = told(1) + told(2, "SIU^S15") + told(3, procedure="Z99", appointment="AP3")
    file.write_text(text.replace("\r", "\n"), encoding="utf-8")

    answer = followup("intake", "try", str(file), "--json")

    assert answer.code == 0
    found = [(one["answer"], one["state"]) for one in json.loads(answer.out)]
    assert found == [
        ("AA", "Enrolment to complete"),
        ("AA", "Cancelled"),
        ("AA", "Ignored"),
    ]
    app = make_app(followup.database_url)
    assert not [*rows(app, FeedMessage), *rows(app, FeedVisit), *rows(app, FeedPerson)]
    app.close()


def test_what_would_be_refused_is_told_with_its_place(followup):
    file = followup.folder / "messages.hl7"
    wrong = [told(1, msh={4: "OTHER"}), told(2, "ADT^A17"), "nothing of the kind"]
    file.write_bytes(b"".join(framed(each.encode()) for each in wrong))

    answer = followup("intake", "try", str(file))

    assert answer.code == 1
    assert "SIU^S12 1: AR, refused at MSH-4" in answer.out
    assert "ADT^A17 2: AR, refused at MSH-9" in answer.out
    assert "no message: AE, unreadable" in answer.out


def test_a_fhir_file_is_tried_and_nothing_is_written(followup):
    file = followup.folder / "bundle.json"
    file.write_text(json.dumps(patient_and(procedure, code="A52.1")), encoding="utf-8")

    answer = followup("intake", "try", str(file), "--json")

    assert answer.code == 0
    found = [(one["event"], one["answer"], one["state"]) for one in json.loads(answer.out)]
    assert found == [
        ("Procedure", "201", "Enrolment to complete"),
        ("Patient", "201", "Ignored"),
    ]
    app = make_app(followup.database_url)
    assert not [*rows(app, FeedMessage), *rows(app, FhirResource), *rows(app, FeedPerson)]
    app.close()


def test_what_is_wrong_in_a_fhir_file_is_told_with_its_place(followup):
    file = followup.folder / "patient.json"
    for told, expected in (
        (patient(birthDate="1951-13-12"), "422, refused at Patient.birthDate"),
        ({"resourceType": "Observation"}, "422, refused at http.url"),
    ):
        file.write_text(json.dumps(told), encoding="utf-8")
        answer = followup("intake", "try", str(file))
        assert answer.code == 1
        assert expected in answer.out
    file.write_text("{", encoding="utf-8")
    assert "400, refused at http.body" in followup("intake", "try", str(file)).out

    elsewhere = followup("intake", "try", str(file), "--site", "nowhere")
    assert "name one that sends FHIR: example-hospital" in elsewhere.err
