"""Correction to a patient whose procedure has moved: what they were told to do is not for now yet.

The words are those of the message `procedure-moved`, approved like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.content.check import PROCEDURE_MOVED
from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import MAY_HAVE_ARRIVED, UNSENT_STATES
from followup.domain.protocols.repetition import GivenBefore
from followup.messages.one_off_texts import one_off_advice, plan_beside_timeline
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message


def is_corrected(session: Session, enrolment: Enrolment, wrong: Iterable[GivenBefore]) -> bool:
    """Say whether the patient was told since that what they have is not for now."""
    told = session.scalar(
        select(func.max(Message.sent_at)).where(
            Message.enrolment_id == enrolment.id,
            Message.template == PROCEDURE_MOVED,
            Message.state.in_([state.value for state in MAY_HAVE_ARRIVED]),
        )
    )
    return told is not None and all(each.message.at <= told for each in wrong)


def correction_waits_until(session: Session, enrolment: Enrolment) -> datetime | None:
    """Return until when such a correction is of use that is not sent yet; None where none is."""
    return session.scalar(
        select(func.max(Message.not_after)).where(
            Message.enrolment_id == enrolment.id,
            Message.template == PROCEDURE_MOVED,
            Message.state.in_([state.value for state in UNSENT_STATES]),
        )
    )


def send_correction(
    unit: UnitOfWork,
    enrolment: Enrolment,
    *,
    until: datetime,
    reachable: Collection[ChannelKind],
) -> None:
    """Plan the correction for now. It is of use until the first of that advice is right."""
    channels = [channel for channel in ChannelKind if channel in reachable]
    notice = one_off_advice(
        unit.by,
        enrolment,
        template=PROCEDURE_MOVED,
        channel=channels[0] if channels else ChannelKind.SMS,
        may_fall_back=len(channels) > 1,
        not_after=until,
    )
    plan_beside_timeline(unit, enrolment, notice)
