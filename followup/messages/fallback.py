"""Fallback after a failed delivery: the other channel, or a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from followup.consent.objections import lodge_objection_of_address
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.consent import ObjectionSource
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import State
from followup.domain.message_kind import MessageKind
from followup.domain.protocols.protocol import Missed
from followup.domain.protocols.timeline import next_sending_moment
from followup.domain.reasons import Reason
from followup.messages.opt_out import ask_about_withheld, stop_messages
from followup.messages.outlook import way_round
from followup.patients.records import address_index
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient
from followup.wording.failure_reasons import DELIVERY_CODES
from followup.worklist.items import NewItem, open_item


def handle_undeliverable(
    unit: UnitOfWork, message_ids: Sequence[UUID], *, code: str, unreachable: bool = False
) -> None:
    """Open the fallback of each message that failed or can't go on its channel, else ask a person.

    `unreachable` says that the provider just found the address unusable, which a person mends.
    `code` is the cause: the provider's code, or a reason of ours. An answer that can't be
    delivered asks nobody: the text that it answers is before a person already. Nor does a test
    text, for whose code somebody waits. An objection to texts, where there is no other channel, is
    the patient's own: a person is asked about advice that must be given, and of that once.
    """
    for message in _messages(unit.session, message_ids):
        if message.kind != MessageKind.ADVICE:
            continue
        stopped = code in DELIVERY_CODES and _bounced_again(unit, message)
        if not _fall_back(unit, message):
            if code == Reason.OBJECTION_TO_CHANNEL:
                ask_about_withheld(unit, [message], reason=Reason.OBJECTION_TO_CHANNEL)
            else:
                open_item(unit, NewItem.of_message(message, kind=ItemKind.FAILED, cause=code))
        elif stopped or unreachable:
            # The advice goes another way, but the number wants correcting all the same.
            cause = Reason.BOUNCED_TWICE if stopped else code
            open_item(unit, NewItem.of_message(message, kind=ItemKind.UNREACHABLE, cause=cause))


def handle_objected(unit: UnitOfWork, message_ids: Sequence[UUID]) -> None:
    """Ask a person about advice that an objection to all messages kept back."""
    ask_about_withheld(unit, _messages(unit.session, message_ids), reason=Reason.OBJECTION)


def handle_expired(unit: UnitOfWork, message_ids: Sequence[UUID]) -> None:
    """Ask a person to ring for each missed message whose step says so."""
    for message in _messages(unit.session, message_ids):
        if message.missed == Missed.PERSON.value:
            open_item(
                unit, NewItem.of_message(message, kind=ItemKind.MISSED, cause=Reason.WINDOW_OVER)
            )


def recipient_at_fault(
    unit: UnitOfWork,
    attempt_id: UUID,
    *,
    code: str,
    opted_out: bool,
    source: str = ObjectionSource.CARRIER,
) -> None:
    """Stop writing to an address that the provider says is unusable, or whose owner opted out.

    It is the address of the attempt: if the patient's has been corrected since, the new one is
    good until it proves otherwise. `source` is who told of the opt-out.
    """
    attempt = unit.session.get_one(Attempt, attempt_id)
    message = unit.session.get_one(Message, attempt.message_id)
    if message.patient_id is None:
        if opted_out and message.address_index is not None:
            # An answer to a number that is nobody's, or that several patients share.
            lodge_objection_of_address(
                unit.session, unit.by, contact_index=message.address_index, source=source
            )
        return
    patient = unit.session.get_one(Patient, message.patient_id, with_for_update={"key_share": True})
    channel = ChannelKind(message.channel)
    index = _index_of(unit.app, patient, attempt, channel)
    is_theirs = index == (
        patient.mobile_index if channel is ChannelKind.SMS else patient.email_index
    )
    if opted_out and is_theirs:
        stop_messages(unit, patient, channel=channel, source=source)
    elif opted_out and index is not None:
        lodge_objection_of_address(unit.session, unit.by, contact_index=index, source=source)
    if opted_out or not is_theirs:
        return
    _mark_unusable(unit.session, unit.by, patient, message, code=code)


def _mark_unusable(
    session: Session, by: AuditContext, patient: Patient, message: Message, *, code: str
) -> None:
    channel = ChannelKind(message.channel)
    field = "mobile_unusable" if channel is ChannelKind.SMS else "email_unusable"
    if getattr(patient, field) is None:
        setattr(patient, field, code)
        record_event(
            session,
            by,
            AuditEntry(
                action="patient.address-unusable",
                clinic=patient.clinic,
                patient_id=patient.id,
                message_id=message.id,
                detail={"channel": channel.value, "code": code},
            ),
        )


def _bounced_again(unit: UnitOfWork, message: Message) -> bool:
    """Stop writing to a number from which two texts in a row came back; say whether it was so.

    One that was corrected in between begins anew.
    """
    if message.patient_id is None or message.channel != ChannelKind.SMS.value:
        return False
    patient = unit.session.get_one(Patient, message.patient_id, with_for_update={"key_share": True})
    last = unit.session.scalars(
        select(Attempt)
        .join(Message, Message.id == Attempt.message_id)
        .where(
            Message.patient_id == patient.id,
            Message.channel == message.channel,
            # The same advice once more, within the hour, proves nothing about the number.
            or_(Message.step != message.step, Message.occurrence != message.occurrence),
            Message.state.in_([State.DELIVERED.value, State.FAILED.value]),
            Attempt.number == Message.attempt_count,
        )
        .order_by(Attempt.started_real_at.desc())
        .limit(1)
    ).first()
    if last is None or unit.session.get_one(Message, last.message_id).reason not in DELIVERY_CODES:
        return False
    if _index_of(unit.app, patient, last, ChannelKind.SMS) != patient.mobile_index:
        return False
    _mark_unusable(unit.session, unit.by, patient, message, code=Reason.BOUNCED_TWICE.value)
    return True


def _index_of(
    app: AppContext, patient: Patient, attempt: Attempt, channel: ChannelKind
) -> bytes | None:
    """Return the blind index of the address that an attempt went to; None after an erasure."""
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None or attempt.address_sealed is None:
        return None
    address = sealer.open(attempt.address_sealed, column="attempts.address", row=attempt.id)
    return address_index(app.keyring.indexes, channel, address)


def _messages(session: Session, message_ids: Sequence[UUID]) -> Sequence[Message]:
    return session.scalars(
        select(Message)
        .where(Message.id.in_(message_ids))
        .order_by(Message.id)
        .execution_options(populate_existing=True)
    ).all()


def _fall_back(unit: UnitOfWork, message: Message) -> bool:
    """Open the message on the other channel, once; say whether that was possible."""
    if not message.may_fall_back or message.fallback_of is not None or message.superseded:
        return message.superseded
    other = _other_channel(unit.session, message)
    moment = _moment(unit.app, message, at=unit.by.at)
    if other is None or moment is None:
        return False
    fallback = replacement_for(message, channel=other, due_at=moment, by=unit.by)
    unit.session.add(fallback)
    message.superseded = True
    unit.session.flush()
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action="message.fallback",
            clinic=message.clinic,
            patient_id=message.patient_id,
            enrolment_id=message.enrolment_id,
            message_id=message.id,
            detail={"channel": other.value, "opened": str(fallback.id)},
        ),
    )
    return True


def _other_channel(session: Session, message: Message) -> ChannelKind | None:
    """Return the channel that the patient agreed to beside this one, if it can be used."""
    if message.patient_id is None:
        return None
    return way_round(session, message, session.get_one(Patient, message.patient_id))


def _moment(app: AppContext, message: Message, *, at: datetime) -> datetime | None:
    """Return when the fallback may go, if that is inside the window of the message."""
    clinic = app.catalogue.clinics.get(message.clinic)
    if clinic is None:
        return None
    moment = next_sending_moment(
        max(at, message.not_before), hours=clinic.sending_hours, zone=ZoneInfo(message.zone)
    )
    return moment if moment < message.not_after else None


def replacement_for(
    message: Message, *, channel: ChannelKind, due_at: datetime, by: AuditContext
) -> Message:
    """Return a message of the same advice that is to go instead of `message`, or once more."""
    return Message(
        id=new_id(by.real_at),
        kind=message.kind,
        clinic=message.clinic,
        patient_id=message.patient_id,
        enrolment_id=message.enrolment_id,
        generation=message.generation,
        protocol=message.protocol,
        words_of=message.words_of,
        step=message.step,
        occurrence=message.occurrence,
        occurrences=message.occurrences,
        template=message.template,
        channel=channel.value,
        priority=message.priority,
        missed=message.missed,
        may_fall_back=False,
        fallback_of=message.id,
        superseded=False,
        receipt_wait=message.receipt_wait,
        # A question is one on its own channel only: an e-mail can't be answered with 1 or 2.
        answer_wait=message.answer_wait if channel.value == message.channel else None,
        due_at=due_at,
        not_before=message.not_before,
        not_after=message.not_after,
        zone=message.zone,
        moved_because=None,
        state=State.PLANNED.value,
        state_since=by.at,
        state_since_real=by.real_at,
        claimable_at=due_at,
        attempt_count=0,
        created_at=by.at,
    )
