"""Erasure: two people, nothing left of one patient, everything left of all others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from followup.audit.queries import events_of_patient
from followup.audit.tree import sign_trail
from followup.audit.verify import verify_events, verify_trail
from followup.context import AppContext
from followup.domain.erasure.grounds import ErasureDecision, ErasureGround, RefusalGround
from followup.domain.errors import ConfigurationError, Conflict, NotFound
from followup.erasure.erase import KEPT_OF_PATIENT
from followup.erasure.requests import decide_erasure, erasure_requests, propose_erasure
from followup.erasure.shred_list import apply_shred_list, keep_shred_list, read_shred_list
from followup.patients import records
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.store.models.base import Base
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, InboundMessage, Message
from followup.store.models.patients import ErasureRequest, Patient
from followup.store.models.worklist import WorklistItem
from tests.support.apps import clock_of, enrol_many, enrol_one, rows, run_until, states, tick
from tests.support.people import ENROLLED_AT

PROPOSER, DECIDER = "web:one@clinic.example", "web:two@clinic.example"
GROUND = ErasureGround.ASKED


@pytest.fixture
def listed(app: AppContext, tmp_path: Path) -> AppContext:
    """An app context whose shred list lies apart from its database."""
    object.__setattr__(app, "shred_list", tmp_path / "elsewhere" / "erased.note")
    (tmp_path / "elsewhere").mkdir()
    return app


def patient_of(app: AppContext, enrolment: UUID) -> UUID:
    with app.store.read() as session:
        return session.get_one(Enrolment, enrolment).patient_id


def erase(app: AppContext, patient: UUID) -> ErasureDecision:
    asked = propose_erasure(app, patient, ground=GROUND, actor=PROPOSER)
    return decide_erasure(app, asked, actor=DECIDER)


def written(app: AppContext, serial: int, body: str) -> None:
    number = f"+4477009{serial:05d}"
    text = InboundText(provider_id=f"SM{serial}{body[:3]}", from_=number, to="", body=body)
    take_inbound(app, text)


def lived(app: AppContext) -> tuple[UUID, UUID]:
    """Let two patients get messages, write back and need somebody; return the first one's ids."""
    first, _ = enrol_one(app, 1), enrol_one(app, 2)
    run_until(app, ENROLLED_AT + timedelta(days=2))
    for serial in (1, 2):
        written(app, serial, "my leg is weak since this morning")
    return patient_of(app, first), first


def content_of(app: AppContext, but: UUID) -> Mapping[str, list[Any]]:
    """Return every row of every table that is not about one patient."""
    mine = {but}
    with app.store.read() as session:
        for model in (Enrolment, Message, InboundMessage, WorklistItem):
            mine |= set(session.scalars(select(model.id).where(model.patient_id == but)))
        mine |= set(session.scalars(select(Attempt.id).where(Attempt.message_id.in_(mine))))
        found = {}
        for table in Base.metadata.sorted_tables:
            found[table.name] = sorted(
                (
                    row
                    for row in session.execute(select(table)).all()
                    if not mine & set(map(_id, row))
                ),
                key=repr,
            )
    return found


def _id(value: Any) -> Any:
    return value if isinstance(value, UUID) else None


def test_what_is_left_tells_of_nobody(listed: AppContext):
    patient, enrolment = lived(listed)

    assert erase(listed, patient) is ErasureDecision.ERASED

    with listed.store.read() as session:
        gone = session.get_one(Patient, patient)
        assert {
            column.key
            for column in Patient.__table__.columns
            if getattr(gone, column.key) is not None
        } <= KEPT_OF_PATIENT
        assert gone.erased_at is not None
        assert records.read_patient(gone, listed.keyring) is None
        left = session.get_one(Enrolment, enrolment)
        assert (left.reference, left.attributes, left.received, left.state) == (
            None, {}, None, "withdrawn",
        )  # fmt: skip
        for message in session.scalars(select(Message).where(Message.patient_id == patient)):
            assert (message.address_sealed, message.address_index) == (None, None)
            for attempt in session.scalars(select(Attempt).where(Attempt.message_id == message.id)):
                assert attempt.body_sealed is attempt.address_sealed is attempt.html_sealed is None
        texts = session.scalars(select(InboundMessage).where(InboundMessage.patient_id == patient))
        assert [(text.body_sealed, text.classes) for text in texts] == [(None, [])]
        items = session.scalars(select(WorklistItem).where(WorklistItem.patient_id == patient))
        assert {(item.state, item.outcome, item.note_sealed) for item in items} == {
            ("closed", "erased", None)
        }
    assert "planned" not in states(listed, enrolment).values()
    before = len(rows(listed, Attempt))
    run_until(listed, ENROLLED_AT + timedelta(days=60))
    mine = [it for it in rows(listed, Message) if it.patient_id == patient]
    assert {it.state for it in mine} <= {"delivered", "sent", "cancelled", "suppressed"}
    assert len(rows(listed, Attempt)) > before, "the other patient's follow-up went on"


def test_all_others_and_every_proof_are_as_they_were(listed: AppContext):
    patient, _ = lived(listed)
    clock_of(listed).advance_real(timedelta(hours=1))
    while sign_trail(listed):
        pass
    before = content_of(listed, patient)

    erase(listed, patient)

    after = content_of(listed, patient)
    for table in before.keys() - {"audit_events", "erasure_requests"}:
        assert after[table] == before[table], table
    assert verify_trail(listed).intact
    with listed.store.read() as session:
        events = [event.id for event in events_of_patient(session, patient)]
        verdict = verify_events(session, listed, events)
    assert verdict.intact
    assert verdict.events > 0


