"""Briefing for a call about an item: what whoever rings the patient wants to know beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.content.phrases import PHRASE_PREFIX
from followup.domain.lifecycle import MAY_HAVE_ARRIVED
from followup.domain.message_kind import MessageKind
from followup.patients.history import calls_of, items_of
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.staff import Call
from followup.store.models.worklist import Escalation, WorklistItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What is known around an item. `day` is that of the patient's calendar, 0 the procedure's.

    `answer` is what was said automatically to the text that the item is about; `calls` are all with
    the patient, and `others` their other open items. `told` is whom the escalation told, in order.
    """

    enrolment: Enrolment | None
    day: int | None
    answer: Message | None
    last_advice: Message | None
    calls: Sequence[Call]
    others: Sequence[WorklistItem]
    told: Sequence[Escalation]


def read_briefing(session: Session, item: WorklistItem, *, now: datetime) -> Briefing:
    """Return what is known around an item; little of one that is about nobody who is known."""
    if item.patient_id is None:
        return Briefing(
            enrolment=None,
            day=None,
            answer=_answer(session, item),
            last_advice=None,
            calls=(),
            others=(),
            told=_told(session, item),
        )
    enrolment = _enrolment(session, item, item.patient_id)
    return Briefing(
        enrolment=enrolment,
        day=_day(enrolment, now) if enrolment else None,
        answer=_answer(session, item),
        last_advice=_last_advice(session, item.patient_id),
        calls=calls_of(session, item.patient_id),
        others=[one for one in items_of(session, item.patient_id) if one.id != item.id],
        told=_told(session, item),
    )


def _told(session: Session, item: WorklistItem) -> Sequence[Escalation]:
    return session.scalars(
        select(Escalation)
        .where(Escalation.item_id == item.id)
        .order_by(Escalation.time, Escalation.id)
    ).all()


def _enrolment(session: Session, item: WorklistItem, patient_id: UUID) -> Enrolment | None:
    if item.enrolment_id is not None:
        return session.get(Enrolment, item.enrolment_id)
    return session.scalar(
        select(Enrolment)
        .where(Enrolment.patient_id == patient_id)
        .order_by(Enrolment.procedure_at.desc())
        .limit(1)
    )


def _day(enrolment: Enrolment, now: datetime) -> int:
    zone = ZoneInfo(enrolment.zone)
    return (now.astimezone(zone).date() - enrolment.procedure_at.astimezone(zone).date()).days


def _answer(session: Session, item: WorklistItem) -> Message | None:
    if item.inbound_id is None:
        return None
    return session.scalar(
        select(Message)
        .join(InboundMessage, InboundMessage.answer_id == Message.id)
        .where(InboundMessage.id == item.inbound_id)
    )


def _last_advice(session: Session, patient_id: UUID) -> Message | None:
    return session.scalar(
        select(Message)
        .where(
            Message.patient_id == patient_id,
            Message.kind == MessageKind.ADVICE.value,
            ~Message.template.startswith(PHRASE_PREFIX),
            Message.state.in_([state.value for state in MAY_HAVE_ARRIVED]),
        )
        .order_by(Message.sent_at.desc(), Message.due_at.desc())
        .limit(1)
    )
