"""Evidence of one patient: what they were told, what they wrote, and what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.audit.damaged_rows import tells_damage
from followup.audit.enrolment_evidence import EvidenceMessage, evidence_of_message
from followup.audit.queries import events_of_patient
from followup.audit.verify import TrailVerdict, verify_events
from followup.context import AppContext
from followup.patients import history
from followup.patients import records as patients
from followup.store.encryption.columns import CALL_NOTE_COLUMN
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.patients import Objection, Patient
from followup.store.models.staff import Call
from followup.store.models.worklist import WorklistItem


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedReply:
    """A text that came from the patient; `text` is None where it can't be read (any more)."""

    at: datetime
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedCall:
    """A call that staff noted, with their note."""

    call: Call
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientReport:
    """Everything about a patient. `person` is None after erasure.

    `verdict` says whether the events are as they were written.
    """

    patient: Patient
    person: patients.Person | None
    made_at: datetime
    enrolments: Sequence[Enrolment]
    told: tuple[EvidenceMessage, ...]
    heard: Sequence[ReportedReply]
    rang: Sequence[ReportedCall]
    items: Sequence[WorklistItem]
    objections: Sequence[Objection]
    events: Sequence[AuditEvent]
    verdict: TrailVerdict


@tells_damage
def compile_patient_report(session: Session, app: AppContext, patient: Patient) -> PatientReport:
    """Return all that is known of a patient."""
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    rows = session.scalars(
        select(Message).where(Message.patient_id == patient.id).order_by(Message.due_at, Message.id)
    ).all()
    events = events_of_patient(session, patient.id)
    return PatientReport(
        patient=patient,
        person=patients.read_patient(patient, app.keyring),
        made_at=app.clock.now(),
        enrolments=history.enrolments_of(session, patient.id),
        told=evidence_of_message(session, app, patient, rows),
        heard=[
            ReportedReply(
                at=text.received_at,
                text=sealer.open_if(text.body_sealed, column="inbound_messages.body", row=text.id)
                if sealer is not None
                else None,
            )
            for text in _texts(session, patient)
        ],
        rang=[
            ReportedCall(
                call=call,
                note=sealer.open_if(call.note_sealed, column=CALL_NOTE_COLUMN) if sealer else None,
            )
            for call in history.calls_of(session, patient.id)
        ],
        items=session.scalars(
            select(WorklistItem)
            .where(WorklistItem.patient_id == patient.id)
            .order_by(WorklistItem.opened_at, WorklistItem.id)
        ).all(),
        objections=session.scalars(
            select(Objection).where(Objection.patient_id == patient.id).order_by(Objection.id)
        ).all(),
        events=events,
        verdict=verify_events(session, app, [event.id for event in events]),
    )


def _texts(session: Session, patient: Patient) -> Sequence[InboundMessage]:
    """Return the texts that are this patient's own: those of a shared number belong to nobody."""
    return session.scalars(
        select(InboundMessage)
        .where(InboundMessage.patient_id == patient.id)
        .order_by(InboundMessage.received_at, InboundMessage.id)
    ).all()
