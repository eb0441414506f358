"""Phone-call log: conversations with patients that staff note, with outcome and note."""

from __future__ import annotations

from uuid import UUID

from followup.context import AppContext, UnitOfWork
from followup.domain.call_outcome import CallOutcome
from followup.domain.errors import InvalidInput, NotFound
from followup.store.audit_log import AuditEntry, record_event
from followup.store.encryption.columns import CALL_NOTE_COLUMN
from followup.store.engine.types import new_id
from followup.store.models.patients import Patient
from followup.store.models.staff import Call

LONGEST_NOTE = 2000


def record_call(
    app: AppContext, patient_id: UUID, *, outcome: CallOutcome, note: str, actor: str
) -> UUID:
    """Note a call; raise `InvalidInput` for a note that is too long."""
    if len(note) > LONGEST_NOTE:
        raise InvalidInput.of("note", f"use at most {LONGEST_NOTE} characters")
    return app.transact(actor, lambda unit: add_call(unit, patient_id, outcome=outcome, note=note))


def add_call(
    unit: UnitOfWork,
    patient_id: UUID,
    *,
    outcome: CallOutcome,
    note: str,
    item_id: UUID | None = None,
) -> UUID:
    """Note a call in a transaction that is open."""
    patient = unit.session.get(Patient, patient_id)
    sealer = None
    if patient is not None:
        sealer = unit.app.keyring.patient(patient.data_key, patient.master_key_id)
    if patient is None or sealer is None:
        raise NotFound("there is no such patient, or their data was erased")
    call = Call(
        id=new_id(unit.by.real_at),
        clinic=patient.clinic,
        patient_id=patient.id,
        item_id=item_id,
        outcome=outcome.value,
        note_sealed=sealer.seal_if(note.strip() or None, column=CALL_NOTE_COLUMN),
        at=unit.by.at,
        made_by=unit.by.actor,
    )
    unit.session.add(call)
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action="patient.called",
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"call": str(call.id), "outcome": outcome.value},
        ),
    )
    return call.id
