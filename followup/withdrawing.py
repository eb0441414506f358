"""Ending an enrolment: by the wish of the patient or the clinic, or because the patient died."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.domain.errors import InvalidInput
from followup.kit import Kit
from followup.ongoing import cancel_unsent, find, note
from followup.store.audit_log import Deed
from followup.store.models import Enrolment, Patient

MAX_REASON = 200


def withdraw(
    kit: Kit, enrolment_id: UUID, *, reason: str, actor: str, deceased: bool = False
) -> int:
    """End an enrolment and cancel what is not sent yet; return how many messages that was.

    With `deceased` the patient is recorded as having died and every enrolment of theirs ends.
    """
    if not reason.strip():
        raise InvalidInput.of("reason", "say why, in a few words: they are kept, sealed")
    if len(reason) > MAX_REASON:
        raise InvalidInput.of("reason", f"use at most {MAX_REASON} characters")
    return kit.store.transact(
        lambda session: _withdraw(
            session, kit, enrolment_id, reason=reason.strip(), actor=actor, deceased=deceased
        )
    )


def reason_of(kit: Kit, enrolment: Enrolment, patient: Patient) -> str | None:
    """Return the words with which an enrolment was ended; None if it was not, or after erasure."""
    sealer = kit.keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        return None
    return sealer.open_if(enrolment.ended_reason_sealed, column="enrolments.ended_reason")


def _withdraw(
    session: Session, kit: Kit, enrolment_id: UUID, *, reason: str, actor: str, deceased: bool
) -> int:
    deed = kit.deed(actor)
    enrolment = find(session, enrolment_id, lock=True)
    if enrolment.state == "withdrawn" and not deceased:
        return 0
    ending = _open_enrolments(session, enrolment.patient_id) if deceased else [enrolment]
    cancelled = cancel_unsent(
        session,
        deed,
        reason="patient-died" if deceased else "withdrawn",
        enrolment_ids=[one.id for one in ending],
    )
    patient = session.get_one(Patient, enrolment.patient_id)
    if deceased:
        patient.deceased_at = patient.deceased_at or deed.at
    for one in ending:
        _end(session, kit, deed, one, patient=patient, reason=reason)
        note(
            session,
            deed,
            one,
            "enrolment.withdrawn",
            detail={"why": "patient-died" if deceased else "by-staff"},
        )
    return cancelled


def _end(
    session: Session, kit: Kit, deed: Deed, enrolment: Enrolment, *, patient: Patient, reason: str
) -> None:
    sealer = kit.keyring.patient(patient.data_key, patient.master_key_id)
    enrolment.state = "withdrawn"
    enrolment.ended_at = deed.at
    if sealer is not None:
        enrolment.ended_reason_sealed = sealer.seal(reason, column="enrolments.ended_reason")
    session.flush()


def _open_enrolments(session: Session, patient_id: UUID) -> list[Enrolment]:
    return list(
        session.scalars(
            select(Enrolment)
            .where(Enrolment.patient_id == patient_id, Enrolment.state != "withdrawn")
            .order_by(Enrolment.id)
            .with_for_update(key_share=True)
        )
    )
