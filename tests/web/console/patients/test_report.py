"""The report on a patient: all they were told in exact words, and whether anybody edited it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from followup.audit.tree import sign_trail
from followup.audit.verify import verify_events
from followup.domain.roles import Role
from followup.store.models.audit import AuditCheckpoint, AuditEvent
from followup.store.models.messages import Attempt
from followup.store.models.patients import Patient
from followup.web.typeface import printable
from tests.support.apps import clock_of, enrol_one, rows, run_until, sms_of
from tests.support.people import ENROLLED_AT, nhs_number
from tests.support.scripted_channel import refuse
from tests.web.console.patients.test_patient import statements, write


@pytest.fixture
def told(sqlite_app):
    """The path of the report on somebody who was told things, wrote, and could not be reached."""
    enrol_one(sqlite_app, 1, diabetic=True)
    sms_of(sqlite_app).script(refuse("30005", recipient=True))
    run_until(sqlite_app, ENROLLED_AT + timedelta(days=1, hours=12))
    write(sqlite_app, "It itches a bit")
    clock_of(sqlite_app).advance(timedelta(minutes=30))
    sign_trail(sqlite_app)
    return f"/audit/patients/{rows(sqlite_app, Patient)[0].id}"


def forge(app):
    """Edit an audit event past the product's own guards, as somebody with the database could."""
    with app.store.engine.connect() as connection:
        for (name,) in connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"),
            {"t": "audit_events"},
        ).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(
            text("UPDATE audit_events SET actor = 'web:other' WHERE action = 'enrolment.created'")
        )
        connection.commit()


def test_it_answers_what_when_in_which_words_approved_by_whom_and_whether_it_arrived(
    sqlite_app, joined, told
):
    page = joined(Role.AUDIT).get(told)

    attempts = rows(sqlite_app, Attempt)
    for wanted in (
        "Test Patient-00001",
        f"{nhs_number(1)[:3]} {nhs_number(1)[3:6]} {nhs_number(1)[6:]}",
        "You can take the small dressing off now.",
        f"version {attempts[0].content_version[:12]}",
        "Draft: no clinician has approved this text",
        "Refused",
        "Not delivered: the provider could not deliver it",
        "It itches a bit",
        "enrolled the patient: Nerve root block",
        "Signs that need help at once, by text. Planned",
    ):
        assert wanted in page.text
    assert "patient1@example.com" not in page.text
    assert page.page.one("title").text == "Report on a patient – Follow-up"


def test_opening_it_and_taking_it_away_are_recorded(sqlite_app, joined, told):
    auditor = joined(Role.AUDIT)

    auditor.get(told)
    auditor.client.get(f"{told}/report.pdf")

    done = [(e.action, e.actor) for e in rows(sqlite_app, AuditEvent) if "report" in e.action]
    assert done == [
        ("patient.reported", f"web:{auditor.email}"),
        ("patient.report-exported", f"web:{auditor.email}"),
    ]
    assert "opened the audit report on the patient" in auditor.get(told).text


def test_it_says_that_the_trail_is_intact_and_notices_when_it_is_not(sqlite_app, joined, told):
    auditor = joined(Role.AUDIT)
    assert "Intact: the " in auditor.get(told).text

    forge(sqlite_app)

    page = auditor.get(told)
    assert "was edited, removed or slipped in. Keep the database as it is" in page.text
    assert "The trail is not intact" in page.text


def test_only_what_a_checkpoint_covers_counts_as_checked(sqlite_app):
    for serial in (1, 2, 3):
        enrol_one(sqlite_app, serial)
        clock_of(sqlite_app).advance(timedelta(hours=1))
        sign_trail(sqlite_app)
    last = rows(sqlite_app, AuditCheckpoint)[-1].upto_id
    with sqlite_app.store.read() as session:
        verdict = verify_events(session, sqlite_app, [1, last, last + 99])
        nothing = verify_events(session, sqlite_app, [last + 99])

    assert (verdict.events, verdict.intact, verdict.unsigned) == (2, True, 1)
    assert (nothing.checkpoints, nothing.unsigned) == (0, 1)

    forge(sqlite_app)
    with sqlite_app.store.read() as session:
        assert not verify_events(session, sqlite_app, [1]).intact


def test_the_pdf_carries_its_own_letters_and_names_nobody_in_its_name(sqlite_app, joined, told):
    answer = joined(Role.AUDIT).client.get(f"{told}/report.pdf")

    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="patient-report.pdf"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.count(b"/FontFile2") == 2
    assert b"+DejaVuSansBold" in answer.content
    assert b"Patient-00001" not in answer.content


@pytest.mark.parametrize(
    "name", ["Zoë Łukasiewicz", "Nguyễn Thị Ánh", "Ольга Γιώργος", "Siân Ŵyn", "O’Brien – Đỗ"]
)
def test_names_are_printed_as_they_are_written(name):
    assert printable(name) == name


def test_a_letter_that_the_report_has_not_is_spelt_out():
    assert printable("thanks \U0001f9a9") == "thanks [flamingo]"


def test_nobody_but_an_auditor_of_the_clinic_gets_it(joined, told):
    for visitor in (joined(Role.ENROL), joined(Role.MANAGE)):
        visitor.get(told, status=403)
        visitor.get(f"{told}/report.pdf", status=403)
    stranger = joined(Role.AUDIT, clinics=["elsewhere"])
    stranger.get(told, status=404)
    stranger.get(f"{told}/report.pdf", status=404)


def test_more_messages_ask_no_more_of_the_database(sqlite_app, joined, told):
    enrol_one(sqlite_app, 2)
    other = f"/audit/patients/{rows(sqlite_app, Patient)[1].id}"
    run_until(sqlite_app, clock_of(sqlite_app).now() + timedelta(minutes=5))
    clock_of(sqlite_app).advance(timedelta(minutes=30))
    sign_trail(sqlite_app)
    auditor = joined(Role.AUDIT)
    for path in (told, other):
        auditor.get(path)

    assert statements(sqlite_app, lambda: auditor.get(told)) == statements(
        sqlite_app, lambda: auditor.get(other)
    )
