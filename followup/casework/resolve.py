"""Resolving a worklist item: log a call, correct a contact, send by e-mail, close.

What is done about an item and the closing of the item are one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from followup.casework.hand_over import put_off_in
from followup.casework.phone_calls import add_call
from followup.casework.resend import check_resend, plan_resend
from followup.context import AppContext, UnitOfWork
from followup.domain.call_outcome import CallOutcome
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, NotFound
from followup.domain.item_outcome import ItemOutcome
from followup.domain.lifecycle import UNSENT_STATES
from followup.domain.number_confirmation import NumberConfirmation
from followup.enrolment.contact_details import correct_contacts_in
from followup.store.models.messages import Message
from followup.store.models.worklist import Occurrence, WorklistItem
from followup.worklist.items import close_item_in, occurrences, settle_item_occurrence
from followup.worklist.queries import is_open


def log_call(
    app: AppContext,
    item_id: UUID,
    *,
    outcome: CallOutcome,
    note: str,
    done: bool,
    advised: ItemOutcome | None = None,
    again_at: datetime | None = None,
    others: bool = False,
    actor: str,
) -> None:
    """Note a call about an item, and close the item where that settles it.

    `advised` is what it is closed with. One that stays open waits until `again_at`. With `others`,
    those of the same kind about the same patient are closed with it.
    """

    def work(unit: UnitOfWork) -> None:
        item = _open_item(unit.session, item_id)
        add_call(
            unit,
            _patient_of(item),
            outcome=outcome,
            note=note,
            item_id=item.id,
        )
        if done:
            for one in (item.id, *(others_like(unit.session, item) if others else ())):
                close_item_in(unit, one, outcome=advised or ItemOutcome.RANG)
        elif again_at is not None:
            put_off_in(unit, item.id, until=again_at)

    app.transact(actor, work)


def settle_item(
    app: AppContext, item_id: UUID, *, outcome: str, note: str, others: bool = False, actor: str
) -> None:
    """Close an item, and with `others` those of the same kind about the same patient."""

    def work(unit: UnitOfWork) -> None:
        item = _open_item(unit.session, item_id)
        for one in (item.id, *(others_like(unit.session, item) if others else ())):
            close_item_in(unit, one, outcome=outcome, note=note)

    app.transact(actor, work)


def others_like(session: Session, item: WorklistItem) -> Sequence[UUID]:
    """Return the other open items of the same kind about the same patient."""
    if item.patient_id is None:
        return ()
    return session.scalars(
        select(WorklistItem.id)
        .where(
            is_open(),
            WorklistItem.patient_id == item.patient_id,
            WorklistItem.kind == item.kind,
            WorklistItem.clinic == item.clinic,
            WorklistItem.id != item.id,
        )
        .order_by(WorklistItem.id)
    ).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedContact:
    """What a correction came to: whether it `changed` anything, and whether that settled the item.

    An item is settled where its advice is planned anew; what is no longer useful is not.
    """

    changed: bool
    settled: bool


def correct_contact(
    app: AppContext,
    item_id: UUID,
    *,
    mobile: str | None,
    email: str | None,
    number: NumberConfirmation | None = None,
    actor: str,
) -> CorrectedContact:
    """Correct how the patient of an item is reached, and close every item which that settles.

    One transaction: the address, the advice that is planned anew, and the items.
    """

    def work(unit: UnitOfWork) -> CorrectedContact:
        patient_id = _patient_of(_open_item(unit.session, item_id))
        changed = correct_contacts_in(unit, patient_id, mobile=mobile, email=email, number=number)
        if not changed:
            return CorrectedContact(changed=False, settled=False)
        settled = _planned_anew(unit.session, patient_id)
        for one in settled:
            close_item_in(unit, one, outcome="corrected")
        return CorrectedContact(changed=True, settled=item_id in settled)

    return app.transact(actor, work)


def resend_by_email(app: AppContext, item_id: UUID, *, actor: str) -> UUID:
    """Send an item's message by e-mail and close the item; return the new message's id."""

    def work(unit: UnitOfWork) -> UUID:
        session = unit.session
        item = _open_item(session, item_id)
        if item.message_id is None:
            raise Conflict("There is no message to send.")
        first = item.message_id
        new = _mail(session, app, first, actor=actor)
        done = settle_item_occurrence(session, item, first)
        # One that comes too late for an e-mail stays with the item.
        for other, _ in occurrences(session, item.id):
            with suppress(Conflict):
                _mail(session, app, other.id, actor=actor)
                done = settle_item_occurrence(session, item, other.id)
        if done:
            close_item_in(unit, item.id, outcome="sent-by-email")
        return new

    return app.transact(actor, work)


def _mail(session: Session, app: AppContext, message_id: UUID, *, actor: str) -> UUID:
    again = check_resend(session, app, message_id, channel=ChannelKind.EMAIL)
    return plan_resend(session, app, again, actor=actor)


def _open_item(session: Session, item_id: UUID) -> WorklistItem:
    item = session.get(WorklistItem, item_id)
    if item is None:
        raise NotFound("there is no such item")
    if item.state == "closed":
        raise Conflict("This item is closed already.")
    return item


def _patient_of(item: WorklistItem) -> UUID:
    if item.patient_id is None:
        raise Conflict("Nobody knows whose this is: find out first.")
    return item.patient_id


def _planned_anew(session: Session, patient_id: UUID) -> list[UUID]:
    """Return the open items of a patient all of whose advice is to go out by other messages."""
    lost, new = aliased(Message), aliased(Message)
    is_new = exists().where(
        new.enrolment_id == lost.enrolment_id,
        new.step == lost.step,
        new.occurrence == lost.occurrence,
        new.id != lost.id,
        new.state.in_([state.value for state in UNSENT_STATES]),
    )
    found = session.execute(
        select(WorklistItem.id, is_new)
        .join(Occurrence, Occurrence.item_id == WorklistItem.id)
        .join(lost, lost.id == Occurrence.message_id)
        .where(is_open(), WorklistItem.patient_id == patient_id, Occurrence.settled.is_(False))
    ).all()
    left = {row[0] for row in found if not row[1]}
    return sorted({row[0] for row in found} - left)
