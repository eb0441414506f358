"""Opt-out with what follows from it: a person is asked to ring about advice that must be given.

An objection is lodged by `followup.consent.objections`. Steps that ask a person to ring when their
message could not go ask one here too: at once, and once for a patient, whatever number of messages
it is about. Whoever stops the texts may still want to know of the warning signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.consent.objections import lodge_objection
from followup.content.check import PROCEDURE_MOVED
from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ItemOutcome
from followup.domain.outlook import Outlook
from followup.domain.protocols.protocol import Missed
from followup.domain.reasons import Reason
from followup.messages.outlook import outlooks, outlooks_after, unsent_advice
from followup.store.audit_log import record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import NewItem, close_item_in, entry_of, open_item

STOPPED_ADVICE_URGENCY = 3
"""A day's work: nothing has gone wrong yet, and the first of it may fall due in weeks."""

ENROLLED = "enrolled"
"""Which enrolments came to an item since: of somebody who wants no messages."""

ASKED_ALREADY = (ItemKind.ADVICE_STOPPED, ItemKind.ENROLLED_AFTER_STOP)
"""Items by which a person has been asked about what a patient stopped."""


def stop_messages(
    unit: UnitOfWork,
    patient: Patient,
    *,
    channel: ChannelKind | None,
    source: str,
    at: datetime | None = None,
) -> bool:
    """Lodge an objection, and ask a person about advice that must be given; False if it was there.

    What it cancels is looked at before it is gone.
    """
    foreseen = outlooks_after(unit.session, patient, stopped=channel)
    is_new = lodge_objection(
        unit.session, unit.by, patient=patient, channel=channel, source=source, at=at
    )
    if is_new:
        lost = [(message, outlook.reason) for message, outlook in foreseen if outlook.is_lost]
        _ask(unit, [(message, reason) for message, reason in lost if asks_a_person(message)])
    return is_new


@dataclass(frozen=True, slots=True, kw_only=True)
class StopForeseen:
    """What an objection would change, in the order it falls due.

    `lost` will not arrive any more, `moved` goes by the other channel. `may_offer_email` says that
    there is an address for it, and no agreement yet.
    """

    lost: Sequence[Message]
    moved: Sequence[Message]
    may_offer_email: bool

    @property
    def to_ring_about(self) -> Sequence[Message]:
        """What a person will be asked to give by phone."""
        return [message for message in self.lost if asks_a_person(message)]


def foresee_stop(
    session: Session, patient: Patient, *, channel: ChannelKind | None
) -> StopForeseen:
    """Return what would become of a patient's messages if they stopped these; change nothing."""
    foreseen = outlooks_after(session, patient, stopped=channel)
    lost = [message for message, outlook in foreseen if outlook.is_lost]
    return StopForeseen(
        lost=lost,
        moved=[message for message, outlook in foreseen if not outlook.is_lost],
        may_offer_email=channel is ChannelKind.SMS
        and patient.email_index is not None
        and not patient.email_unusable
        and any(not _has_email(session, message) for message in lost),
    )


def _has_email(session: Session, message: Message) -> bool:
    enrolment = session.get(Enrolment, message.enrolment_id)
    return enrolment is None or ChannelKind.EMAIL.value in enrolment.channels


def ask_about_withheld(unit: UnitOfWork, messages: Iterable[Message], *, reason: Reason) -> None:
    """Ask a person about advice that an objection has just kept back, unless one was asked before.

    An address may have stopped to work since the patient objected to the other channel.
    """
    for message in filter(asks_a_person, messages):
        if message.template == PROCEDURE_MOVED:
            # What they were told before is wrong now: that can't wait for another conversation.
            open_item(unit, NewItem.of_message(message, kind=ItemKind.FAILED, cause=reason))
        elif not _was_asked(unit, message):
            _ask(unit, [(message, reason)])


def gather_in_stopped(unit: UnitOfWork, enrolment: Enrolment, patient: Patient) -> bool:
    """Add a new enrolment to the item that asks about what its patient stopped; False without one.

    One conversation settles both: what they must know of either, and whether they want messages.
    """
    item = unit.session.scalars(
        select(WorklistItem)
        .where(
            WorklistItem.patient_id == patient.id,
            WorklistItem.kind == ItemKind.ADVICE_STOPPED.value,
            WorklistItem.state != "closed",
        )
        .order_by(WorklistItem.opened_at, WorklistItem.id)
        .with_for_update(key_share=True)
        .limit(1)
    ).first()
    if item is None:
        return False
    enrolled = [*item.detail.get(ENROLLED, ()), str(enrolment.id)]
    item.detail = {**item.detail, ENROLLED: enrolled}
    record_event(unit.session, unit.by, entry_of(item, "worklist.gathered", enrolled=enrolled[-1]))
    advice = [
        one
        for one in unsent_advice(unit.session, patient.id)
        if one.enrolment_id == enrolment.id and asks_a_person(one)
    ]
    foreseen = outlooks(unit.session, advice, {patient.id: patient})
    _ask(unit, [(one, foreseen[one.id].reason) for one in advice if _is_lost(one, foreseen)])
    return True


def settle_stopped_advice(unit: UnitOfWork, patient_id: UUID) -> None:
    """Close what nobody has taken up of a patient whose advice will reach them after all."""
    patient = unit.session.get_one(Patient, patient_id)
    advice = [one for one in unsent_advice(unit.session, patient_id) if asks_a_person(one)]
    foreseen = outlooks(unit.session, advice, {patient.id: patient})
    if any(outlook.is_lost for outlook in foreseen.values()):
        return
    waiting = select(WorklistItem.id).where(
        WorklistItem.patient_id == patient_id,
        WorklistItem.kind == ItemKind.ADVICE_STOPPED.value,
        WorklistItem.state == "open",
    )
    for item_id in unit.session.scalars(waiting.order_by(WorklistItem.id)).all():
        close_item_in(unit, item_id, outcome=ItemOutcome.RESTARTED)


def _is_lost(message: Message, foreseen: Mapping[UUID, Outlook]) -> bool:
    return message.id in foreseen and foreseen[message.id].is_lost


def asks_a_person(message: Message) -> bool:
    """Say whether the step of a message wants a person to ring where the message does not go."""
    return message.missed == Missed.PERSON.value


def _ask(unit: UnitOfWork, lost: Iterable[tuple[Message, Reason]]) -> None:
    for message, reason in lost:
        task = NewItem.of_message(message, kind=ItemKind.ADVICE_STOPPED, cause=reason)
        open_item(unit, replace(task, urgency=STOPPED_ADVICE_URGENCY))


def _was_asked(unit: UnitOfWork, message: Message) -> bool:
    asked = select(WorklistItem.id).where(
        WorklistItem.enrolment_id == message.enrolment_id,
        WorklistItem.kind.in_([kind.value for kind in ASKED_ALREADY]),
    )
    return unit.session.scalar(asked.limit(1)) is not None
