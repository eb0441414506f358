"""Patient history: everything that happened with one patient."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from followup.domain.reasons import Reason
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.merges import PatientMerge
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.patients import Objection, Patient
from followup.store.models.staff import Call
from followup.store.models.worklist import WorklistItem

PATIENT_ACTIONS = (
    "enrolment.created",
    "enrolment.paused",
    "enrolment.resumed",
    "enrolment.rescheduled",
    "enrolment.withdrawn",
    "enrolment.finished",
    "enrolment.reopened",
    "enrolment.corrected",
    "enrolment.superseded",
    "objection.lodged",
    "objection.lifted",
    "patient.changed",
    "patient.address-unusable",
    "erasure.proposed",
    "erasure.refused",
    "patient.erased",
    "patient.merged",
    "patient.unmerged",
)
"""Actions of the audit trail that a patient's timeline shows."""
OF_BOTH_RECORDS = ("patient.merged", "patient.unmerged")


def find_patient(session: Session, patient_id: UUID) -> Patient | None:
    """Return a patient."""
    return session.get(Patient, patient_id)


def enrolments_of(session: Session, patient_id: UUID) -> Sequence[Enrolment]:
    """Return the enrolments of a patient, the latest first."""
    return session.scalars(
        select(Enrolment)
        .where(Enrolment.patient_id == patient_id)
        .order_by(Enrolment.procedure_at.desc(), Enrolment.id.desc())
    ).all()


def messages_of(session: Session, patient_id: UUID) -> Sequence[Message]:
    """Return the messages of a patient, without those that others took the place of."""
    later = aliased(Message)
    planned_anew = exists().where(
        later.enrolment_id == Message.enrolment_id,
        later.generation > Message.generation,
        later.step == Message.step,
        later.occurrence == Message.occurrence,
    )
    elsewhere = Message.reason.in_([Reason.RESCHEDULED.value, Reason.MERGED.value])
    corrected = (Message.reason == Reason.CORRECTED.value) & planned_anew
    # Past when the patient was enrolled, and so again each time that the timeline is updated.
    told_again = (Message.reason == Reason.ALREADY_PAST.value) & planned_anew
    replaced = ((Message.state == "cancelled") & (elsewhere | corrected)) | told_again
    return session.scalars(
        select(Message)
        .where(Message.patient_id == patient_id, or_(Message.reason.is_(None), ~replaced))
        .order_by(Message.due_at, Message.id)
    ).all()


def texts_of(session: Session, patient: Patient) -> Sequence[InboundMessage]:
    """Return the texts that came from a patient, or from a number that several share."""
    mine = [InboundMessage.patient_id == patient.id]
    if patient.mobile_index is not None:
        shared = InboundMessage.patient_id.is_(None)
        mine.append(shared & (InboundMessage.address_index == patient.mobile_index))
    return session.scalars(
        select(InboundMessage).where(or_(*mine)).order_by(InboundMessage.received_at)
    ).all()


def calls_of(session: Session, patient_id: UUID) -> Sequence[Call]:
    """Return the calls that staff noted."""
    return session.scalars(
        select(Call).where(Call.patient_id == patient_id).order_by(Call.at, Call.id)
    ).all()


def actions_of(session: Session, patient_id: UUID) -> Sequence[AuditEvent]:
    """Return what was decided about a patient, whichever of their records it was, in order.

    A merge and its undoing are told of both records, also once they are two again.
    """
    records = select(Patient.id).where(
        (Patient.id == patient_id) | (Patient.merged_into == patient_id)
    )
    merged = select(PatientMerge.duplicate_id).where(PatientMerge.survivor_id == patient_id)
    return session.scalars(
        select(AuditEvent)
        .where(
            or_(
                AuditEvent.patient_id.in_(records) & AuditEvent.action.in_(PATIENT_ACTIONS),
                AuditEvent.patient_id.in_(merged) & AuditEvent.action.in_(OF_BOTH_RECORDS),
            )
        )
        .order_by(AuditEvent.id)
    ).all()


def objections_of(session: Session, patient: Patient) -> Sequence[Objection]:
    """Return the objections in force of a patient, and of their addresses."""
    indexes = [index for index in (patient.mobile_index, patient.email_index) if index is not None]
    mine = [Objection.patient_id == patient.id, Objection.contact_index.in_(indexes)]
    return session.scalars(
        select(Objection).where(Objection.lifted_at.is_(None), or_(*mine)).order_by(Objection.id)
    ).all()


def items_of(session: Session, patient_id: UUID) -> Sequence[WorklistItem]:
    """Return what waits for a person about a patient, the oldest first."""
    return session.scalars(
        select(WorklistItem)
        .where(WorklistItem.patient_id == patient_id, WorklistItem.state != "closed")
        .order_by(WorklistItem.opened_at)
    ).all()
