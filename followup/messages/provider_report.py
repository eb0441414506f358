"""Provider status reports, applied to the message that they are about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, case, exists, false, or_, select, update
from sqlalchemy.orm import Session, aliased

from followup.consent.cancel_unsent import cancel_unsent_where
from followup.context import AppContext, UnitOfWork
from followup.domain.attempt_outcome import AttemptOutcome
from followup.domain.channel import ChannelKind
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import OUTCOME_KNOWN, OUTCOME_PENDING, State
from followup.domain.reasons import Reason
from followup.messages.fallback import handle_undeliverable, recipient_at_fault
from followup.providers.interface import ProviderReport, ReportedStatus
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.engine.bulk import is_among
from followup.store.message_state import move_messages
from followup.store.models.messages import Attempt, Message
from followup.worklist.items import NewItem, open_item, settle_open_items

MAX_CODE = 40

ANSWERED_KINDS = (ItemKind.FAILED, ItemKind.MISSED, ItemKind.NO_RECEIPT)
"""Kinds of worklist items that a delivery answers."""


class LockedAttempt(NamedTuple):
    """An attempt with its message, both locked; the fields are in the order of the query.

    `latest` says whether the attempt is the one that the message's state is about, `rival` whether
    another attempt of the message was taken by the provider, or is being made.
    """

    message_id: UUID
    state: str
    channel: str
    clinic: str
    patient_id: UUID | None
    enrolment_id: UUID | None
    not_after: datetime
    receipt_wait: int
    answer_wait: int | None
    answer: str | None
    receipt_due_at: datetime | None
    superseded: bool
    attempt_count: int
    attempt_id: UUID
    provider: str
    provider_id: str | None
    over_real_at: datetime
    latest: bool
    rival: bool


def lock_attempts(session: Session, attempt_ids: Sequence[UUID]) -> list[LockedAttempt]:
    """Return attempts with their messages, the messages locked by rising id."""
    session.flush()
    found = session.connection().execute(LOCKED_ATTEMPTS, {"ids": attempt_ids})
    return [*map(LockedAttempt._make, found)]


def mark_sent(unit: UnitOfWork, rows: Sequence[LockedAttempt]) -> None:
    """Move messages to `sent` that were being sent, or that nobody knew of."""

    def alike(row: LockedAttempt) -> tuple[str, str, int, int]:
        return row.state, row.channel, row.receipt_wait, _wait_for_answer(row)

    for _, group in groupby(sorted(rows, key=alike), key=alike):
        _to_sent(unit, list(group))


def apply_report(unit: UnitOfWork, row: LockedAttempt, report: ProviderReport) -> None:
    """Move a message as far as a report proves, and never backwards.

    `row` comes from `lock_attempts`, in this transaction.
    """
    if row.provider_id is not None and row.provider_id != report.provider_id:
        _suspect_duplicate(unit, row, report)
        return
    _settle_attempt(unit.session, unit.by, row, report)
    if report.status is ReportedStatus.FAILED:
        _fail(unit, row, report)
        return
    if row.rival:
        _suspect_duplicate(unit, row, report)
    state = State(row.state)
    if state not in OUTCOME_KNOWN:
        # Whatever we thought meanwhile, the provider has it: there is nothing more to send.
        _to_sent(unit, [row])
        state = State.SENT
    if report.status is ReportedStatus.DELIVERED and state is not State.DELIVERED:
        _deliver(unit.session, unit.by, row, expected=state)


def correct_account(session: Session, app: AppContext, attempt_id: UUID, *, account: str) -> None:
    """Note by which account an attempt went that was presumed after a restore, now that it shows.

    Any other attempt was written ahead with its account, and keeps it.
    """
    line = next((one for one in app.lines(ChannelKind.SMS) if one.account == account), None)
    if line is None:
        return
    session.execute(
        update(Attempt)
        .where(
            Attempt.id == attempt_id,
            Attempt.code == Reason.RESTORED.value,
            Attempt.provider_id.is_(None),
            Attempt.account != account,
        )
        .values(account=account, sender=line.sender)
        .execution_options(synchronize_session=False)
    )


def _rival() -> ColumnElement[bool]:
    other = aliased(Attempt)
    return exists().where(
        other.message_id == Message.id,
        other.id != Attempt.id,
        or_(
            other.provider_id.is_not(None),
            other.outcome.is_(None),
            other.outcome == AttemptOutcome.UNKNOWN.value,
        ),
    )


def _wait_for_answer(row: LockedAttempt) -> int:
    """Return how many seconds an answer is waited for; 0 where none is, or it came first."""
    return 0 if row.answer else row.answer_wait or 0


LOCKED_ATTEMPTS = (
    select(
        Message.id.label("message_id"),
        Message.state,
        Message.channel,
        Message.clinic,
        Message.patient_id,
        Message.enrolment_id,
        Message.not_after,
        Message.receipt_wait,
        Message.answer_wait,
        Message.answer,
        Message.receipt_due_at,
        Message.superseded,
        Message.attempt_count,
        Attempt.id.label("attempt_id"),
        Attempt.provider,
        Attempt.provider_id,
        Attempt.over_real_at,
        (Attempt.number == Message.attempt_count).label("latest"),
        case((Message.attempt_count > 1, _rival()), else_=false()).label("rival"),
    )
    .join(Attempt, Attempt.message_id == Message.id)
    .where(is_among(Attempt.id, bindparam("ids")))
    .order_by(Message.id)
    # The attempts too: what is known of them must be as fresh as what is known of the messages.
    .with_for_update(of=(Message, Attempt), key_share=True)
)


def _to_sent(unit: UnitOfWork, rows: Sequence[LockedAttempt]) -> None:
    """Move messages to `sent` that are alike in state, channel and what they wait for."""
    first, answer_wait = rows[0], _wait_for_answer(rows[0])
    # A provider that can't be asked does not confirm either (SMTP): nothing is waited for.
    confirms = unit.app.channels[ChannelKind(first.channel)].can_look and first.receipt_wait
    move_messages(
        unit.session,
        unit.by,
        [row.message_id for row in rows],
        expected=State(first.state),
        to=State.SENT,
        sent_at=unit.by.at,
        receipt_due_at=unit.by.at + timedelta(seconds=first.receipt_wait) if confirms else None,
        answer_due_at=unit.by.at + timedelta(seconds=answer_wait) if answer_wait else None,
    )
    if State(first.state) is State.UNKNOWN:
        for row in rows:
            settle_open_items(
                unit.session, unit.by, row.message_id, kinds=(ItemKind.UNKNOWN,), outcome="found"
            )


def _deliver(session: Session, by: AuditContext, row: LockedAttempt, *, expected: State) -> None:
    move_messages(
        session,
        by,
        [row.message_id],
        expected=expected,
        to=State.DELIVERED,
        delivered_at=by.at,
        superseded=False,
    )
    if row.superseded:
        _take_back_fallback(session, by, row.message_id)
    if State(row.state) is not State.SENT or row.receipt_due_at is None:
        settle_open_items(
            session, by, row.message_id, kinds=ANSWERED_KINDS, outcome="arrived-after-all"
        )


def _take_back_fallback(session: Session, by: AuditContext, message_id: UUID) -> None:
    """Cancel the other channel's message if it has not gone: the first one arrived after all."""
    which = Message.fallback_of == message_id
    cancel_unsent_where(session, by, which, reason=Reason.DELIVERED_AFTER_ALL)


