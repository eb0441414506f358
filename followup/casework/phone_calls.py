"""Phone-call log: conversations with patients that staff note, with outcome and note."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.call_outcome import CallOutcome
from followup.domain.errors import InvalidInput, NotFound
from followup.store.audit_log import AuditContext, AuditEntry, record_event
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
    return app.store.transact(
        lambda session: add_call(
            session, app, app.by(actor), patient_id, outcome=outcome, note=note
        )
    )


def add_call(
    session: Session,
    app: AppContext,
    by: AuditContext,
    patient_id: UUID,
    *,
    outcome: CallOutcome,
    note: str,
    item_id: UUID | None = None,
) -> UUID:
    """Note a call in a transaction that is open."""
    patient = session.get(Patient, patient_id)
    sealer = None
    if patient is not None:
        sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    if patient is None or sealer is None:
        raise NotFound("there is no such patient, or their data was erased")
    call = Call(
        id=new_id(by.real_at),
        clinic=patient.clinic,
        patient_id=patient.id,
        item_id=item_id,
        outcome=outcome.value,
        note_sealed=sealer.seal_if(note.strip() or None, column=CALL_NOTE_COLUMN),
        at=by.at,
        made_by=by.actor,
    )
    session.add(call)
    record_event(
        session,
        by,
        AuditEntry(
            action="patient.called",
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"call": str(call.id), "outcome": outcome.value},
        ),
    )
    return call.id
