"""Enrolment of a patient who wants no messages: written down all the same, and a person is asked.

They may have changed their mind with the new procedure, which only they can say.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from followup.consent.cancel_unsent import cancel_unsent
from followup.consent.in_force import ObjectionsInForce, addresses_of
from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.enrolment_objection import EnrolmentObjection
from followup.domain.item_kind import ItemKind
from followup.domain.reasons import Reason
from followup.messages.opt_out import gather_in_stopped
from followup.messages.view import utc_text
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.wording.objections import objection_text
from followup.worklist.items import NewItem, open_item


def heed_objections(
    unit: UnitOfWork,
    enrolment: Enrolment,
    patient: Patient,
    in_force: ObjectionsInForce,
    *,
    asks: bool = True,
) -> EnrolmentObjection | None:
    """Return what covers a new enrolment, and ask a person to speak to the patient about it.

    What the patient's own objection to everything covers is cancelled at once, so that it is
    planned again when they lift it. The rest is judged when it falls due: another number may have
    been given by then. Where an item asks about what they stopped, it asks about this as well.
    `asks` is false where nobody is there to be asked.
    """
    found = in_force.against(
        map(ChannelKind, enrolment.channels), patient_id=patient.id, addresses=addresses_of(patient)
    )
    if found is None:
        return None
    # Looked at before it is cancelled.
    is_asked = asks and gather_in_stopped(unit, enrolment, patient)
    if in_force.to_all_of(patient.id):
        cancel_unsent(unit.session, unit.by, reason=Reason.OBJECTION, enrolment_ids=[enrolment.id])
    if asks and not is_asked:
        _ask(unit, enrolment, found)
    return found


def _ask(unit: UnitOfWork, enrolment: Enrolment, found: EnrolmentObjection) -> None:
    open_item(
        unit,
        NewItem(
            subject=f"{ItemKind.ENROLLED_AFTER_STOP}:{enrolment.id}",
            kind=ItemKind.ENROLLED_AFTER_STOP,
            clinic=enrolment.clinic,
            cause=found.reason,
            patient_id=enrolment.patient_id,
            enrolment_id=enrolment.id,
            more={} if found.channel is None else {"channel": found.channel.value},
        ),
    )


def objection_json(objection: EnrolmentObjection, zone: ZoneInfo) -> dict[str, object]:
    """Return an objection as the machine interface writes it; `zone` is the clinic's."""
    return {
        "channel": objection.channel,
        "since": utc_text(objection.since),
        "covers_all": objection.covers_all,
        "message": objection_text(objection, zone),
    }
