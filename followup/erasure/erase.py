"""Erasure of a patient: the data key is destroyed, and every other copy with it.

What is left says that a follow-up took place, when and with what outcome, and about nobody: the
audit trail, the balance and the proofs of all others stay whole. What a number or address objected
to stays as a keyed hash, so that a STOP outlives the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from followup.consent.cancel_unsent import cancel_unsent
from followup.context import UnitOfWork
from followup.domain.item_outcome import ItemOutcome
from followup.domain.lifecycle import EnrolmentState
from followup.domain.reasons import Reason
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import (
    EnrolmentDraft,
    FeedMessage,
    FeedPerson,
    FeedVisit,
    FhirKey,
    FhirResource,
)
from followup.store.models.merges import PatientMerge
from followup.store.models.messages import Attempt, InboundMessage, Message, SandboxMessage
from followup.store.models.patients import Patient, SearchKey
from followup.store.models.returned_mails import ReturnedMail
from followup.store.models.staff import Call, Draft
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import close_item_in

ERASED_EVENT = "patient.erased"

KEPT_OF_PATIENT = frozenset(
    {
        "id",
        "clinic",
        "created_at",
        "deceased_at",
        "erased_at",
        "indexed_by",
        "language",
        "merged_into",
    }
)
"""Columns of a patient that tell nothing of them."""


def erase_patient(unit: UnitOfWork, patient_id: UUID, *, request_id: UUID | None = None) -> bool:
    """Erase a patient, with every record that was merged into them; return whether there was any.

    Cancels what is not sent. A message whose call is under way goes out: it can't be called back.
    """
    _overwrite_freed_pages(unit.session)
    patients = _with_merged(unit.session, patient_id)
    for patient in patients:
        _erase(unit, patient, request_id=request_id)
    return bool(patients)


def _overwrite_freed_pages(session: Session) -> None:
    """Have SQLite write zeros over what is deleted: else it would stay readable in the file."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))


def _with_merged(session: Session, patient_id: UUID) -> Sequence[Patient]:
    """Return the patient and all whose records became theirs, locked; those that are not erased."""
    found: dict[UUID, Patient] = {}
    wanted = [patient_id]
    while wanted:
        rows = session.scalars(
            select(Patient)
            .where(Patient.id.in_(wanted) | Patient.merged_into.in_(wanted))
            .order_by(Patient.id)
            .with_for_update(key_share=True)
        ).all()
        wanted = [row.id for row in rows if row.id not in found and row.id != patient_id]
        found |= {row.id: row for row in rows}
    return [row for row in found.values() if row.erased_at is None]


def _erase(unit: UnitOfWork, patient: Patient, *, request_id: UUID | None) -> None:
    session = unit.session
    enrolments = session.scalars(
        select(Enrolment).where(Enrolment.patient_id == patient.id).with_for_update(key_share=True)
    ).all()
    ids = [enrolment.id for enrolment in enrolments]
    cancel_unsent(session, unit.by, reason=Reason.ERASED, enrolment_ids=ids)
    _close_items(unit, patient)
    _empty_messages(session, patient)
    _empty_copies(session, patient, ids)
    for enrolment in enrolments:
        _empty_enrolment(unit, enrolment)
    session.execute(delete(SearchKey).where(SearchKey.patient_id == patient.id))
    for column in Patient.__table__.columns:
        if column.key not in KEPT_OF_PATIENT:
            setattr(patient, column.key, None)
    patient.erased_at = unit.by.at
    record_event(
        session,
        unit.by,
        AuditEntry(
            action=ERASED_EVENT,
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"request": str(request_id)} if request_id else None,
        ),
    )


def _close_items(unit: UnitOfWork, patient: Patient) -> None:
    mine = WorklistItem.patient_id == patient.id
    for item_id in unit.session.scalars(
        select(WorklistItem.id).where(mine, WorklistItem.state != "closed")
    ).all():
        close_item_in(unit, item_id, outcome=ItemOutcome.ERASED)
    unit.session.execute(update(WorklistItem).where(mine).values(note_sealed=None))


def _empty_messages(session: Session, patient: Patient) -> None:
    """Empty what was said, to the patient and by them."""
    mine = select(Message.id).where(Message.patient_id == patient.id)
    attempts = select(Attempt.id).where(Attempt.message_id.in_(mine))
    session.execute(
        update(ReturnedMail)
        .where(ReturnedMail.attempt_id.in_(attempts))
        .values(content_sealed=None)
    )
    session.execute(delete(SandboxMessage).where(SandboxMessage.message_id.in_(mine)))
    session.execute(
        update(Attempt)
        .where(Attempt.message_id.in_(mine))
        .values(
            address_sealed=None,
            subject_sealed=None,
            body_sealed=None,
            html_sealed=None,
            words_salt_sealed=None,
            reason=None,
        )
    )
    session.execute(
        update(Message)
        .where(Message.patient_id == patient.id)
        .values(address_sealed=None, address_index=None, answer=None)
    )
    session.execute(
        update(InboundMessage)
        .where(InboundMessage.patient_id == patient.id)
        .values(address_sealed=None, body_sealed=None, address_index=b"", classes=[])
    )
    session.execute(update(Call).where(Call.patient_id == patient.id).values(note_sealed=None))


def _empty_copies(session: Session, patient: Patient, enrolment_ids: Sequence[UUID]) -> None:
    """Empty what feeds and forms brought about the patient, under the service's own keys."""
    visits = select(FeedVisit.id).where(FeedVisit.enrolment_id.in_(enrolment_ids))
    people = session.scalars(
        select(FeedVisit.person_id).where(FeedVisit.enrolment_id.in_(enrolment_ids))
    ).all()
    session.execute(
        update(FeedMessage)
        .where(
            (FeedMessage.patient_id == patient.id)
            | FeedMessage.enrolment_id.in_(enrolment_ids)
            | FeedMessage.person_id.in_(people)
        )
        .values(content_sealed=None)
    )
    session.execute(
        update(EnrolmentDraft)
        .where(EnrolmentDraft.enrolment_id.in_(enrolment_ids) | EnrolmentDraft.visit_id.in_(visits))
        .values(content_sealed=None)
    )
    session.execute(update(FeedPerson).where(FeedPerson.id.in_(people)).values(facts_sealed=None))
    # Of what FHIR resources said, the hash goes as well; by its number one is known again.
    sent = select(FhirResource.id).where(FhirResource.person_id.in_(people))
    session.execute(delete(FhirKey).where(FhirKey.resource_id.in_(sent), FhirKey.is_content))
    session.execute(
        update(FhirResource).where(FhirResource.person_id.in_(people)).values(content_index=b"")
    )
    session.execute(
        update(PatientMerge)
        .where((PatientMerge.survivor_id == patient.id) | (PatientMerge.duplicate_id == patient.id))
        .values(before=None, reason_sealed=None)
    )
    session.execute(
        update(Draft).where(Draft.enrolment_id.in_(enrolment_ids)).values(answers_sealed=None)
    )


def _empty_enrolment(unit: UnitOfWork, enrolment: Enrolment) -> None:
    """End an enrolment, and take what identifies or tells of health out of it."""
    if enrolment.state not in {EnrolmentState.FINISHED, EnrolmentState.WITHDRAWN}:
        enrolment.state = EnrolmentState.WITHDRAWN
        enrolment.ended_at = unit.by.at
    enrolment.finish_due_at = None
    enrolment.reference = None
    enrolment.attributes = {}
    enrolment.received = None
    enrolment.ended_reason_sealed = None
    enrolment.page_index = enrolment.page_token_sealed = enrolment.page_expires_at = None
