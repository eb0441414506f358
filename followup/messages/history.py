"""Message history: everything that is known of one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, ContentVersion, Message, Receipt
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHistory:
    """A message with what surrounds it. `place_of` is the message that it was sent instead of."""

    message: Message
    patient: Patient | None
    enrolment: Enrolment | None
    attempts: Sequence[Attempt]
    receipts: Sequence[Receipt]
    versions: Sequence[ContentVersion]
    place_of: Message | None
    in_its_place: Message | None
    items: Sequence[WorklistItem]


def find_message(session: Session, message_id: UUID) -> Message | None:
    """Return a message."""
    return session.get(Message, message_id)


def history_of_message(session: Session, message: Message) -> MessageHistory:
    """Return what surrounds a message: as many queries for one attempt as for many."""
    attempts = session.scalars(
        select(Attempt).where(Attempt.message_id == message.id).order_by(Attempt.number)
    ).all()
    ids = [attempt.id for attempt in attempts]
    return MessageHistory(
        message=message,
        patient=session.get(Patient, message.patient_id) if message.patient_id else None,
        enrolment=session.get(Enrolment, message.enrolment_id) if message.enrolment_id else None,
        attempts=attempts,
        receipts=session.scalars(
            select(Receipt).where(Receipt.attempt_id.in_(ids)).order_by(Receipt.received_real_at)
        ).all(),
        versions=session.scalars(
            select(ContentVersion).where(
                ContentVersion.id.in_({attempt.content_version for attempt in attempts})
            )
        ).all(),
        place_of=session.get(Message, message.fallback_of) if message.fallback_of else None,
        in_its_place=session.scalar(select(Message).where(Message.fallback_of == message.id)),
        items=session.scalars(
            select(WorklistItem)
            .where(WorklistItem.message_id == message.id)
            .order_by(WorklistItem.opened_at)
        ).all(),
    )
