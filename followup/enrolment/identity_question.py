"""Question of identity: an enrolment is held while a person judges whose it is."""

from __future__ import annotations

from followup.consent.cancel_unsent import note_on_enrolment
from followup.context import UnitOfWork
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import EnrolmentState
from followup.domain.reasons import Reason
from followup.enrolment.pause import hold_messages, waits_for_identity
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.worklist.items import NewItem, open_item

ALIKE = "alike"


def hold_if_asked(
    unit: UnitOfWork, enrolment: Enrolment, patient: Patient, *, alike: Patient | None
) -> bool:
    """Hold a new enrolment whose patient may be another one; return whether it is held.

    That is one who is `alike`, about which a person is asked, or of whom it was asked before.
    """
    if alike is None and not waits_for_identity(unit.session, patient.id):
        return False
    enrolment.state = EnrolmentState.PAUSED.value
    note_on_enrolment(unit.session, unit.by, enrolment, "enrolment.paused")
    hold_messages(unit.session, unit.by, enrolment.id)
    if alike is not None:
        open_item(
            unit,
            NewItem(
                subject=f"{ItemKind.SAME_PERSON}:{patient.id}",
                kind=ItemKind.SAME_PERSON,
                clinic=enrolment.clinic,
                cause=Reason.NEARLY_ALIKE,
                patient_id=patient.id,
                enrolment_id=enrolment.id,
                more={ALIKE: str(alike.id)},
            ),
        )
    return True
