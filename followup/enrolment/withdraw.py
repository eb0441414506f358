"""Withdrawal of an enrolment: asked for by patient or clinic, or because the patient died."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.consent.cancel_unsent import (
    cancel_unsent,
    find_enrolment_for_change,
    note_on_enrolment,
)
from followup.context import AppContext, UnitOfWork
from followup.domain.errors import InvalidInput
from followup.domain.lifecycle import ONGOING_STATES, EnrolmentState
from followup.domain.reasons import Reason
from followup.enrolment.reschedule import join_follow_ups
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient

MAX_REASON = 200


def withdraw_enrolment(
    app: AppContext, enrolment_id: UUID, *, reason: str, actor: str, deceased: bool = False
) -> int:
    """End an enrolment and cancel what is not sent yet; return how many messages that was.

    With `deceased` the patient is recorded as having died and every enrolment of theirs ends that
    has not finished. One that has finished can be withdrawn too: it was a mistake, or it is where a
    death is recorded.
    """
    if not reason.strip():
        raise InvalidInput.of("reason", "say why, in a few words: they are kept, sealed")
    if len(reason) > MAX_REASON:
        raise InvalidInput.of("reason", f"use at most {MAX_REASON} characters")
    return app.transact(
        actor,
        lambda unit: withdraw_in(unit, enrolment_id, reason=reason.strip(), deceased=deceased),
    )


def withdrawal_reason(app: AppContext, enrolment: Enrolment, patient: Patient) -> str | None:
    """Return the words with which an enrolment was ended; None if it was not, or after erasure."""
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        return None
    return sealer.open_if(enrolment.ended_reason_sealed, column="enrolments.ended_reason")


def withdraw_in(
    unit: UnitOfWork,
    enrolment_id: UUID,
    *,
    reason: str,
    deceased: bool = False,
    why: str = "by-staff",
) -> int:
    """Do what `withdraw_enrolment` does, within a transaction; `why` is for the audit trail."""
    session, by = unit.session, unit.by
    enrolment = find_enrolment_for_change(session, enrolment_id, lock=True)
    if enrolment.state == EnrolmentState.WITHDRAWN and not deceased:
        return 0
    ending = _ending(session, enrolment) if deceased else [enrolment]
    cancelled = cancel_unsent(
        session,
        by,
        reason=Reason.PATIENT_DIED if deceased else Reason.WITHDRAWN,
        enrolment_ids=[one.id for one in ending],
    )
    patient = session.get_one(Patient, enrolment.patient_id)
    if deceased:
        patient.deceased_at = patient.deceased_at or by.at
    for one in ending:
        _end(unit, one, patient=patient, reason=reason)
        note_on_enrolment(
            session,
            by,
            one,
            "enrolment.withdrawn",
            detail={"why": Reason.PATIENT_DIED.value if deceased else why},
        )
    if not deceased:
        # An older follow-up that had ended where this one began goes on.
        join_follow_ups(unit, patient_id=patient.id)
    return cancelled


def _end(unit: UnitOfWork, enrolment: Enrolment, *, patient: Patient, reason: str) -> None:
    sealer = unit.app.keyring.patient(patient.data_key, patient.master_key_id)
    enrolment.state = EnrolmentState.WITHDRAWN.value
    enrolment.ended_at, enrolment.finish_due_at = unit.by.at, None
    if sealer is not None:
        enrolment.ended_reason_sealed = sealer.seal(reason, column="enrolments.ended_reason")
    unit.session.flush()


def _ending(session: Session, named: Enrolment) -> list[Enrolment]:
    """Return the enrolments that the death of a patient ends, locked."""
    is_named = (Enrolment.id == named.id) & (Enrolment.state != EnrolmentState.WITHDRAWN.value)
    return list(
        session.scalars(
            select(Enrolment)
            .where(
                Enrolment.patient_id == named.patient_id,
                Enrolment.state.in_(ONGOING_STATES) | is_named,
            )
            .order_by(Enrolment.id)
            .with_for_update(key_share=True)
        )
    )
