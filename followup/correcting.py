"""Correcting how a patient is reached, and planning again what failed and is still useful."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from followup.changes import plan_lost_again
from followup.domain.confirmed import Confirmed
from followup.domain.errors import NotFound
from followup.kit import Kit
from followup.number_check import keep_confirmed, said_of
from followup.store import patients
from followup.store.audit_log import Deed, Entry, record
from followup.store.models import Patient


def correct_contacts(
    kit: Kit,
    patient_id: UUID,
    *,
    mobile: str | None,
    email: str | None,
    number: Confirmed | None = None,
    actor: str,
) -> tuple[str, ...]:
    """Write a patient's addresses anew (None keeps one); return the names of what changed.

    `number` is how staff made sure of the mobile number. What had failed and is still useful is
    planned again, in the same transaction: an address that is right never stays behind without the
    advice that it was corrected for.
    """
    return kit.store.transact(
        lambda session: correct_in(
            session, kit, kit.deed(actor), patient_id, mobile=mobile, email=email, number=number
        )
    )


def correct_in(
    session: Session,
    kit: Kit,
    deed: Deed,
    patient_id: UUID,
    *,
    mobile: str | None,
    email: str | None,
    number: Confirmed | None = None,
) -> tuple[str, ...]:
    """Do what `correct_contacts` does, in the transaction of whoever does more with it."""
    changed = _correct(session, kit, deed, patient_id, mobile=mobile, email=email, number=number)
    if changed:
        plan_lost_again(session, kit, deed, patient_id=patient_id)
    return changed


def _correct(
    session: Session,
    kit: Kit,
    deed: Deed,
    patient_id: UUID,
    *,
    mobile: str | None,
    email: str | None,
    number: Confirmed | None,
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
    keep_confirmed(session, kit, deed, patient, number if mobile else None)
    if changed:
        record(
            session,
            deed,
            Entry(
                action="patient.changed",
                clinic=patient.clinic,
                patient_id=patient.id,
                detail={"fields": list(changed), **said_of(number if mobile else None)},
            ),
        )
        session.flush()
    return changed
