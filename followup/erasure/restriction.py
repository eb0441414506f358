"""Restriction of a patient's data: kept, shown to nobody but who may lift it, nothing sent.

A message is held whatever had become of it before its call: eligibility is judged at claim and
again at send, in the statements that are made anyway. What comes in about them goes to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from followup.context import AppContext, UnitOfWork
from followup.domain.erasure.restriction import LiftGround, RestrictionGround
from followup.domain.errors import Conflict, NotFound
from followup.patients.merged import records_of
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.models.patients import Patient, Restriction

PLACED, LIFTED = "restriction.placed", "restriction.lifted"
ALREADY = "this patient's data is restricted already"


def restrict(app: AppContext, patient_id: UUID, *, ground: RestrictionGround, actor: str) -> None:
    """Restrict a patient's data, with every record that was merged into theirs.

    What is unsent is held by the next look at it. Raises `Conflict` where it is restricted already,
    erased, or merged into another record.
    """

    def work(unit: UnitOfWork) -> None:
        records = _records(unit, patient_id)
        if any(one.restricted_at for one in records):
            raise Conflict(ALREADY)
        for one in records:
            one.restricted_at = unit.by.at
        unit.session.add(
            Restriction(
                id=new_id(unit.by.at),
                patient_id=patient_id,
                clinic=records[0].clinic,
                ground=ground.value,
                placed_at=unit.by.at,
                placed_by=unit.by.actor,
            )
        )
        _note(unit, records[0], PLACED, ground=ground.value)

    try:
        app.transact(actor, work)
    except IntegrityError:
        raise Conflict(ALREADY) from None


def lift_restriction(app: AppContext, patient_id: UUID, *, ground: LiftGround, actor: str) -> None:
    """Let a patient's data be shown and used again: what is still useful goes out.

    Raises `Conflict` where it is not restricted.
    """

    def work(unit: UnitOfWork) -> None:
        records = _records(unit, patient_id)
        in_force = unit.session.scalars(
            select(Restriction)
            .where(
                Restriction.patient_id.in_([one.id for one in records]),
                Restriction.lifted_at.is_(None),
            )
            .with_for_update()
        ).all()
        if not in_force:
            raise Conflict("this patient's data is not restricted")
        for one in records:
            one.restricted_at = None
        for each in in_force:
            each.lifted_at, each.lifted_by = unit.by.at, unit.by.actor
            each.lift_ground = ground.value
        _note(unit, records[0], LIFTED, ground=ground.value)

    app.transact(actor, work)


def _records(unit: UnitOfWork, patient_id: UUID) -> Sequence[Patient]:
    """Return all records of a patient, locked; raise what can't be restricted."""
    patient = unit.session.get(Patient, patient_id, with_for_update={"key_share": True})
    if patient is None:
        raise NotFound(f"there is no patient {patient_id}")
    if patient.erased_at is not None:
        raise Conflict("this patient's data was erased")
    if patient.merged_into is not None:
        raise Conflict(f"this record was merged into patient {patient.merged_into}: restrict that")
    return records_of(unit.session, patient_id)


def _note(unit: UnitOfWork, patient: Patient, action: str, *, ground: str) -> None:
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action=action,
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"ground": ground},
        ),
    )
