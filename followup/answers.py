"""Automatic answers to texts that came in: which one, how often, and as a message like any other.

An answer is a row of `messages`, so that it goes out through the same dispatcher, is proved by the
same receipts and stands in the same balance. It is seldom enough that two robots which answer each
other soon fall silent.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.clinic import Clinic
from followup.domain.lifecycle import State
from followup.domain.protocol import Missed
from followup.store.audit_log import Deed
from followup.store.models import InboundMessage, Message
from followup.store.sealing import Sealer
from followup.store.types import new_id

UNWATCHED, STOPPED, STARTED = "reply-unwatched", "reply-stopped", "reply-started"
CALLING = "reply-calling"
"""To a patient who answered that they want to be rung."""

USEFUL_FOR = timedelta(hours=1)
"""An answer that could not be sent by then would only puzzle."""

DAY = timedelta(days=1)
UNWATCHED_APART = timedelta(hours=1)
UNWATCHED_A_DAY = 3
ANSWERS_A_DAY = 6
"""Confirmations included: a machine that says STOP and START in turn must not go on for ever."""


def may_answer(session: Session, template: str, *, index: bytes, now: datetime) -> bool:
    """Say whether the number of this index has not had enough answers yet."""
    given = session.execute(
        select(Message.template, Message.created_at)
        .join(InboundMessage, InboundMessage.answer_id == Message.id)
        .where(InboundMessage.address_index == index, Message.created_at > now - DAY)
    ).all()
    if len(given) >= ANSWERS_A_DAY:
        return False
    if template != UNWATCHED:
        return True
    alike = [row.created_at for row in given if row.template == UNWATCHED]
    return len(alike) < UNWATCHED_A_DAY and all(at <= now - UNWATCHED_APART for at in alike)


def write_answer(
    session: Session,
    deed: Deed,
    *,
    template: str,
    clinic: Clinic,
    address: str,
    index: bytes,
    sealer: Sealer,
    owner: UUID | None,
) -> UUID:
    """Plan an answer to go at once. `sealer` is that of the patient `owner`, or the system's."""
    message = Message(
        id=new_id(deed.real_at),
        kind="reply",
        clinic=clinic.key,
        patient_id=owner,
        generation=0,
        step=template,
        occurrence=1,
        template=template,
        channel=ChannelKind.SMS.value,
        # Before any advice: whoever wrote is waiting.
        priority=0,
        missed=Missed.DROP.value,
        may_fall_back=False,
        superseded=False,
        receipt_wait=0,
        address_sealed=sealer.seal(address, column="messages.address"),
        address_index=index,
        due_at=deed.at,
        not_before=deed.at,
        not_after=deed.at + USEFUL_FOR,
        zone=clinic.zone.key,
        state=State.PLANNED.value,
        state_since=deed.at,
        state_since_real=deed.real_at,
        claimable_at=deed.at,
        attempt_count=0,
        created_at=deed.at,
    )
    session.add(message)
    session.flush()
    return message.id
