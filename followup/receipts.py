"""Delivery receipts: kept once, matched to their attempt, applied or parked."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from followup.channels.interface import Report, ReportedStatus
from followup.kit import Kit
from followup.reports import apply_report, lock_attempts
from followup.store.audit_log import Deed
from followup.store.inserting import insert_new
from followup.store.models import Attempt, Receipt
from followup.store.types import new_id

ACTOR = "provider"


class Taken(StrEnum):
    """What became of a receipt."""

    APPLIED = "applied"
    REPEATED = "repeated"
    PARKED = "parked"


def take(
    kit: Kit,
    report: Report,
    *,
    provider: str,
    message_id: UUID | None = None,
    attempt_id: UUID | None = None,
) -> Taken:
    """Take in one receipt. `message_id` and `attempt_id` are ours, from the callback address.

    Receipts may come early, late, twice and out of order. One whose attempt is not known yet is
    parked, and applied when it is. Never raises for what a receipt says.
    """
    return kit.store.transact(
        lambda session: _take(
            session,
            kit,
            report,
            provider=provider,
            message_id=message_id,
            attempt_id=attempt_id,
        )
    )


def apply_parked(kit: Kit, *, limit: int = 200) -> int:
    """Apply parked receipts whose attempt has become known; return how many."""
    with kit.store.read() as session:
        parked = session.execute(
            select(Receipt.id, Attempt.id)
            .join(
                Attempt,
                (Attempt.provider == Receipt.provider)
                & (Attempt.provider_id == Receipt.provider_id),
            )
            .where(Receipt.attempt_id.is_(None))
            .order_by(Receipt.received_real_at)
            .limit(limit)
        ).all()
    for receipt_id, attempt_id in parked:
        _apply_one(kit, receipt_id, attempt_id)
    return len(parked)


def _apply_one(kit: Kit, receipt_id: UUID, attempt_id: UUID) -> None:
    def work(session: Session) -> None:
        receipt = session.get_one(Receipt, receipt_id)
        _apply(session, kit, kit.deed(ACTOR), receipt_id, attempt_id, _report_of(receipt))

    kit.store.transact(work)


def _take(
    session: Session,
    kit: Kit,
    report: Report,
    *,
    provider: str,
    message_id: UUID | None,
    attempt_id: UUID | None,
) -> Taken:
    deed = kit.deed(ACTOR)
    receipt_id = new_id(deed.real_at)
    row = {
        "id": receipt_id,
        "provider": provider,
        "provider_id": report.provider_id,
        "status": report.status.value,
        "code": report.code or "",
        "reason": report.reason,
        "recipient": report.recipient,
        "opted_out": report.opted_out,
        "attempt_id": None,
        "received_at": deed.at,
        "received_real_at": deed.real_at,
    }
    if not insert_new(session, Receipt, row):
        return Taken.REPEATED
    attempt = _attempt_of(
        session, report, provider=provider, message_id=message_id, attempt_id=attempt_id
    )
    if attempt is None:
        return Taken.PARKED
    _apply(session, kit, deed, receipt_id, attempt, report)
    return Taken.APPLIED


def _apply(
    session: Session, kit: Kit, deed: Deed, receipt_id: UUID, attempt_id: UUID, report: Report
) -> None:
    (row,) = lock_attempts(session, [attempt_id])
    session.execute(
        update(Receipt).where(Receipt.id == receipt_id).values(attempt_id=attempt_id)
    )
    apply_report(session, kit, deed, row, report)


def _attempt_of(
    session: Session,
    report: Report,
    *,
    provider: str,
    message_id: UUID | None,
    attempt_id: UUID | None,
) -> UUID | None:
    """Find the attempt by our own ids, else by the provider's."""
    if message_id is not None and attempt_id is not None:
        found = session.scalar(
            select(Attempt.id).where(
                Attempt.id == attempt_id,
                Attempt.message_id == message_id,
                Attempt.provider == provider,
            )
        )
        if found is not None:
            return found
    return session.scalar(
        select(Attempt.id).where(
            Attempt.provider == provider, Attempt.provider_id == report.provider_id
        )
    )


def _report_of(receipt: Receipt) -> Report:
    return Report(
        provider_id=receipt.provider_id,
        status=ReportedStatus(receipt.status),
        code=receipt.code or None,
        reason=receipt.reason,
        recipient=receipt.recipient,
        opted_out=receipt.opted_out,
    )
