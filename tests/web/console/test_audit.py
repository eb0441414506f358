"""The audit trail in the console: every event is a sentence, filtered, paged and as a table."""

from __future__ import annotations

import ast
import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest

from followup.domain.roles import Role
from followup.store.models.audit import AuditEvent
from followup.store.models.patients import Patient
from followup.web.console.framework.table_export import MARK
from followup.wording.audit_verbs import AUDIT_VERBS
from tests.support.apps import enrol_many, enrol_one, rows, run_until
from tests.support.people import ENROLLED_AT
from tests.web.console.patients.test_patient import statements, write
from tests.web.console.visitors import join

FOLLOWUP = Path(__file__).parents[3] / "followup"
TODAY = "since=19&since-month=10&since-year=2026"


ACTION = re.compile(r"[a-z-]+\.[a-z-]+")
RECORDERS = {"note", "record", "_record", "_looked", "_entry"}
NO_ACTION = {
    "id", "address", "mobile", "email", "language", "code", "html", "css", "txt",
    "restriction", "retention", "editor",
    "answers", "identity", "reach", "ledger", "drafts", "json", "releases", "requests", "signing",
}  # fmt: skip
"""What follows the dot in names of columns, fields, modules and files that begin as actions do."""


def actions_in_source() -> set[str]:
    """Return every action that the code records under a fixed name.

    Those of a kind that is known stand anywhere; one of a new kind where it is recorded.
    """
    kinds = {it.partition(".")[0] for it in AUDIT_VERBS} - {"message", "fhir"}
    found = set()
    for path in FOLLOWUP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found |= {it for it in names_in(node) if it.partition(".")[0] in kinds}
            for given in recorded_by(node):
                found |= {it for part in ast.walk(given) for it in names_in(part)}
    return {it for it in found if it.partition(".")[2] not in NO_ACTION}


def names_in(node: ast.AST) -> set[str]:
    value = node.value if isinstance(node, ast.Constant) else None
    return {value} if isinstance(value, str) and ACTION.fullmatch(value) else set()


def recorded_by(node: ast.AST) -> list[ast.expr]:
    """Return what a call gives as an action: by that name, or to what writes the trail."""
    if not isinstance(node, ast.Call):
        return []
    named = [each.value for each in node.keywords if each.arg == "action"]
    called = node.func.id if isinstance(node.func, ast.Name) else ""
    return named + (node.args if called in RECORDERS else [])


def test_every_action_is_said_in_a_sentence():
    assert len(actions_in_source()) > 20
    # What an opened item needs is a sentence of its own, by its kind.
    assert actions_in_source() - AUDIT_VERBS.keys() == {"worklist.opened"}


def test_it_says_who_did_what_to_whom_and_leads_to_the_report(sqlite_app, asgi, auditor):
    nurse = join(sqlite_app, asgi, Role.ENROL, name="Nia Nurse")
    enrolment = enrol_one(sqlite_app, 1)
    nurse.post(f"/enrolments/{enrolment}/pause")
    patient = rows(sqlite_app, Patient)[0].id

    page = auditor.get("/audit")

    assert "Nia Nurse paused the follow-up of Test Patient-00001" in page.text
    assert page.links()["Test Patient-00001"] == f"/audit/patients/{patient}"
    assert "Mon 19 Oct 2026" in page.text


def test_looking_is_itself_recorded_and_shown(sqlite_app, asgi, auditor):
    enrol_one(sqlite_app, 1)
    nurse = join(sqlite_app, asgi, Role.ENROL, name="Nia Nurse")
    nurse.get(f"/patients/{rows(sqlite_app, Patient)[0].id}")
    auditor.get("/audit")

    page = auditor.get("/audit?what=looks")

    assert "Nia Nurse viewed the record of Test Patient-00001" in page.text
    assert "Sam Staff viewed the audit trail" in page.text
    assert "enrolled" not in page.page.one("main").text


