"""Agreement to another channel: a patient who stops one may say yes to the other."""

from __future__ import annotations

from sqlalchemy import select

from followup.consent.cancel_unsent import note_on_enrolment
from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict
from followup.domain.lifecycle import ONGOING_STATES
from followup.domain.reasons import Reason
from followup.enrolment.received import CHANNELS
from followup.enrolment.reschedule import replan_timeline, write_generation
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient


def agree_to_email(unit: UnitOfWork, patient: Patient) -> int:
    """Write that a patient agreed to e-mails, and plan anew what is to come; return how often.

    Each enrolment that goes on is planned with both channels, so that what can't go by text goes
    by e-mail. Raises `Conflict` where there is no address.
    """
    if patient.email_index is None:
        raise Conflict(
            "there is no e-mail address of this patient: enter it first, under Correct number or "
            "e-mail"
        )
    concerned = unit.session.scalars(
        select(Enrolment)
        .where(Enrolment.patient_id == patient.id, Enrolment.state.in_(ONGOING_STATES))
        .order_by(Enrolment.id)
        .with_for_update(key_share=True)
    ).all()
    lacking = [one for one in concerned if ChannelKind.EMAIL.value not in one.channels]
    for enrolment in lacking:
        enrolment.channels = [*enrolment.channels, ChannelKind.EMAIL.value]
        changed = replan_timeline(unit.session, unit.app, enrolment, enrolment.procedure_at)
        write_generation(
            unit,
            enrolment,
            changed,
            procedure_at=enrolment.procedure_at,
            reason=Reason.CORRECTED,
        )
        note_on_enrolment(
            unit.session,
            unit.by,
            enrolment,
            "enrolment.corrected",
            detail={"fields": [CHANNELS]},
        )
    return len(lacking)
