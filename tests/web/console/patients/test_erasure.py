"""Erasing a patient's data in the console: asked for by one, decided by another."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import update

from followup.domain.roles import Role
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import ErasureRequest, Patient
from followup.store.models.retention import RetentionReview
from tests.support.apps import clock_of, enrol_one, rows, sweep
from tests.web.console.visitors import SAME_ORIGIN


@pytest.fixture
def patient(sqlite_app):
    enrol_one(sqlite_app, 1)
    return rows(sqlite_app, Patient)[0]


def test_one_proposes_and_another_erases(sqlite_app, joined, patient):
    nurse, auditor = joined(Role.ENROL), joined(Role.AUDIT)
    stopped = nurse.post(f"/patients/{patient.id}/stop", {"channel": "all", "confirmed": "yes"})
    assert "Restart messages" in stopped.text
    page = nurse.post(f"/patients/{patient.id}/erase", {"ground": "asked"})
    assert "Nothing is erased until somebody else decides" in page.text
    again = nurse.post(f"/patients/{patient.id}/erase", {"ground": "asked"}, status=422)
    assert "waits already" in again.text
    (request,) = rows(sqlite_app, ErasureRequest)

    assert "Test Patient-00001" in auditor.get("/erasures").text
    assert "The patient asked for it" in auditor.get(f"/erasures/{request.id}").text
    done = auditor.post(f"/erasures/{request.id}", {"decision": "erase"})

    assert "Erased. What is left tells of nobody." in done.text
    assert "a patient whose data was erased" in done.text
    assert rows(sqlite_app, Patient)[0].data_key is None
    assert "Restart messages" not in nurse.get(f"/patients/{patient.id}").text
    assert "The data was erased" in auditor.get(f"/erasures/{request.id}").text
    again = auditor.post(f"/erasures/{request.id}", {}, status=409)
    assert "was decided already" in again.text


def test_whoever_proposed_it_is_told_that_somebody_else_decides(sqlite_app, joined, patient):
    auditor = joined(Role.AUDIT)
    auditor.post(f"/patients/{patient.id}/erase", {"ground": "unlawful"})
    (request,) = rows(sqlite_app, ErasureRequest)

    page = auditor.get(f"/erasures/{request.id}")
    assert "You proposed it, so somebody else decides" in page.text
    refused = auditor.post(f"/erasures/{request.id}", {}, status=409)

    assert "ask somebody else" in refused.text
    assert rows(sqlite_app, Patient)[0].data_key is not None


def test_data_is_kept_for_a_reason(sqlite_app, joined, patient):
    joined(Role.ENROL).post(f"/patients/{patient.id}/erase", {"ground": "not-needed"})
    (request,) = rows(sqlite_app, ErasureRequest)
    auditor = joined(Role.AUDIT)

    unsaid = auditor.post(f"/erasures/{request.id}", {}, status=422)
    assert "Choose whether to erase or to keep the data" in unsaid.text
    page = auditor.post(f"/erasures/{request.id}", {"decision": "legal-claim"})

    assert "The data is kept, and so is the reason" in page.text
    assert "Kept: It is needed for a claim, a complaint or an inquest" in page.text


def test_a_reason_is_needed_and_another_clinic_sees_nothing(sqlite_app, joined, patient):
    nurse = joined(Role.ENROL)
    unsaid = nurse.post(f"/patients/{patient.id}/erase", {}, status=422)
    assert "Choose why it should be erased" in unsaid.text
    nurse.post(f"/patients/{patient.id}/erase", {"ground": "asked"})
    (request,) = rows(sqlite_app, ErasureRequest)

    stranger = joined(Role.AUDIT, Role.ENROL, clinics=["elsewhere"])
    assert "No request waits" in stranger.get("/erasures").text
    stranger.get(f"/erasures/{request.id}", status=404)
    stranger.post(f"/erasures/{request.id}", {"decision": "erase"}, status=404)
    stranger.get(f"/patients/{patient.id}/erase", status=404)
    nurse.get("/erasures", status=403)


def test_a_restricted_patient_is_shown_to_auditors_alone_who_lift_it(sqlite_app, joined, patient):
    nurse, auditor = joined(Role.ENROL), joined(Role.AUDIT)
    page, place = f"/patients/{patient.id}", f"/audit/patients/{patient.id}/restrict"
    assert "Choose why" in auditor.post(place, {}, status=422).text
    assert "only auditors see the data" in auditor.post(place, {"ground": "accuracy"}).text
    told = rows(sqlite_app, Message)[0]

    assert "data is restricted" in nurse.get(page, status=409).text
    nurse.get(f"/messages/{told.id}", status=409)
    nurse.post(f"/patients/{patient.id}/reveal", {}, status=409)
    for listed in ("/patients", "/messages", "/attention"):
        assert "Test Patient-00001" not in nurse.get(listed).text, listed
    assert "Restricted" in nurse.get("/patients").text
    ahead = "/messages.csv?when=ahead"
    assert "REF-1" not in nurse.client.get(ahead).text
    assert "REF-1" in auditor.client.get(ahead).text
    assert "Test Patient-00001" in auditor.get(page).text

    assert "The restriction is lifted" in auditor.post(place, {"ground": "settled"}).text
    assert "Test Patient-00001" in nurse.get(page).text


def test_records_end_by_two_people_in_the_console(sqlite_app, joined, patient):
    one, two = joined(Role.AUDIT), joined(Role.AUDIT)
    with sqlite_app.store.write() as session:
        session.execute(update(Enrolment).values(state="finished", finish_due_at=None))
    clock_of(sqlite_app).advance_service(timedelta(days=9 * 366))
    sweep(sqlite_app, "propose-retention")
    (review,) = rows(sqlite_app, RetentionReview)
    here = f"/retention/{review.id}"
    assert "A patient’s record" in one.get("/retention").text
    refused = one.post(f"{here}/decide", {"decision": "destroy"}, status=422)
    assert "First the hospital's record has to have it" in refused.text

    zipped = one.client.post(f"{here}/export", headers=SAME_ORIGIN).content
    one.post(f"{here}/acknowledge", {"digest": sha256(zipped).hexdigest()})
    one.post(f"{here}/decide", {"decision": "destroy"})
    assert "somebody else confirms" in one.get(here).text
    one.post(f"{here}/confirm", {}, status=409)
    done = two.post(f"{here}/confirm", {})

    assert "Destroyed. The certificate stands in the audit trail." in done.text
    assert rows(sqlite_app, Patient)[0].erased_at is not None
    export = one.client.post(f"/audit/patients/{patient.id}/data", headers=SAME_ORIGIN)
    assert export.status_code == 409, "nothing is held any more"