def test_it_is_narrowed_by_who_and_by_day(sqlite_app, asgi, auditor):
    enrol_one(sqlite_app, 1)
    nurse = join(sqlite_app, asgi, Role.ENROL, name="Nia Nurse")
    nurse.get("/patients")
    chosen = auditor.get("/audit").page.one("select", name="who")
    (nia,) = [o.attributes["value"] for o in chosen.all("option") if o.text == "Nia Nurse"]

    page = auditor.get(f"/audit?who={nia}")
    assert "Nia Nurse viewed a list of patients" in page.text
    assert "Test Patient" not in page.text
    assert "@" not in page.path

    page = auditor.get("/audit?since=18&since-month=10&since-year=2026"
                       "&until=18&until-month=10&until-year=2026")  # fmt: skip
    assert "Nothing of that kind was done then" in page.text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("since=31&since-month=2&since-year=2026", "Enter a real date"),
        (TODAY + "&until=18&until-month=10&until-year=2026", "This is before the first day"),
    ],
)
def test_wrong_dates_are_said(auditor, query, told):
    assert auditor.get(f"/audit?{query}", status=422).errors[0].startswith(told)


def test_each_step_of_a_message_is_there_for_who_asks(sqlite_app, joined):
    enrol_one(sqlite_app, 1)
    run_until(sqlite_app, ENROLLED_AT + timedelta(hours=1))
    auditor = joined(Role.AUDIT)

    told = auditor.get("/audit").text
    assert "enrolled Test Patient-00001" in told
    assert "sent a message to" not in told
    assert "sent a message to Test Patient-00001" in auditor.get("/audit?what=messages").text


def test_it_goes_on_page_by_page_without_a_gap_or_a_repeat(sqlite_app, auditor):
    enrol_many(sqlite_app, 70)

    path, seen = "/audit?what=patients", []
    while path:
        page = auditor.get(path)
        seen += [text for text in page.links() if text.startswith("Test")]
        path = next((href for text, href in page.links().items() if "Next" in text), None)

    assert len(seen) == len(set(seen)) == 70


def test_the_table_holds_all_of_the_choice_and_names_no_patient(sqlite_app, auditor):
    enrol_many(sqlite_app, 70)

    answer = auditor.client.get("/audit.csv?what=patients&with=ids")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    found = list(csv.DictReader(io.StringIO(answer.text.removeprefix(MARK))))
    assert len(found) == 70
    assert "Patient-" not in answer.text
    assert {row["action"] for row in found} == {"enrolment.created"}
    assert {row["patient"] for row in found} == {str(p.id) for p in rows(sqlite_app, Patient)}
    assert found[-1]["Time"] == "2026-10-19 15:00"
    assert found[-1]["at"] == "2026-10-19T14:00:00+00:00"
    assert "audit.exported" in [e.action for e in rows(sqlite_app, AuditEvent)]


def test_somebody_of_another_clinic_sees_none_of_it(sqlite_app, joined):
    enrol_one(sqlite_app, 1)
    stranger = joined(Role.AUDIT, clinics=["elsewhere"])

    assert "Test Patient" not in stranger.get("/audit?what=all").text
    assert "enrolment.created" not in stranger.client.get("/audit.csv?what=all").text


def test_a_text_of_a_stranger_is_told_too(sqlite_app, auditor):
    enrol_one(sqlite_app, 1)
    write(sqlite_app, "Hello?", serial=555)

    assert "The patient sent us a text: " in auditor.get("/audit").text


def test_a_text_that_was_found_late_says_so(sqlite_app, auditor):
    enrol_one(sqlite_app, 1)
    write(sqlite_app, "STOP", written_at=ENROLLED_AT - timedelta(hours=5))

    assert "it reached us 5 hours late" in auditor.get("/audit").text


def test_more_events_ask_no_more_of_the_database(sqlite_app, auditor):
    enrol_many(sqlite_app, 1)
    auditor.get("/audit")
    few = statements(sqlite_app, lambda: auditor.get("/audit"))
    enrol_many(sqlite_app, 30)

    assert statements(sqlite_app, lambda: auditor.get("/audit")) == few
