"""Reading needs (accessible information): kept, and acted on.

Large print is done by the messages themselves. What they can't do, a person does: where texts are
of no use and there is no e-mail address, and where somebody needs easy-read words.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from followup.consent.objections import lodge_objection
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.needs import ReadingNeed
from followup.patients.records import needs_of, set_needs
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.models.patients import Patient
from followup.worklist.items import NewItem, open_item

SOURCE = "staff"
KIND = "reading-need"


def change_needs(
    session: Session,
    app: AppContext,
    by: AuditContext,
    patient: Patient,
    needs: frozenset[ReadingNeed],
    *,
    enrolment_id: UUID | None,
) -> bool:
    """Write what a patient needs, and act on what is new; return False if it stood there.

    One to whom texts are of no use gets none from now on. Raises `NotFound` after an erasure.
    """
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    before = needs_of(patient.needs_sealed, sealer) if sealer else frozenset()
    if not set_needs(patient, app.keyring, needs):
        return False
    session.flush()
    record_event(
        session,
        by,
        AuditEntry(
            action="patient.changed",
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"fields": ["needs"]},
        ),
    )
    if ReadingNeed.NO_TEXTS in needs - before:
        lodge_objection(session, app, by, patient=patient, channel=ChannelKind.SMS, source=SOURCE)
    ask_for_help(session, app, by, patient, needs - before, enrolment_id=enrolment_id)
    return True


def ask_for_help(
    session: Session,
    app: AppContext,
    by: AuditContext,
    patient: Patient,
    new: frozenset[ReadingNeed],
    *,
    enrolment_id: UUID | None,
) -> None:
    """Ask a person to do for a patient what messages can't do."""
    unreached = ReadingNeed.NO_TEXTS in new and patient.email_index is None
    for need, wanted in (
        (ReadingNeed.EASY_READ, ReadingNeed.EASY_READ in new),
        (ReadingNeed.NO_TEXTS, unreached),
    ):
        if wanted:
            open_item(
                session,
                app,
                by,
                NewItem(
                    subject=f"{KIND}:{need}:{enrolment_id or patient.id}",
                    kind=KIND,
                    clinic=patient.clinic,
                    # What it is stands with the patient, sealed.
                    cause=KIND,
                    patient_id=patient.id,
                    enrolment_id=enrolment_id,
                ),
            )
