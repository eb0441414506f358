"""Delivery receipts: kept once, matched to their attempt, applied or parked."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, literal, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.reasons import Reason
from followup.messages.provider_report import apply_report, correct_account, lock_attempts
from followup.providers.interface import ProviderReport, ReportedStatus
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.messages import Attempt, Receipt
from followup.tracing.spans import Field, Span, SpanRef, attempt_ref, current_span
from followup.tracing.traces import new_span

MAX_PROVIDER_ID, MAX_CODE, MAX_REASON = 320, 40, 300


class TakenReceipt(StrEnum):
    """What became of a receipt."""

    APPLIED = "applied"
    REPEATED = "repeated"
    PARKED = "parked"
    MISDIRECTED = "misdirected"
    """Refused: it is about an attempt that another account was called for."""


class _Found(NamedTuple):
    """The attempt that a receipt is about."""

    id: UUID
    account: str
    code: str | None
    provider_id: str | None


def take_receipt(
    app: AppContext,
    report: ProviderReport,
    *,
    provider: str,
    account: str = "",
    message_id: UUID | None = None,
    attempt_id: UUID | None = None,
) -> TakenReceipt:
    """Take in one receipt. `message_id` and `attempt_id` are ours, from the callback address.

    `account` is the one that proved to have sent it: no account may report on another's attempts.

    Receipts may come early, late, twice and out of order. One whose attempt is not known yet is
    parked, and applied when it is. Never raises for what a receipt says.
    """
    told = _cut_to_size(report)
    began = app.traces.time(message_id) if message_id else 0
    taken = app.transact(
        actors.PROVIDER,
        lambda unit: _take(
            unit,
            told,
            provider=provider,
            account=account,
            message_id=message_id,
            attempt_id=attempt_id,
        ),
    )
    if message_id and attempt_id and began and taken is not TakenReceipt.MISDIRECTED:
        _trace(app, attempt_ref(message_id, attempt_id), told, taken, began=began)
    return taken


def apply_parked_receipts(app: AppContext, *, limit: int = 200) -> int:
    """Apply parked receipts whose attempt has become known; return how many."""
    with app.store.read() as session:
        found = session.execute(_KNOWN_BY_NOW.limit(limit)).all()
    # The first of each: that by the provider's id comes before that by ours.
    parked: dict[UUID, UUID] = dict(map(tuple, reversed(found)))
    for receipt_id in sorted(parked):
        _apply_one(app, receipt_id, parked[receipt_id])
    return len(parked)


def _is_presumed(message_id: InstrumentedAttribute[UUID | None] | UUID) -> ColumnElement[bool]:
    """Return the condition that an attempt stands for whatever was made of a message unknown to us.

    That is the one of a message which may have gone out after the backup that was restored.
    """
    return (
        (Attempt.message_id == message_id)
        & (Attempt.code == Reason.RESTORED.value)
        & Attempt.provider_id.is_(None)
    )


_BY_PROVIDER_ID = Attempt.provider_id == Receipt.provider_id
_BY_OUR_IDS = (Attempt.id == Receipt.names_attempt) & (Attempt.message_id == Receipt.names_message)
_OF_THE_ACCOUNT = Attempt.account == Receipt.account
_WAYS = (
    _BY_PROVIDER_ID & _OF_THE_ACCOUNT,
    _BY_OUR_IDS & _OF_THE_ACCOUNT,
    # Nobody knows any more which account it went through: whoever reports on it, it was that one.
    _is_presumed(Receipt.names_message),
)
"""How a receipt's attempt is found, the surest first."""

_PARKED = union_all(
    *(
        select(
            Receipt.id.label("receipt_id"),
            Attempt.id.label("attempt_id"),
            literal(place).label("place"),
        )
        .join(Attempt, (Attempt.provider == Receipt.provider) & way)
        .where(Receipt.attempt_id.is_(None))
        for place, way in enumerate(_WAYS)
    )
).subquery()

# Ids begin with the time: in the order received.
_KNOWN_BY_NOW = select(_PARKED.c.receipt_id, _PARKED.c.attempt_id).order_by(
    _PARKED.c.receipt_id, _PARKED.c.place
)


