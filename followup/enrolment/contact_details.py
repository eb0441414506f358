"""Contact details: corrected by staff, with what failed and is still useful planned again."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.errors import NotFound
from followup.domain.number_confirmation import NumberConfirmation
from followup.enrolment.number_verification import keep_confirmed, verification_note
from followup.enrolment.reschedule import plan_lost_again
from followup.patients import records as patients
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.patients import Patient


def correct_contacts(
    app: AppContext,
    patient_id: UUID,
    *,
    mobile: str | None,
    email: str | None,
    number: NumberConfirmation | None = None,
    actor: str,
) -> tuple[str, ...]:
    """Write a patient's addresses anew (None keeps one); return the names of what changed.

    `number` is how staff made sure of the mobile number. What had failed and is still useful is
    planned again, in the same transaction: an address that is right never stays behind without the
    advice that it was corrected for.
    """
    return app.transact(
        actor,
        lambda unit: correct_contacts_in(
            unit, patient_id, mobile=mobile, email=email, number=number
        ),
    )


def correct_contacts_in(
    unit: UnitOfWork,
    patient_id: UUID,
    *,
    mobile: str | None,
    email: str | None,
    number: NumberConfirmation | None = None,
) -> tuple[str, ...]:
    """Do what `correct_contacts` does, in the transaction of whoever does more with it."""
    changed = _correct(unit, patient_id, mobile=mobile, email=email, number=number)
    if changed:
        plan_lost_again(unit, patient_id=patient_id)
    return changed


def remove_contact_in(unit: UnitOfWork, patient_id: UUID, channel: ChannelKind) -> bool:
    """Take an address off a patient, within a transaction; return False where there was none.

    What was planned to go there finds no address, and goes another way or to a person.
    """
    patient = unit.session.get(Patient, patient_id, with_for_update=True)
    name = "mobile" if channel is ChannelKind.SMS else "email"
    if patient is None or getattr(patient, f"{name}_sealed") is None:
        return False
    for part in ("sealed", "index", "unusable"):
        setattr(patient, f"{name}_{part}", None)
    if channel is ChannelKind.SMS:
        patient.mobile_confirmed = patient.mobile_confirmed_by = None
        patient.mobile_confirmed_at = None
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action="patient.changed",
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"fields": [name]},
        ),
    )
    unit.session.flush()
    return True


def _correct(
    unit: UnitOfWork,
    patient_id: UUID,
    *,
    mobile: str | None,
    email: str | None,
    number: NumberConfirmation | None,
) -> tuple[str, ...]:
    patient = unit.session.get(Patient, patient_id, with_for_update=True)
    person = patients.read_patient(patient, unit.app.keyring) if patient is not None else None
    if patient is None or person is None:
        raise NotFound("there is no such patient, or their data was erased")
    changed = patients.update_patient(
        unit.session,
        patient,
        unit.app.keyring,
        replace(person, mobile=mobile or person.mobile, email=email or person.email),
    )
    keep_confirmed(unit, patient, number if mobile else None)
    if changed:
        record_event(
            unit.session,
            unit.by,
            AuditEntry(
                action="patient.changed",
                clinic=patient.clinic,
                patient_id=patient.id,
                detail={"fields": list(changed), **verification_note(number if mobile else None)},
            ),
        )
        unit.session.flush()
    return changed
