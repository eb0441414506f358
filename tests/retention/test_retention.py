"""Retention: nothing ends without a proposal, a decision, and a second person."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from followup.casework.phone_calls import record_call
from followup.context import AppContext
from followup.domain.call_outcome import CallOutcome
from followup.domain.erasure.grounds import ErasureGround
from followup.domain.errors import Conflict, InvalidInput
from followup.domain.retention.classes import KeepGround, RetentionDecision, child_until
from followup.domain.roles import Role
from followup.erasure.requests import decide_erasure, propose_erasure
from followup.erasure.shred_list import read_shred_list
from followup.patients import records
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.retention.decide import (
    Decision,
    acknowledge,
    confirm,
    decide,
    export_to_record,
    reviews,
    take_back,
)
from followup.retention.propose import propose_retention
from followup.staff.members import MemberDetails, disable_member, insert_member
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.patients import Patient
from followup.store.models.retention import RetentionReview
from followup.store.models.staff import Staff
from followup.subject_access.record import RecordForm
from followup.web.console.words.record_paper import draw_record
from tests.support.apps import clock_of, enrol_many, rows
from tests.support.outside_judges import fhir_validator

ONE, TWO = "web:one@clinic.example", "web:two@clinic.example"
DESTROY = Decision(what=RetentionDecision.DESTROY)
YEAR = timedelta(days=365, hours=6)


@pytest.fixture
def aged(sqlite_app: AppContext, tmp_path: Path) -> AppContext:
    return grown_old(sqlite_app, tmp_path)


def grown_old(app: AppContext, tmp_path: Path) -> AppContext:
    """Nine years later: five patients, one of them seen since, one a child; a text of nobody."""
    object.__setattr__(app, "shred_list", tmp_path / "erased.note")
    ids = enrol_many(app, 4)
    enrol_many(app, 1, first=5, date_of_birth=date(2015, 3, 1))
    with app.store.write() as session:
        session.execute(update(Enrolment).values(state="finished", finish_due_at=None))
        gone, _ = (
            insert_member(session, app.by(ONE), member, password_hash=None).id
            for member in (_member("gone", Role.ENROL), _member("m", Role.MANAGE))
        )
    disable_member(app, gone, actor=ONE)
    stranger = InboundText(provider_id="SM9", from_="+447700900999", to="", body="Who is this")
    take_inbound(app, stranger)
    clock_of(app).advance_service(9 * YEAR)
    with app.store.read() as session:
        seen = session.get_one(Enrolment, ids[3]).patient_id
    record_call(app, seen, outcome=CallOutcome.SPOKE, note="", actor=ONE)
    return app


def _member(name: str, role: Role) -> MemberDetails:
    return MemberDetails(email=f"{name}@x.example", name=name, roles=[role], clinics=None)


def proposed(app: AppContext) -> list[RetentionReview]:
    while propose_retention(app):
        pass
    with app.store.read() as session:
        return list(reviews(session))


def of_patients(app: AppContext) -> list[RetentionReview]:
    return [it for it in proposed(app) if it.record_class == "follow-up"]


def handed_over(app: AppContext, review: RetentionReview) -> None:
    content = exported(app, review, RecordForm.ZIP)
    acknowledge(app, review.id, digest=sha256(content).hexdigest(), actor=ONE)


def exported(app: AppContext, review: RetentionReview, form: RecordForm) -> bytes:
    draw = partial(draw_record, at=app.clock.real_now())
    return export_to_record(app, review.id, form=form, draw=draw, actor=ONE)


def test_nine_years_later_the_right_ones_are_proposed_and_nothing_is_gone(aged: AppContext):
    before = {model: len(rows(aged, model)) for model in (Patient, InboundMessage, Staff)}

    found = proposed(aged)

    kinds = sorted(it.record_class for it in found)
    assert kinds == ["follow-up"] * 3 + ["replies", "staff"]
    assert propose_retention(aged) == 0, "what waits is not proposed twice"
    assert {model: len(rows(aged, model)) for model in before} == before
    assert all(it.erased_at is None and it.data_key for it in rows(aged, Patient))
    assert rows(aged, InboundMessage)[0].body_sealed is not None
    assert {it.action for it in rows(aged, AuditEvent)} >= {"retention.proposed"}


def test_two_people_destroy_what_the_hospital_has_and_a_certificate_stays(
    app: AppContext, tmp_path: Path
):
    aged = grown_old(app, tmp_path)
    review = of_patients(aged)[0]
    with pytest.raises(Conflict, match="first the hospital's record has to have it"):
        decide(aged, review.id, DESTROY, actor=ONE)
    handed_over(aged, review)
    with pytest.raises(InvalidInput, match="not the SHA-256"):
        acknowledge(aged, review.id, digest="0" * 64, actor=ONE)
    with pytest.raises(Conflict, match="nobody decided"):
        confirm(aged, review.id, actor=TWO)
    decide(aged, review.id, DESTROY, actor=ONE)
    with pytest.raises(Conflict, match="ask somebody else"):
        confirm(aged, review.id, actor=ONE)
    with pytest.raises(IntegrityError), aged.store.write() as session:
        session.execute(update(RetentionReview).values(decided_by=ONE, confirmed_by=ONE))
    assert not [it for it in rows(aged, Patient) if it.erased_at]

    assert confirm(aged, review.id, actor=TWO) == 1

    (gone,) = [it for it in rows(aged, Patient) if it.erased_at]
    assert gone.id == review.patient_id
    assert read_shred_list(aged) == {gone.id}
    certificate = [it for it in rows(aged, AuditEvent) if it.action == "retention.destroyed"]
    assert [(it.actor, it.detail["review"], it.detail["class"]) for it in certificate] == [
        (TWO, str(review.id), "follow-up")
    ]
    with pytest.raises(Conflict, match="has ended"):
        confirm(aged, review.id, actor=TWO)


def test_the_record_is_handed_over_as_fhir_or_pdf_and_each_is_whole(aged: AppContext):
    found = {review.patient_id: review for review in of_patients(aged)}
    people = {records.read_patient(it, aged.keyring).name: it.id for it in rows(aged, Patient)}
    review, other = (found[people[f"Test Patient-{serial:05}"]] for serial in (1, 2))
    text = InboundText(provider_id="SM77", from_="+447700900001", to="", body="my leg is weak")
    take_inbound(aged, text)
    record_call(aged, review.patient_id, outcome=CallOutcome.SPOKE, note="Rang twice", actor=ONE)

    bundle = json.loads(exported(aged, review, RecordForm.FHIR))
    pdf = exported(aged, review, RecordForm.PDF)

    with fhir_validator() as validator:
        assert validator.problems(bundle) == []
    kinds = [it["resource"]["resourceType"] for it in bundle["entry"]]
    assert (kinds[0], kinds[-1]) == ("Patient", "DocumentReference")
    messages = [it for it in rows(aged, Message) if it.patient_id == review.patient_id]
    assert kinds.count("CommunicationRequest") == len(messages) > 0
    [document] = [it["resource"] for it in bundle["entry"]][-1]["content"]
    inside = b64decode(document["attachment"]["data"])
    for paper in (inside, pdf):
        words = "\n".join(page.extract_text() for page in PdfReader(BytesIO(paper)).pages)
        assert "Test Patient-00001" in words
        assert "Rang twice" in words
        assert "my leg is weak" in words
        assert "Test Patient-00002" not in words
    whole = json.dumps(bundle)
    assert str(other.patient_id) not in whole
    assert "Test Patient-00002" not in whole
    # The last one counts: what was downloaded before is not what was handed over.
    digest = sha256(json.dumps(bundle).encode()).hexdigest()
    with pytest.raises(InvalidInput, match="not the SHA-256"):
        acknowledge(aged, review.id, digest=digest, actor=ONE)
    acknowledge(aged, review.id, digest=sha256(pdf).hexdigest(), actor=ONE)
    with aged.store.write() as session:
        session.execute(update(Patient).values(restricted_at=aged.clock.now()))
    with pytest.raises(Conflict, match="is restricted"):
        exported(aged, review, RecordForm.FHIR)
    assert exported(aged, review, RecordForm.PDF)


def test_what_is_kept_longer_or_held_stays_and_a_hold_stops_erasure_too(aged: AppContext):
    kept, held, seen = of_patients(aged)
    until = (aged.clock.now() + timedelta(days=90)).date()
    with pytest.raises(InvalidInput, match="say why"):
        decide(aged, kept.id, Decision(what=RetentionDecision.KEEP, until=until), actor=ONE)
    longer = Decision(what=RetentionDecision.KEEP, ground=KeepGround.RESEARCH, until=until)
    decide(aged, kept.id, longer, actor=ONE)
    on_hold = Decision(what=RetentionDecision.HOLD, ground=KeepGround.INQUEST)
    decide(aged, held.id, on_hold, actor=ONE)
    asked = propose_erasure(aged, held.patient_id, ground=ErasureGround.ASKED, actor=ONE)
    with pytest.raises(Conflict, match="is on hold"):
        decide_erasure(aged, asked, actor=TWO)
    # Seen again after the decision: then it does not end.
    handed_over(aged, seen)
    decide(aged, seen.id, DESTROY, actor=ONE)
    record_call(aged, seen.patient_id, outcome=CallOutcome.SPOKE, note="", actor=ONE)
    with pytest.raises(Conflict, match="was seen again"):
        confirm(aged, seen.id, actor=TWO)
    assert not [it for it in rows(aged, Patient) if it.erased_at]

    clock_of(aged).advance_service(timedelta(days=91))
    again = of_patients(aged)
    assert {it.patient_id for it in again} == {kept.patient_id, held.patient_id}
    assert {it.id for it in again} & {kept.id, held.id} == {held.id}
    take_back(aged, held.id, actor=ONE)
    decide_erasure(aged, asked, actor=TWO)


def test_texts_of_nobody_and_closed_accounts_end_by_two_people(aged: AppContext):
    others = {it.record_class: it.id for it in proposed(aged)}
    for record_class in ("replies", "staff"):
        decide(aged, others[record_class], DESTROY, actor=ONE)
        assert confirm(aged, others[record_class], actor=TWO) == 1

    assert rows(aged, InboundMessage)[0].body_sealed is None
    assert {it.email for it in rows(aged, Staff)} >= {"m@x.example"}
    assert "gone@x.example" not in {it.email for it in rows(aged, Staff)}


def test_the_trail_is_proposed_too_and_kept_with_a_reason(aged: AppContext):
    assert "audit" not in {it.record_class for it in proposed(aged)}
    clock_of(aged).advance_service(12 * YEAR)
    before = {it.id for it in rows(aged, AuditEvent)}

    [review] = [it for it in proposed(aged) if it.record_class == "audit"]

    assert 0 < review.records < len(before)
    with pytest.raises(Conflict, match="can't be shortened"):
        decide(aged, review.id, DESTROY, actor=ONE)
    until = (aged.clock.now() + 5 * YEAR).date()
    longer = Decision(what=RetentionDecision.KEEP, ground=KeepGround.LONG_TERM, until=until)
    decide(aged, review.id, longer, actor=ONE)
    assert before <= {it.id for it in rows(aged, AuditEvent)}
    clock_of(aged).advance_service(6 * YEAR)
    assert [it.record_class for it in proposed(aged)].count("audit") == 1


def test_children_are_kept_until_they_are_grown_up():
    at = datetime(2026, 10, 19).astimezone()
    assert child_until(date(2015, 3, 1), last_seen=at) == date(2040, 3, 1)
    assert child_until(date(2009, 1, 5), last_seen=at) == date(2035, 1, 5)
    assert child_until(date(2008, 1, 5), last_seen=at) is None
