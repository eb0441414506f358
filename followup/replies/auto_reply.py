"""Automatic replies to inbound texts: how often, and as a message like any other.

An answer is a row of `messages`, so that it goes out through the same dispatcher, is proved by the
same receipts and stands in the same balance. It is seldom enough that two robots which answer each
other soon fall silent.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.domain.auto_reply import CONFIRMATION_REPLIES, FOR_SAFETY, RED_FLAG, RED_FLAG_STOPPED
from followup.domain.clinics.clinic import Clinic
from followup.domain.message_kind import MessageKind
from followup.messages.one_off_texts import one_off_text
from followup.store.audit_log import AuditContext
from followup.store.encryption.sealing import Sealer
from followup.store.models.messages import InboundMessage, Message

USEFUL_FOR = timedelta(hours=1)
"""An answer that could not be sent by then would only puzzle."""

DAY = timedelta(days=1)
ALIKE_APART = timedelta(hours=1)
"""One conversation: within it, the very same advice is given once."""
ALIKE_A_DAY = 6
ANSWERS_A_DAY = 12
"""Confirmations included: two machines that answer each other must not go on for ever."""


def may_answer(session: Session, template: str, *, index: bytes, now: datetime) -> bool:
    """Say whether the number of this index has not had enough answers yet.

    Only the very same advice is held back within a conversation; the limits of a day stop two
    machines. Advice on what to do now is counted by itself.
    """
    given = session.execute(
        select(Message.template, Message.created_at)
        .join(InboundMessage, InboundMessage.answer_id == Message.id)
        .where(InboundMessage.address_index == index, Message.created_at > now - DAY)
    ).all()
    if template not in FOR_SAFETY:
        others = sum(row.template not in FOR_SAFETY for row in given)
        if others >= ANSWERS_A_DAY:
            return False
    if template in CONFIRMATION_REPLIES:
        return True
    alike = [row.created_at for row in given if _tells(row.template) == _tells(template)]
    return len(alike) < ALIKE_A_DAY and all(at <= now - ALIKE_APART for at in alike)


def _tells(template: str) -> str:
    """Return what a template tells: that of a red flag says the same where it confirms a stop."""
    return RED_FLAG if template == RED_FLAG_STOPPED else template


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
    protocol: str | None,
    due_at: datetime,
) -> UUID:
    """Plan an answer, in the words of a protocol.

    `sealer` is that of the patient `owner`, or the system's.
    """
    message = one_off_text(
        by,
        kind=MessageKind.REPLY,
        template=template,
        clinic=clinic,
        address=address,
        index=index,
        sealer=sealer,
        owner=owner,
        words_of=protocol,
        due_at=due_at,
        not_after=due_at + USEFUL_FOR,
    )
    session.add(message)
    session.flush()
    return message.id
