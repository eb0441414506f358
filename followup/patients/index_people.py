"""Indexing of patients who were there before names were compared and searched as they are now.

A migration has no keys, and names are sealed: so a job reads each patient once and writes what they
are found by.
"""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.patients.records import identity_of, read_patient, write_likeness
from followup.patients.search_keys import write_search_keys
from followup.store.models.patients import NOT_INDEXED, Patient

INDEXING_BATCH = 200


def index_people(app: AppContext, *, limit: int = INDEXING_BATCH) -> int:
    """Index patients of before; return how many there were. Safe to run twice at once."""

    def work(session: Session) -> int:
        found = session.scalars(
            select(Patient)
            .where(text(NOT_INDEXED))
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
    write_search_keys(session, app.keyring.indexes, [(patient, person)])
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
