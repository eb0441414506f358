"""Merged patients: whom a record turned out to be, and all records that are of one person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from followup.store.engine.bulk import is_among
from followup.store.models.patients import Patient, SearchKey


def survivor_of(session: Session, patient: Patient) -> Patient:
    """Return who a patient turned out to be; themselves where they are nobody else."""
    while patient.merged_into is not None:
        patient = session.get_one(Patient, patient.merged_into)
    return patient


def survivors_of(session: Session, patients: Sequence[Patient]) -> list[Patient]:
    """Return who these patients are in the end, each once, in the order in which they come."""
    found = (survivor_of(session, patient) for patient in patients)
    return list({patient.id: patient for patient in found}.values())


def records_of(session: Session, patient_id: UUID) -> Sequence[Patient]:
    """Return all records of one person: that of the survivor first, then those merged into it."""
    return session.scalars(
        select(Patient)
        .where((Patient.id == patient_id) | (Patient.merged_into == patient_id))
        .order_by(Patient.merged_into.is_not(None), Patient.id)
    ).all()


def merged_into(session: Session, patient_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Return which records were merged into each of these."""
    rows = session.execute(
        select(Patient.merged_into, Patient.id)
        .where(Patient.merged_into.in_(patient_ids))
        .order_by(Patient.id)
    )
    found: dict[UUID, list[UUID]] = {}
    for survivor_id, merged_id in rows:
        if survivor_id is not None:
            found.setdefault(survivor_id, []).append(merged_id)
    return found


def is_known_by(
    patient_id: InstrumentedAttribute[UUID], column: InstrumentedAttribute[bytes | None], key: bytes
) -> ColumnElement[bool]:
    """Return the condition that a patient, or a record merged into theirs, is known by this key."""
    known = aliased(Patient)
    of = getattr(known, column.key)
    return patient_id.in_(select(func.coalesce(known.merged_into, known.id)).where(of == key))


def is_found_by(
    patient_id: InstrumentedAttribute[UUID], keys: Collection[bytes]
) -> ColumnElement[bool]:
    """Return the condition that a patient, or a record merged into theirs, has a search key."""
    known = aliased(Patient)
    return patient_id.in_(
        select(func.coalesce(known.merged_into, known.id))
        .join(SearchKey, SearchKey.patient_id == known.id)
        .where(is_among(SearchKey.key, list(keys)))
    )


def point_to(session: Session, duplicate_id: UUID, *, survivor_id: UUID) -> list[UUID]:
    """Let what was merged into a record go on with it into another; return which those are.

    So whoever was merged points to the patient who is meant in one step.
    """
    followers = session.scalars(
        select(Patient.id).where(Patient.merged_into == duplicate_id).order_by(Patient.id)
    ).all()
    repoint(session, followers, to=survivor_id)
    return list(followers)


def repoint(session: Session, patient_ids: Sequence[UUID], *, to: UUID) -> None:
    """Say of these records that they are of this patient."""
    session.execute(
        update(Patient)
        .where(Patient.id.in_(patient_ids))
        .values(merged_into=to)
        .execution_options(synchronize_session="fetch")
    )