def _trace(
    app: AppContext, attempt: SpanRef, told: ProviderReport, taken: TakenReceipt, *, began: int
) -> None:
    """Tell the trace of its message that a receipt came: it ends there, in whatever process."""
    request = current_span()
    app.traces.keep(
        Span(
            name="receipt",
            at=SpanRef(attempt.trace, new_span()),
            parent=attempt.span,
            began=began,
            ended=app.traces.time(attempt.trace),
            failed=told.status is ReportedStatus.FAILED,
            fields={
                Field.MESSAGE: attempt.trace,
                Field.OUTCOME: f"{told.status}.{taken}",
                Field.CODE: told.code,
            },
            links=(request,) if request else (),
        )
    )


def _apply_one(app: AppContext, receipt_id: UUID, attempt_id: UUID) -> None:
    def work(unit: UnitOfWork) -> None:
        receipt = unit.session.get_one(Receipt, receipt_id, with_for_update={"key_share": True})
        if receipt.attempt_id is None:
            receipt.attempt_id = attempt_id
            correct_account(unit.session, app, attempt_id, account=receipt.account)
            _apply(unit, attempt_id, _report_of(receipt))

    app.transact(actors.PROVIDER, work)


def _take(
    unit: UnitOfWork,
    report: ProviderReport,
    *,
    provider: str,
    account: str,
    message_id: UUID | None,
    attempt_id: UUID | None,
) -> TakenReceipt:
    session, by = unit.session, unit.by
    found = _attempt_of(
        session, report, provider=provider, message_id=message_id, attempt_id=attempt_id
    )
    is_presumed = found is not None and found.code == Reason.RESTORED and found.provider_id is None
    if found is not None and found.account != account and not is_presumed:
        return TakenReceipt.MISDIRECTED
    attempt = found.id if found is not None else None
    row = {
        "id": new_id(by.real_at),
        "provider": provider,
        "account": account,
        "provider_id": report.provider_id,
        "status": report.status.value,
        "code": report.code or "",
        "reason": report.reason,
        "recipient": report.recipient,
        "opted_out": report.opted_out,
        "attempt_id": attempt,
        "names_message": message_id,
        "names_attempt": attempt_id,
        "received_at": by.at,
        "received_real_at": by.real_at,
    }
    if not insert_new(session, Receipt, row):
        return TakenReceipt.REPEATED
    if attempt is None:
        return TakenReceipt.PARKED
    if is_presumed:
        correct_account(session, unit.app, attempt, account=account)
    _apply(unit, attempt, report)
    return TakenReceipt.APPLIED


def _apply(unit: UnitOfWork, attempt_id: UUID, report: ProviderReport) -> None:
    (row,) = lock_attempts(unit.session, [attempt_id])
    apply_report(unit, row, report)


def _attempt_of(
    session: Session,
    report: ProviderReport,
    *,
    provider: str,
    message_id: UUID | None,
    attempt_id: UUID | None,
) -> _Found | None:
    """Find the attempt, and its account, by the provider's id, else by our own.

    In that order: where two attempts of equal number and words were told apart wrongly by a
    look-up, the id stays where it was put, and the other attempt is looked for by itself. One that
    was made after a backup which has been restored since is known by its message alone.
    """
    attempt = select(Attempt.id, Attempt.account, Attempt.code, Attempt.provider_id).where(
        Attempt.provider == provider
    )
    known = session.execute(attempt.where(Attempt.provider_id == report.provider_id)).first()
    if known is not None or message_id is None or attempt_id is None:
        return None if known is None else _Found(*known)
    named = session.execute(
        attempt.where(
            or_(
                (Attempt.id == attempt_id) & (Attempt.message_id == message_id),
                _is_presumed(message_id),
            ),
        )
        .order_by(Attempt.id != attempt_id)
        .limit(1)
    ).first()
    return None if named is None else _Found(*named)


def _cut_to_size(report: ProviderReport) -> ProviderReport:
    """Return a report that can be kept: no part too long, and none with a NUL character."""
    return replace(
        report,
        provider_id=_cut(report.provider_id, MAX_PROVIDER_ID),
        code=_cut(report.code, MAX_CODE) if report.code else None,
        reason=_cut(report.reason, MAX_REASON) if report.reason else None,
    )


def _cut(text: str, length: int) -> str:
    return text.replace("\0", "")[:length]


def _report_of(receipt: Receipt) -> ProviderReport:
    return ProviderReport(
        provider_id=receipt.provider_id,
        status=ReportedStatus(receipt.status),
        code=receipt.code or None,
        reason=receipt.reason,
        recipient=receipt.recipient,
        opted_out=receipt.opted_out,
    )
