"""Indexing of patients who were there before names were compared as they are now.

A migration has no keys, and names are sealed: so a job reads each patient once and writes what they
are found by.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.patients.records import identity_of, read_patient, write_likeness
from followup.store.models.patients import Patient

INDEXING_BATCH = 200
NOT_INDEXED = Patient.indexed_by == 0


def index_people(app: AppContext, *, limit: int = INDEXING_BATCH) -> int:
    """Index patients of before; return how many there were. Safe to run twice at once."""

    def work(session: Session) -> int:
        found = session.scalars(
            select(Patient)
            .where(NOT_INDEXED, Patient.data_key.is_not(None))
            .order_by(Patient.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for patient in found:
            _index(session, app, patient)
        return len(found)

    return app.store.transact(work)


def _index(session: Session, app: AppContext, patient: Patient) -> None:
    person = read_patient(patient, app.keyring)
    if person is None:
        return
    write_likeness(patient, app.keyring.indexes, person)
    identity = app.keyring.indexes.of("identity", identity_of(person))
    taken = session.scalar(
        select(Patient.id).where(
            Patient.clinic == patient.clinic,
            Patient.identity_index == identity,
            Patient.id != patient.id,
        )
    )
    # Two that were made of one keep what they have: a person may still find both.
    if taken is None:
        patient.identity_index = identity
    session.flush()
