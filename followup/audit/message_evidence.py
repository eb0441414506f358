"""Evidence of one message: attempts, receipts, and the exact versions of its words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.store.models.messages import Attempt, ContentVersion, Receipt
from followup.store.models.worklist import WorklistItem


def attempts_of(session: Session, message_ids: Collection[UUID]) -> dict[UUID, list[Attempt]]:
    """Return the attempts of each message, in the order made."""
    found: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    query = select(Attempt).where(Attempt.message_id.in_(message_ids)).order_by(Attempt.number)
    for attempt in session.scalars(query):
        found[attempt.message_id].append(attempt)
    return found


def receipts_of(session: Session, attempt_ids: Collection[UUID]) -> dict[UUID, list[Receipt]]:
    """Return the receipts of each attempt, in the order they came."""
    found: defaultdict[UUID, list[Receipt]] = defaultdict(list)
    query = select(Receipt).where(Receipt.attempt_id.in_(attempt_ids))
    for receipt in session.scalars(query.order_by(Receipt.received_at, Receipt.id)):
        if receipt.attempt_id is not None:
            found[receipt.attempt_id].append(receipt)
    return found


def versions_of(session: Session, version_ids: Collection[str]) -> dict[str, ContentVersion]:
    """Return the template versions with these ids."""
    query = select(ContentVersion).where(ContentVersion.id.in_(version_ids))
    return {version.id: version for version in session.scalars(query)}


def items_of(session: Session, enrolment_id: UUID) -> Sequence[WorklistItem]:
    """Return what persons were asked to do about an enrolment, in the order opened."""
    return session.scalars(
        select(WorklistItem)
        .where(WorklistItem.enrolment_id == enrolment_id)
        .order_by(WorklistItem.opened_at, WorklistItem.id)
    ).all()
