"""Merges of a patient, as pages and commands ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.merging.merge import REASON_COLUMN
from followup.store.models.merges import PatientMerge
from followup.store.models.patients import Patient


def merges_of(session: Session, patient_id: UUID) -> Sequence[PatientMerge]:
    """Return the merges in force in which a record took part, the latest first."""
    mine = (PatientMerge.survivor_id == patient_id) | (PatientMerge.duplicate_id == patient_id)
    return session.scalars(
        select(PatientMerge)
        .where(mine, PatientMerge.undone_at.is_(None))
        .order_by(PatientMerge.id.desc())
    ).all()


def reason_of(session: Session, app: AppContext, merge: PatientMerge) -> str | None:
    """Return why two records were merged; None after the survivor's data was erased."""
    patient = session.get_one(Patient, merge.survivor_id)
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    return sealer.open_if(merge.reason_sealed, column=REASON_COLUMN) if sealer else None
