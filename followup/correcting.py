"""Correcting how a patient is reached, and planning again what failed and is still useful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.changes import reschedule
from followup.domain.errors import NotFound
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.store import patients
from followup.store.audit_log import Entry, record
from followup.store.models import Enrolment, Message, Patient

LOST = (State.FAILED, State.SUPPRESSED)
"""States of messages that a right address may still bring to the patient."""


def correct_contacts(
    kit: Kit, patient_id: UUID, *, mobile: str | None, email: str | None, actor: str
) -> tuple[str, ...]:
    """Write a patient's addresses anew (None keeps one); return the names of what changed.

    What had failed and is still useful is planned again.
    """
    changed = kit.store.transact(
        lambda session: _correct(session, kit, patient_id, mobile=mobile, email=email, actor=actor)
    )
    if changed:
        for enrolment in _with_losses(kit, patient_id):
            reschedule(kit, enrolment.id, enrolment.procedure_at, actor=actor)
    return changed


def _correct(
    session: Session,
    kit: Kit,
    patient_id: UUID,
    *,
    mobile: str | None,
    email: str | None,
    actor: str,
) -> tuple[str, ...]:
    patient = session.get(Patient, patient_id, with_for_update=True)
    person = patients.read(patient, kit.keyring) if patient is not None else None
    if patient is None or person is None:
        raise NotFound("there is no such patient, or their data was erased")
    changed = patients.update(
        patient,
        kit.keyring,
        replace(person, mobile=mobile or person.mobile, email=email or person.email),
    )
    if changed:
        record(
            session,
            kit.deed(actor),
            Entry(
                action="patient.changed",
                clinic=patient.clinic,
                patient_id=patient.id,
                detail={"fields": list(changed)},
            ),
        )
    return changed


def _with_losses(kit: Kit, patient_id: UUID) -> Sequence[Enrolment]:
    """Return the patient's open enrolments of which something useful did not arrive."""
    with kit.store.read() as session:
        return session.scalars(
            select(Enrolment)
            .where(
                Enrolment.patient_id == patient_id,
                Enrolment.state.in_(["active", "paused"]),
                select(Message.id)
                .where(
                    Message.enrolment_id == Enrolment.id,
                    Message.generation == Enrolment.generation,
                    Message.state.in_([state.value for state in LOST]),
                    Message.not_after > kit.clock.now(),
                )
                .exists(),
            )
            .order_by(Enrolment.id)
        ).all()