def test_the_same_person_is_enrolled_anew_as_somebody_new(listed: AppContext):
    patient, _ = lived(listed)
    erase(listed, patient)

    again = enrol_one(listed, 1)

    assert patient_of(listed, again) != patient


def test_a_stop_outlives_the_data(listed: AppContext):
    first = enrol_one(listed, 1)
    written(listed, 1, "STOP")
    erase(listed, patient_of(listed, first))

    again = enrol_one(listed, 1)
    tick(listed)

    assert "sent" not in states(listed, again).values()
    assert "delivered" not in states(listed, again).values()


def test_whoever_proposes_does_not_decide(listed: AppContext):
    patient = patient_of(listed, enrol_one(listed, 1))
    asked = propose_erasure(listed, patient, ground=GROUND, actor=PROPOSER)

    with pytest.raises(Conflict, match="ask somebody else"):
        decide_erasure(listed, asked, actor=PROPOSER)
    # Also past our code, with the database alone.
    with pytest.raises(IntegrityError), listed.store.write() as session:
        session.execute(update(ErasureRequest).values(decided_by=PROPOSER, decided_at=ENROLLED_AT))

    assert rows(listed, Patient)[0].erased_at is None


def test_a_refusal_keeps_the_data_and_its_ground(listed: AppContext):
    patient = patient_of(listed, enrol_one(listed, 1))
    asked = propose_erasure(listed, patient, ground=GROUND, actor=PROPOSER)

    decision = decide_erasure(listed, asked, actor=DECIDER, refusal=RefusalGround.LEGAL_CLAIM)

    assert decision is ErasureDecision.REFUSED
    assert rows(listed, Patient)[0].name_sealed is not None
    with listed.store.read() as session:
        (kept,) = erasure_requests(session)
        assert erasure_requests(session, waiting=True) == []
        assert erasure_requests(session, clinics=["elsewhere"]) == []
    assert (kept.decision, kept.refusal) == ("refused", "legal-claim")
    with pytest.raises(Conflict, match="decided already: refused"):
        decide_erasure(listed, asked, actor=DECIDER)
    # And it may be asked for again.
    propose_erasure(listed, patient, ground=GROUND, actor=PROPOSER)


def test_what_can_not_be_asked_for_is_refused(listed: AppContext):
    patient = patient_of(listed, enrol_one(listed, 1))
    propose_erasure(listed, patient, ground=GROUND, actor=PROPOSER)

    with pytest.raises(Conflict, match="waits already"):
        propose_erasure(listed, patient, ground=GROUND, actor=DECIDER)
    with pytest.raises(NotFound, match="there is no patient"):
        propose_erasure(listed, UUID(int=1), ground=GROUND, actor=PROPOSER)
    with pytest.raises(NotFound, match="there is no request"):
        decide_erasure(listed, UUID(int=1), actor=DECIDER)
    with listed.store.read() as session:
        (asked,) = erasure_requests(session, waiting=True)
    decide_erasure(listed, asked.id, actor=DECIDER)
    with pytest.raises(Conflict, match="erased already"):
        propose_erasure(listed, patient, ground=GROUND, actor=PROPOSER)


def test_records_that_were_merged_go_with_the_one_that_stayed(listed: AppContext):
    first, second, other = (patient_of(listed, enrol_one(listed, serial)) for serial in (1, 2, 3))
    with listed.store.write() as session:
        session.execute(update(Patient).where(Patient.id == second).values(merged_into=first))

    with pytest.raises(Conflict, match="was merged into patient"):
        propose_erasure(listed, second, ground=GROUND, actor=PROPOSER)
    erase(listed, first)

    erased = {it.id: it.erased_at is not None for it in rows(listed, Patient)}
    assert erased == {first: True, second: True, other: False}


# ------------------------------------------------------------------ the shred list


def test_the_list_names_all_who_were_erased_and_brings_it_over_into_a_backup(listed: AppContext):
    patients = [patient_of(listed, it) for it in enrol_many(listed, 3)]
    erase(listed, patients[0])

    assert read_shred_list(listed) == {patients[0]}
    # As a backup from before has it.
    with listed.store.write() as session:
        session.execute(update(Patient).where(Patient.id == patients[0]).values(erased_at=None))

    assert apply_shred_list(listed, actor="cli:operator") == 1
    assert apply_shred_list(listed, actor="cli:operator") == 0
    assert [it.erased_at is not None for it in rows(listed, Patient)].count(True) == 1
    erase(listed, patients[1])
    assert read_shred_list(listed) == {patients[0], patients[1]}


def test_a_list_that_is_lost_is_made_again(listed: AppContext):
    patient = patient_of(listed, enrol_one(listed, 1))
    erase(listed, patient)
    listed.shred_list.unlink()

    assert keep_shred_list(listed) == 1
    assert keep_shred_list(listed) == 0
    assert read_shred_list(listed) == {patient}


def test_a_list_that_somebody_changed_is_refused(listed: AppContext):
    patient = patient_of(listed, enrol_one(listed, 1))
    erase(listed, patient)
    text = listed.shred_list.read_text()
    for changed in (text.replace(str(patient), str(UUID(int=5))), "", "nonsense"):
        listed.shred_list.write_text(changed)
        with pytest.raises(ConfigurationError, match="find out who changed it"):
            read_shred_list(listed)


def test_without_a_list_nothing_is_written(app: AppContext):
    erase(app, patient_of(app, enrol_one(app, 1)))

    assert app.shred_list is None
    assert keep_shred_list(app) == 0
    assert apply_shred_list(app, actor="cli:operator") == 0
