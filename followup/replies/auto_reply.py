"""Automatic replies to inbound texts: which one, how often, and as a message like any other.

An answer is a row of `messages`, so that it goes out through the same dispatcher, is proved by the
same receipts and stands in the same balance. It is seldom enough that two robots which answer each
other soon fall silent.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.domain.auto_reply import CONFIRMATIONS, FOR_SAFETY
from followup.domain.clinics.clinic import Clinic
from followup.domain.message_kind import MessageKind
from followup.messages.one_off import one_off_text
from followup.store.audit_log import AuditContext
from followup.store.encryption.sealing import Sealer
from followup.store.models.messages import InboundMessage, Message

USEFUL_FOR = timedelta(hours=1)
"""An answer that could not be sent by then would only puzzle."""

DAY = timedelta(days=1)
APART = timedelta(hours=1)
"""One conversation: within it, the same advice is given once."""
ALIKE_A_DAY = 3
ANSWERS_A_DAY = 6
"""Confirmations included: a machine that says STOP and START in turn must not go on for ever."""


def may_answer(session: Session, template: str, *, index: bytes, now: datetime) -> bool:
    """Say whether the number of this index has not had enough answers yet.

    Advice on what to do now is held back by nothing but its own kind: at most once in one
    conversation and three times a day.
    """
    given = session.execute(
        select(Message.template, Message.created_at)
        .join(InboundMessage, InboundMessage.answer_id == Message.id)
        .where(InboundMessage.address_index == index, Message.created_at > now - DAY)
    ).all()
    for_safety = template in FOR_SAFETY
    if not for_safety and sum(row.template not in FOR_SAFETY for row in given) >= ANSWERS_A_DAY:
        return False
    if template in CONFIRMATIONS:
        return True
    # All that is not about safety says first of all that nobody watches: once is enough.
    alike = [
        row.created_at
        for row in given
        if row.template not in CONFIRMATIONS and (row.template in FOR_SAFETY) == for_safety
    ]
    return len(alike) < ALIKE_A_DAY and all(at <= now - APART for at in alike)


def write_answer(
    session: Session,
    by: AuditContext,
    *,
    template: str,
    clinic: Clinic,
    address: str,
    index: bytes,
    sealer: Sealer,
    owner: UUID | None,
) -> UUID:
    """Plan an answer to go at once. `sealer` is that of the patient `owner`, or the system's."""
    message = one_off_text(
        by,
        kind=MessageKind.REPLY,
        template=template,
        clinic=clinic,
        address=address,
        index=index,
        sealer=sealer,
        owner=owner,
        not_after=by.at + USEFUL_FOR,
    )
    session.add(message)
    session.flush()
    return message.id