def _fail(unit: UnitOfWork, row: LockedAttempt, report: ProviderReport) -> None:
    """Let a message fail with its attempt, unless another attempt of it may fare better."""
    state, code = State(row.state), (report.code or Reason.PROVIDER_FAILED.value)[:MAX_CODE]
    in_question = row.latest if state in OUTCOME_PENDING else state is State.SENT and not row.rival
    if not in_question or not move_messages(
        unit.session, unit.by, [row.message_id], expected=state, to=State.FAILED, reason=code
    ):
        return
    if report.recipient or report.opted_out:
        recipient_at_fault(unit, row.attempt_id, code=code, opted_out=report.opted_out)
    handle_undeliverable(unit, [row.message_id], code=code, unreachable=report.recipient)


def _settle_attempt(
    session: Session, by: AuditContext, row: LockedAttempt, report: ProviderReport
) -> None:
    """Keep the provider's id: it proves that the attempt was taken."""
    if row.provider_id is None:
        session.execute(
            update(Attempt)
            .where(Attempt.id == row.attempt_id, Attempt.provider_id.is_(None))
            .values(
                provider_id=report.provider_id,
                outcome=AttemptOutcome.ACCEPTED.value,
                finished_at=by.at,
            )
            .execution_options(synchronize_session=False)
        )


def _suspect_duplicate(unit: UnitOfWork, row: LockedAttempt, report: ProviderReport) -> None:
    """Two provider messages for one of ours: nothing undoes that, but a person should know."""
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action="message.duplicate-suspected",
            clinic=row.clinic,
            patient_id=row.patient_id,
            enrolment_id=row.enrolment_id,
            message_id=row.message_id,
            detail={"attempt": str(row.attempt_id), "provider_id": report.provider_id},
        ),
    )
    open_item(
        unit,
        NewItem(
            subject=f"duplicate:{row.message_id}",
            kind=ItemKind.DUPLICATE,
            clinic=row.clinic,
            cause=Reason.SENT_TWICE,
            patient_id=row.patient_id,
            enrolment_id=row.enrolment_id,
            message_id=row.message_id,
        ),
    )
