"""Conversations with patients that staff note: when, with which outcome, and what was said."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from followup.domain.errors import InvalidInput, NotFound
from followup.kit import Kit
from followup.store.audit_log import Deed, Entry, record
from followup.store.models import Patient
from followup.store.staff_tables import Call
from followup.store.types import new_id

NOTE_COLUMN = "calls.note"
LONGEST_NOTE = 2000


class CallOutcome(StrEnum):
    """How a call ended."""

    SPOKE = "spoke"
    LEFT_MESSAGE = "left-message"
    NO_ANSWER = "no-answer"
    WRONG_NUMBER = "wrong-number"


def record_call(kit: Kit, patient_id: UUID, *, outcome: CallOutcome, note: str, actor: str) -> UUID:
    """Note a call; raise `InvalidInput` for a note that is too long."""
    if len(note) > LONGEST_NOTE:
        raise InvalidInput.of("note", f"use at most {LONGEST_NOTE} characters")
    return kit.store.transact(
        lambda session: add_call(
            session, kit, kit.deed(actor), patient_id, outcome=outcome, note=note
        )
    )


def add_call(
    session: Session,
    kit: Kit,
    deed: Deed,
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
        sealer = kit.keyring.patient(patient.data_key, patient.master_key_id)
    if patient is None or sealer is None:
        raise NotFound("there is no such patient, or their data was erased")
    call = Call(
        id=new_id(deed.real_at),
        clinic=patient.clinic,
        patient_id=patient.id,
        item_id=item_id,
        outcome=outcome.value,
        note_sealed=sealer.seal_if(note.strip() or None, column=NOTE_COLUMN),
        at=deed.at,
        made_by=deed.actor,
    )
    session.add(call)
    record(
        session,
        deed,
        Entry(
            action="patient.called",
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"call": str(call.id), "outcome": outcome.value},
        ),
    )
    return call.id
