"""Proposals of what may end, made by a job. It proposes, and destroys nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.retention.classes import DEFAULT_DAYS, RecordClass
from followup.retention.due import (
    BATCHES,
    OF_A_CLINIC,
    SERVICE,
    audit_due,
    count_batch,
    patients_due,
    staff_due,
)
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.models.retention import RetentionReview

PROPOSED_EVENT = "retention.proposed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What could end: of one patient, of one account, or of a clinic up to a time."""

    record_class: RecordClass
    subject: str
    upto: datetime
    clinic: str | None = None
    patient_id: UUID | None = None
    records: int = 1


def propose_retention(app: AppContext, *, limit: int = 200) -> int:
    """Propose what was kept for long enough and nobody decides on yet; return how many it was.

    What was kept longer until a day that is past is proposed again.
    """
    return app.transact(actors.SWEEPER, lambda unit: _propose(unit, limit))


def _propose(unit: UnitOfWork, limit: int) -> int:
    session = unit.session
    session.execute(
        update(RetentionReview)
        .where(RetentionReview.ended_at.is_(None), RetentionReview.keep_until <= unit.by.at)
        .values(ended_at=unit.by.at)
        .execution_options(synchronize_session=False)
    )
    rows = session.execute(
        select(RetentionReview.record_class, RetentionReview.subject).where(
            RetentionReview.ended_at.is_(None)
        )
    )
    waiting = {(row.record_class, row.subject) for row in rows}
    made = 0
    for found in _due(session, unit.app, now=unit.by.at):
        if (found.record_class.value, found.subject) in waiting:
            continue
        _add(unit, found)
        made += 1
        if made >= limit:
            break
    return made


def _due(session: Session, app: AppContext, *, now: datetime) -> Iterator[_Found]:
    for key, clinic in app.catalogue.clinics.items():
        before = now - clinic.retention.of(RecordClass.FOLLOW_UP)
        for patient in patients_due(session, app, key, before=before, now=now):
            yield _Found(
                record_class=RecordClass.FOLLOW_UP,
                subject=str(patient),
                upto=before,
                clinic=key,
                patient_id=patient,
            )
        for each in OF_A_CLINIC:
            yield from _batch(session, each, key, before=now - clinic.retention.of(each))
    for member in staff_due(session, before=now - DEFAULT_DAYS[RecordClass.STAFF]):
        yield _Found(record_class=RecordClass.STAFF, subject=str(member), upto=now)
    old = now - DEFAULT_DAYS[RecordClass.AUDIT]
    if events := audit_due(session, before=old):
        yield _Found(record_class=RecordClass.AUDIT, subject=SERVICE, upto=old, records=events)
    for each in BATCHES.keys() - set(OF_A_CLINIC):
        # Sessions count in real time, whatever the service's clock does.
        at = app.clock.real_now() if each is RecordClass.SESSIONS else now
        yield from _batch(session, each, SERVICE, before=at - DEFAULT_DAYS[each])


def _batch(
    session: Session, record_class: RecordClass, subject: str, *, before: datetime
) -> Iterator[_Found]:
    records = count_batch(session, record_class, subject, before=before)
    if records:
        yield _Found(
            record_class=record_class,
            subject=subject,
            clinic=None if subject == SERVICE else subject,
            upto=before,
            records=records,
        )


def _add(unit: UnitOfWork, found: _Found) -> None:
    review = RetentionReview(
        id=new_id(unit.by.at),
        record_class=found.record_class.value,
        clinic=found.clinic,
        subject=found.subject,
        patient_id=found.patient_id,
        upto=found.upto,
        records=found.records,
        proposed_at=unit.by.at,
    )
    unit.session.add(review)
    record_event(unit.session, unit.by, entry_of(review, PROPOSED_EVENT))


def entry_of(review: RetentionReview, action: str, **detail: object) -> AuditEntry:
    """Return the audit entry of what was done about a review: codes, ids and numbers alone."""
    about = {"review": str(review.id), "class": review.record_class, "records": review.records}
    return AuditEntry(
        action=action,
        clinic=review.clinic,
        patient_id=review.patient_id,
        detail={**about, **detail},
    )
