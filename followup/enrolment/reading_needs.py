"""Reading needs (accessible information): kept, and acted on.

Large print is done by the messages themselves. What they can't do, a person does: where texts are
of no use and there is no e-mail address, and where somebody needs easy-read words.
"""

from __future__ import annotations

from uuid import UUID

from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.consent import ObjectionSource
from followup.domain.item_kind import ItemKind
from followup.domain.needs import ReadingNeed
from followup.domain.reasons import Reason
from followup.messages.opt_out import stop_messages
from followup.patients.records import needs_of, set_needs
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.patients import Patient
from followup.worklist.items import NewItem, open_item


def change_needs(
    unit: UnitOfWork, patient: Patient, needs: frozenset[ReadingNeed], *, enrolment_id: UUID | None
) -> bool:
    """Write what a patient needs, and act on what is new; return False if it stood there.

    One to whom texts are of no use gets none from now on. Raises `NotFound` after an erasure.
    """
    sealer = unit.app.keyring.patient(patient.data_key, patient.master_key_id)
    before = needs_of(patient.needs_sealed, sealer) if sealer else frozenset()
    if not set_needs(patient, unit.app.keyring, needs):
        return False
    unit.session.flush()
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action="patient.changed",
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"fields": ["needs"]},
        ),
    )
    if ReadingNeed.NO_TEXTS in needs - before:
        stop_messages(unit, patient, channel=ChannelKind.SMS, source=ObjectionSource.STAFF)
    ask_for_help(unit, patient, needs - before, enrolment_id=enrolment_id)
    return True


def ask_for_help(
    unit: UnitOfWork, patient: Patient, new: frozenset[ReadingNeed], *, enrolment_id: UUID | None
) -> None:
    """Ask a person to do for a patient what messages can't do."""
    unreached = ReadingNeed.NO_TEXTS in new and patient.email_index is None
    for need, wanted in (
        (ReadingNeed.EASY_READ, ReadingNeed.EASY_READ in new),
        (ReadingNeed.NO_TEXTS, unreached),
    ):
        if wanted:
            open_item(
                unit,
                NewItem(
                    subject=f"{ItemKind.READING_NEED}:{need}:{enrolment_id or patient.id}",
                    kind=ItemKind.READING_NEED,
                    clinic=patient.clinic,
                    # What it is stands with the patient, sealed.
                    cause=Reason.READING_NEED,
                    patient_id=patient.id,
                    enrolment_id=enrolment_id,
                ),
            )
