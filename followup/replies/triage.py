"""What is known of who sent a reply: day, step last sent, answers given.

What we know may raise how soon a person looks, and leaves out advice that is not true of the
patient. It never lowers anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.catalogue.load import Catalogue
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.message_kind import MessageKind
from followup.domain.triage.triage import Known
from followup.store.message_state import state_is
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient

REACHED = (State.SENDING, State.UNKNOWN, State.SENT, State.DELIVERED)


def known_of(
    session: Session, of: Sequence[Patient], at: datetime, *, asked: bool = False
) -> Known:
    """Return what was known, at `at`, of whoever has this number; little where several share it."""
    if len(of) != 1:
        return Known(asked=asked)
    enrolment = session.scalar(
        select(Enrolment)
        .where(Enrolment.patient_id == of[0].id)
        .order_by(Enrolment.state == EnrolmentState.WITHDRAWN.value, Enrolment.procedure_at.desc())
        .limit(1)
    )
    if enrolment is None:
        return Known(asked=asked)
    step = session.scalar(
        select(Message.step)
        .where(
            Message.enrolment_id == enrolment.id,
            Message.kind == MessageKind.ADVICE.value,
            state_is(*REACHED),
            Message.due_at <= at,
        )
        .order_by(Message.due_at.desc(), Message.id.desc())
        .limit(1)
    )
    return Known(
        day=_day(enrolment, at),
        step=step,
        attributes={key: bool(value) for key, value in enrolment.attributes.items()},
        protocol=enrolment.protocol,
        asked=asked,
    )


def _day(enrolment: Enrolment, at: datetime) -> int:
    """Return the day by the patient's calendar, 0 being that of the procedure."""
    zone = ZoneInfo(enrolment.zone)
    then, now = enrolment.procedure_at.astimezone(zone), at.astimezone(zone)
    return (now.date() - then.date()).days


def unsorted_languages(catalogue: Catalogue) -> Iterator[str]:
    """Yield a sentence for each language that a clinic writes and whose replies nobody can sort."""
    sorted_in = {triage.language for triage in catalogue.triage}
    for clinic in catalogue.clinics.values():
        for language in clinic.languages:
            if language not in sorted_in:
                yield (
                    f"clinic {clinic.key} writes {language!r}, and no file in config/triage sorts "
                    "replies in it: each goes to a person at once, as a red flag does; write one, "
                    "or see that somebody is there who reads it"
                )
