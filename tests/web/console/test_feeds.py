"""Drafts of a feed in the console, and the ledger in which a refused message is put right."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from followup.domain.errors import NotFound
from followup.domain.intake.on_conflict import OnConflict
from followup.domain.roles import Role
from followup.intake.feed.drafts import complete_draft
from followup.intake.fhir.refusal import RefusedRequest
from followup.intake.hl7.receive import receive_message
from followup.intake.ledger import feed_ledger, text_of
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import EnrolmentDraft, FeedMessage, FeedVisit
from tests.support.apps import clock_of, messages, rows, sweep, tasks
from tests.support.fhir import (
    entry,
    fhir_site,
    patient,
    patient_and,
    procedure,
    take,
    transaction,
)
from tests.support.hl7 import INCOMPLETE, catalogue_with, feed, message
from tests.support.people import PROCEDURE_AT, request
from tests.web.console.visitors import join

NEXT_MONTH = PROCEDURE_AT + timedelta(days=30)


@pytest.fixture
def app(sqlite_app):
    """An app that knows the made-up hospital."""
    object.__setattr__(sqlite_app, "catalogue", catalogue_with())
    return sqlite_app


@pytest.fixture
def draft(app) -> str:
    """An appointment of next month whose questions nobody has answered; its page."""
    feed(app, message(procedure=INCOMPLETE, time=NEXT_MONTH))
    (row,) = rows(app, EnrolmentDraft)
    return f"/attention/enrolments/{row.id}"


def test_a_draft_is_told_on_home_and_in_needs_attention(app, asgi, draft):
    nurse = join(app, asgi, Role.ENROL)

    assert "1 enrolment waits to be completed" in nurse.get("/").text
    assert "1 enrolment waits to be completed" in nurse.get("/attention").text
    item = nurse.get(f"/attention/{tasks(app)[0].id}").text
    assert "Complete the enrolment" in item
    assert item.count("Respond by") == 1
    listed = nurse.get("/attention/enrolments")
    assert "Does the patient have diabetes?" in listed.text
    assert draft in nurse.client.get("/attention/enrolments").text


def test_completing_a_draft_enrols_with_the_answers_of_a_person(app, asgi, draft):
    nurse = join(app, asgi, Role.ENROL)
    assert "Test Patient-00001" in nurse.get(draft).text

    form = nurse.post(f"{draft}/complete", {})
    assert form.path.endswith("/name")
    base = form.path.removesuffix("/name")
    about = {"attribute-diabetic": "yes", "attribute-steroid_given": "yes"}
    assert "/reach" in nurse.get(f"{base}/check", status=422).path
    nurse.post(
        f"{base}/reach",
        {"mobile": "07700 900001", "mobile_again": "07700 900001", "email": "", "then": "check"},
        status=422,
    )
    # Each page asks for what is missing still, and says so.
    nurse.post(f"{base}/about", {**about, "then": "check"}, status=422)
    nurse.post(
        f"{base}/preferences",
        {"channels": "sms", "language": "en", "reference": "made-up:AP1", "then": "check"},
    )
    assert rows(app, Enrolment) == []
    nurse.post(f"{base}/check", {})

    (enrolment,) = rows(app, Enrolment)
    (row,) = rows(app, EnrolmentDraft)
    (visit,) = rows(app, FeedVisit)
    assert enrolment.attributes == {"diabetic": True, "steroid_given": True}
    assert (row.state, row.enrolment_id, row.content_sealed) == ("completed", enrolment.id, None)
    assert visit.enrolment_id == enrolment.id
    assert tasks(app)[0].state == "closed"
    assert messages(app)

    moved = message("SIU^S13", id_="2", at="20261019150000", time=NEXT_MONTH + timedelta(days=1))
    assert feed(app, moved) == [("changed", "moved")]


def test_a_draft_that_nobody_is_to_be_enrolled_for_stays_closed(app, asgi, draft):
    nurse = join(app, asgi, Role.ENROL)

    assert "Nobody was enrolled" in nurse.post(f"{draft}/dismiss", {}).text

    again = message("SIU^S14", id_="2", at="20261019150000", procedure=INCOMPLETE, time=NEXT_MONTH)
    assert feed(app, again) == [("ignored", "dismissed")]
    nurse.get(draft, status=404)


def test_the_item_of_a_draft_is_closed_with_the_draft_alone(app, asgi, draft):
    nurse = join(app, asgi, Role.ENROL)
    (item,) = tasks(app)

    refused = nurse.post(f"/attention/{item.id}/done", {"outcome": "told"}, status=409)

    assert "An enrolment waits for what is missing" in refused.text
    assert "Close" not in nurse.get(f"/attention/{item.id}").links()
    assert rows(app, EnrolmentDraft)[0].state == "waiting"
    nurse.post(f"{draft}/dismiss", {})
    assert tasks(app)[0].state == "closed"


def test_without_its_draft_nobody_is_enrolled(app):
    with pytest.raises(NotFound, match="no such draft"):
        complete_draft(app, uuid4(), request(5), on_conflict=OnConflict.REFUSE, actor="web:a")

    assert rows(app, Enrolment) == []


def test_the_ledger_adds_up_and_a_refused_message_is_put_right(app, asgi):
    wrong = message(id_="W1", time=NEXT_MONTH).replace("|19510512|", "|19511352|")
    assert "19511352" in wrong
    feed(app, message(id_="A1", serial=2, appointment="AP2", time=NEXT_MONTH))
    answer = receive_message(app, wrong.encode(), sites=[*app.catalogue.sites.values()])
    assert b"|AR|W1|" in answer
    nurse = join(app, asgi, Role.ENROL)

    page = nurse.get("/feeds?state=refused")
    (row,) = [one for one in rows(app, FeedMessage) if one.state == "refused"]
    assert "a value is not what it should be (PID-7)" in page.text
    look = nurse.get(f"/feeds/{row.id}")
    assert "19511352" in look.text
    assert "feed-message.viewed" in {one.action for one in rows(app, AuditEvent)}

    unchanged = nurse.post(f"/feeds/{row.id}/replay", {"content": wrong}, status=422)
    assert unchanged.errors == ["PID-7 is no date of birth (PID-7)"]
    right = wrong.replace("19511352", "19511052").replace("19511052", "19511012")
    nurse.post(f"/feeds/{row.id}/replay", {"content": right.replace("\r", "\r\n")})
    sweep(app, "work-off-feeds")

    with app.store.read() as session:
        ledger = feed_ledger(session)
    assert (ledger.received, ledger.remainder) == (3, 0)
    assert {state: count for state, count in ledger.by_state.items() if count} == {
        "enrolled": 2,
        "replaced": 1,
    }
    assert "feed-message.replayed" in {one.action for one in rows(app, AuditEvent)}


def test_what_asks_a_person_is_worked_off_again_once_they_have_cleared_the_way(app, asgi):
    feed(app, message(id_="1", appointment="AP1", time=NEXT_MONTH))
    later = message("SIU^S15", id_="2", at="20261019150000", serial=2, appointment="AP1")
    assert feed(app, later) == [("person", "conflict")]
    nurse = join(app, asgi, Role.ENROL)
    (row,) = [one for one in rows(app, FeedMessage) if one.state == "person"]

    item = next(one for one in tasks(app) if one.kind == "feed")
    assert f"/feeds/{row.id}" in nurse.client.get(f"/attention/{item.id}").text
    right = later.replace("000002^^^MUH^MR", "000001^^^MUH^MR")
    nurse.post(f"/feeds/{row.id}/replay", {"content": right.replace("\r", "\r\n")})
    clock_of(app).advance(timedelta(seconds=1))
    sweep(app, "work-off-feeds")

    assert rows(app, Enrolment)[0].state == "withdrawn"


def test_what_came_by_fhir_stands_in_the_same_ledger_and_is_put_right(app, asgi):
    object.__setattr__(app, "catalogue", catalogue_with(fhir_site()))
    wrong = patient_and(procedure, about=patient(birthDate="1951-13-12"))
    with pytest.raises(RefusedRequest):
        take(app, wrong)
    nurse = join(app, asgi, Role.ENROL)
    (row,) = rows(app, FeedMessage)

    assert "a resource can’t be used as it is" in nurse.get("/feeds?state=refused").text
    look = nurse.get(f"/feeds/{row.id}")
    assert "Bundle.entry[1].resource.birthDate: there is no such date or time" in look.text
    text = text_of(app, row)
    again = nurse.post(f"/feeds/{row.id}/replay", {"content": f"{text}}}"}, status=422)
    assert again.errors[0].startswith("Http.body: this is not JSON")
    unchanged = nurse.post(f"/feeds/{row.id}/replay", {"content": text}, status=422)
    assert "there is no such date or time" in unchanged.errors[0]
    nurse.post(f"/feeds/{row.id}/replay", {"content": text.replace("1951-13", "1951-05")})
    clock_of(app).advance(timedelta(seconds=1))
    sweep(app, "work-off-feeds")

    (enrolment,) = rows(app, Enrolment)
    assert enrolment.state == "active"
    with app.store.read() as session:
        ledger = feed_ledger(session)
    assert (ledger.received, ledger.remainder) == (2, 0)


def test_what_is_put_right_and_still_refers_to_nobody_is_refused_again(app, asgi):
    object.__setattr__(app, "catalogue", catalogue_with(fhir_site()))
    with pytest.raises(RefusedRequest):
        take(app, transaction(entry(procedure("Patient/unknown"))))
    nurse = join(app, asgi, Role.ENROL)
    (row,) = rows(app, FeedMessage)

    nurse.post(f"/feeds/{row.id}/replay", {"content": text_of(app, row)})
    sweep(app, "work-off-feeds")

    (row,) = rows(app, FeedMessage)
    assert (row.state, row.reason) == ("refused", "fhir-unusable")
    assert "no such Patient was sent here" in row.told
