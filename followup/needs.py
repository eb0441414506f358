"""Keeping what helps a patient to take in what we send, and doing what it asks for.

Large print is done by the messages themselves. What they can't do, a person does: where texts are
of no use and there is no e-mail address, and where somebody needs easy-read words.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.needs import Need
from followup.kit import Kit
from followup.objections import lodge
from followup.store.audit_log import Deed, Entry, record
from followup.store.models import Patient
from followup.store.patients import needs_of, set_needs
from followup.worklist import Task, open_item

SOURCE = "staff"
KIND = "reading-need"


def change_needs(
    session: Session,
    kit: Kit,
    deed: Deed,
    patient: Patient,
    needs: frozenset[Need],
    *,
    enrolment_id: UUID | None,
) -> bool:
    """Write what a patient needs, and act on what is new; return False if it stood there.

    One to whom texts are of no use gets none from now on. Raises `NotFound` after an erasure.
    """
    sealer = kit.keyring.patient(patient.data_key, patient.master_key_id)
    before = needs_of(patient.needs_sealed, sealer) if sealer else frozenset()
    if not set_needs(patient, kit.keyring, needs):
        return False
    session.flush()
    record(
        session,
        deed,
        Entry(
            action="patient.changed",
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"fields": ["needs"]},
        ),
    )
    if Need.NO_TEXTS in needs - before:
        lodge(session, kit, deed, patient=patient, channel=ChannelKind.SMS, source=SOURCE)
    ask_for_help(session, kit, deed, patient, needs - before, enrolment_id=enrolment_id)
    return True


def ask_for_help(
    session: Session,
    kit: Kit,
    deed: Deed,
    patient: Patient,
    new: frozenset[Need],
    *,
    enrolment_id: UUID | None,
) -> None:
    """Ask a person to do for a patient what messages can't do."""
    unreached = Need.NO_TEXTS in new and patient.email_index is None
    for need, wanted in ((Need.EASY_READ, Need.EASY_READ in new), (Need.NO_TEXTS, unreached)):
        if wanted:
            open_item(
                session,
                kit,
                deed,
                Task(
                    subject=f"{KIND}:{need}:{enrolment_id or patient.id}",
                    kind=KIND,
                    clinic=patient.clinic,
                    # What it is stands with the patient, sealed.
                    cause=KIND,
                    patient_id=patient.id,
                    enrolment_id=enrolment_id,
                ),
            )
