"""Records that were kept for long enough: found and counted by class, and destroyed.

Of each class the whole rule stands here: what is meant, by when it was last of use, what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from followup.context import AppContext
from followup.domain.lifecycle import EnrolmentState
from followup.domain.retention.classes import RecordClass, child_until
from followup.patients.records import read_patient
from followup.store.models.audit import AuditEvent
from followup.store.models.base import Base
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import FeedMessage, FeedPerson, FeedVisit
from followup.store.models.messages import InboundMessage, SandboxMessage
from followup.store.models.patients import Patient
from followup.store.models.releases import KeptKey
from followup.store.models.staff import Call, Invitation, Staff, StaffSession

GOES_ON = (EnrolmentState.ACTIVE.value, EnrolmentState.PAUSED.value)
SERVICE = "service"
"""Whose what belongs to no clinic is."""


def patients_due(
    session: Session, app: AppContext, clinic: str, *, before: datetime, now: datetime
) -> Iterator[UUID]:
    """Yield the patients of a clinic who were last seen before then, children by their age."""
    query = select(Patient).where(
        Patient.clinic == clinic, Patient.merged_into.is_(None), *_long_unseen(before)
    )
    for patient in session.scalars(query.order_by(Patient.id)):
        seen = last_seen(session, patient)
        person = read_patient(patient, app.keyring)
        born = person.date_of_birth if person else None
        until = child_until(born, last_seen=seen) if born else None
        if until is None or datetime.combine(until, time(), ZoneInfo("UTC")) <= now:
            yield patient.id


def _long_unseen(before: datetime) -> Iterator[ColumnElement[bool]]:
    yield Patient.erased_at.is_(None)
    yield Patient.created_at < before
    merged = aliased(Patient)
    own = or_(
        Enrolment.patient_id == Patient.id,
        Enrolment.patient_id.in_(select(merged.id).where(merged.merged_into == Patient.id)),
    )
    lately = or_(
        Enrolment.procedure_at >= before,
        Enrolment.ended_at >= before,
        Enrolment.state.in_(GOES_ON),
    )
    yield ~exists().where(own, lately)
    yield ~exists().where(
        InboundMessage.patient_id == Patient.id, InboundMessage.received_at >= before
    )
    yield ~exists().where(Call.patient_id == Patient.id, Call.at >= before)


def is_due(session: Session, patient_id: UUID, *, before: datetime) -> bool:
    """Say whether a patient was not seen since."""
    query = select(Patient.id).where(Patient.id == patient_id, *_long_unseen(before))
    return session.scalar(query) is not None


def last_seen(session: Session, patient: Patient) -> datetime:
    """Return when a patient was last seen or heard of."""
    of = patient.id
    asked = (
        select(func.max(Enrolment.procedure_at)).where(Enrolment.patient_id == of),
        select(func.max(InboundMessage.received_at)).where(InboundMessage.patient_id == of),
        select(func.max(Call.at)).where(Call.patient_id == of),
    )
    times = [session.scalar(query) for query in asked]
    return max((at for at in times if at is not None), default=patient.created_at)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What of one table is meant by a class, and how it is destroyed: None deletes the rows."""

    table: type[Base]
    meant: Callable[[datetime, str], list[ColumnElement[bool]]]
    emptied: dict[str, Any] | None = None


def _never_enrolled() -> ColumnElement[bool]:
    return ~exists().where(
        FeedVisit.person_id == FeedPerson.id, FeedVisit.enrolment_id.is_not(None)
    )


BATCHES: dict[RecordClass, tuple[_Batch, ...]] = {
    RecordClass.RAW_INTAKE: (
        _Batch(
            FeedMessage,
            lambda before, clinic: [
                FeedMessage.content_sealed.is_not(None),
                FeedMessage.received_at < before,
                FeedMessage.patient_id.is_(None),
                or_(FeedMessage.clinic == clinic, FeedMessage.clinic.is_(None)),
            ],
            {"content_sealed": None},
        ),
        _Batch(
            FeedPerson,
            lambda before, _: [
                FeedPerson.facts_sealed.is_not(None),
                FeedPerson.created_at < before,
                _never_enrolled(),
            ],
            {"facts_sealed": None},
        ),
    ),
    RecordClass.REPLIES: (
        _Batch(
            InboundMessage,
            lambda before, clinic: [
                InboundMessage.body_sealed.is_not(None),
                InboundMessage.patient_id.is_(None),
                InboundMessage.received_at < before,
                or_(InboundMessage.clinic == clinic, InboundMessage.clinic.is_(None)),
            ],
            {"body_sealed": None, "address_sealed": None, "address_index": b"", "classes": []},
        ),
    ),
    RecordClass.SESSIONS: (
        _Batch(StaffSession, lambda before, _: [StaffSession.seen_real_at < before]),
        _Batch(Invitation, lambda before, _: [Invitation.expires_real_at < before]),
    ),
    RecordClass.SANDBOX: (
        _Batch(SandboxMessage, lambda before, _: [SandboxMessage.accepted_at < before]),
    ),
}
OF_A_CLINIC = (RecordClass.RAW_INTAKE, RecordClass.REPLIES)


def count_batch(
    session: Session, record_class: RecordClass, subject: str, *, before: datetime
) -> int:
    """Return how many records of a class a proposal up to then would be about."""
    return sum(
        session.scalar(select(func.count()).select_from(it.table).where(*it.meant(before, subject)))
        or 0
        for it in BATCHES[record_class]
    )


def destroy_batch(
    session: Session, record_class: RecordClass, subject: str, *, before: datetime
) -> int:
    """Destroy the records of a class that were last of use before then; return how many."""
    done = 0
    for it in BATCHES[record_class]:
        meant = it.meant(before, subject)
        change = (
            delete(it.table).where(*meant)
            if it.emptied is None
            else update(it.table).where(*meant).values(**it.emptied)
        )
        key = it.table.__table__.c["id"]
        change = change.execution_options(synchronize_session=False)
        done += len(session.execute(change.returning(key)).all())
    return done


def audit_due(session: Session, *, before: datetime) -> int:
    """Return how many events of the trail are from before then."""
    return (
        session.scalar(select(func.count()).select_from(AuditEvent).where(AuditEvent.at < before))
        or 0
    )


def staff_due(session: Session, *, before: datetime) -> Iterator[UUID]:
    """Yield the accounts that were closed before then, and still tell of somebody."""
    yield from session.scalars(
        select(Staff.id).where(Staff.disabled_at < before, Staff.name != FORMER).order_by(Staff.id)
    )


FORMER = "Former member of staff"


def empty_staff(session: Session, staff_id: UUID) -> int:
    """Take out of a closed account whose it was. The audit trail keeps who acted."""
    for model in (StaffSession, Invitation, KeptKey):
        session.execute(delete(model).where(model.__table__.c["staff_id"] == staff_id))
    session.execute(
        update(Staff)
        .where(Staff.id == staff_id)
        .values(
            email=f"former-{staff_id}",
            name=FORMER,
            password_hash=None,
            subject=None,
            code_key_sealed=None,
            code_step=None,
        )
    )
    return 1
