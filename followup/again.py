"""Sending a piece of advice again, or by the other channel, because a person decided so.

Everything is looked at anew, as it is when a message is claimed: wishes, death, pause, switches,
address, window and sending hours. Each message is sent again at most once; the one that took its
place can be sent again in its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from followup.consequences import in_its_place
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, NotFound
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.number_check import KIND as NUMBER_CHECK
from followup.standing import Stop, Wait, judge, load
from followup.store.audit_log import Entry, record
from followup.store.models import Enrolment, Message
from followup.store.types import AnyRow
from followup.wording import reason_text

UNDER_WAY = frozenset({State.PLANNED, State.HELD, State.CLAIMED, State.SENDING})
HAD = (State.UNKNOWN, State.SENT, State.DELIVERED)
"""States in which the patient has, or may have, what a message says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What sending a message again comes to: by which channel, and when (UTC)."""

    message: Message
    channel: ChannelKind
    due_at: datetime
    had_already: bool


def send_again(
    kit: Kit, message_id: UUID, *, channel: ChannelKind | None = None, actor: str
) -> UUID:
    """Plan a message once more, on its own channel or another; return the new message's id.

    Raises `NotFound`, and `Conflict` with the reason where it may not, or need not, be sent.
    """

    def work(session: Session) -> UUID:
        again = check_again(session, kit, message_id, channel=channel)
        return plan_once_more(session, kit, again, actor=actor)

    return kit.store.transact(work)


def plan_once_more(session: Session, kit: Kit, again: Again, *, actor: str) -> UUID:
    """Write the message that `check_again` allowed, in the same transaction."""
    deed, message = kit.deed(actor), again.message
    new = in_its_place(message, channel=again.channel, due_at=again.due_at, deed=deed)
    if message.state != State.DELIVERED.value:
        message.superseded = True
    session.add(new)
    session.flush()
    record(
        session,
        deed,
        Entry(
            action="message.again",
            clinic=message.clinic,
            patient_id=message.patient_id,
            enrolment_id=message.enrolment_id,
            message_id=message.id,
            detail={"channel": again.channel.value, "opened": str(new.id)},
        ),
    )
    return new.id


def check_again(
    session: Session, kit: Kit, message_id: UUID, *, channel: ChannelKind | None = None
) -> Again:
    """Return what sending a message again would come to; raise `Conflict` where it may not."""
    rows = load(session, [message_id])
    message = session.get(Message, message_id, populate_existing=True)
    if not rows or message is None:
        raise NotFound("there is no such message")
    wanted = channel or ChannelKind(message.channel)
    _must_be_over(message)
    _must_be_the_last(session, message)
    _must_be_agreed(session, kit, message, wanted)
    return Again(
        message=message,
        channel=wanted,
        due_at=_moment(session, kit, rows[0], wanted),
        had_already=State(message.state) in HAD,
    )


def _must_be_over(message: Message) -> None:
    """Refuse what needs no help: it is still to go, or is being found out about."""
    state = State(message.state)
    if message.kind == "reply":
        raise Conflict("This answered a text. Ring the patient instead.")
    if message.kind == NUMBER_CHECK:
        raise Conflict("This tested a number. Its code was good for some minutes only.")
    if state in UNDER_WAY:
        raise Conflict("This message has not gone yet: it goes by itself.")
    if state is State.UNKNOWN and message.lease_until is not None:
        raise Conflict("The provider is still being asked whether it has this message. Wait.")


def _must_be_the_last(session: Session, message: Message) -> None:
    """Refuse where another message has taken this one's place, or the advice arrived by it."""
    if session.scalar(select(exists().where(Message.fallback_of == message.id))):
        raise Conflict("Another message has taken the place of this one: look at that one.")
    live = [state.value for state in (*UNDER_WAY, *HAD)]
    rival = select(
        exists().where(
            Message.enrolment_id == message.enrolment_id,
            Message.step == message.step,
            Message.occurrence == message.occurrence,
            Message.id != message.id,
            Message.state.in_(live),
        )
    )
    if message.state not in {state.value for state in HAD} and session.scalar(rival):
        raise Conflict("The same advice went, or is about to go, by another message.")


def _must_be_agreed(session: Session, kit: Kit, message: Message, wanted: ChannelKind) -> None:
    """Refuse a channel that the patient did not agree to, or that the step has no words for."""
    enrolment = session.get(Enrolment, message.enrolment_id)
    if enrolment is None or wanted.value not in enrolment.channels:
        raise Conflict("The patient did not agree to be written to in this way.")
    protocol = kit.catalogue.protocols.get(message.protocol or "")
    steps = [step for step in protocol.steps if step.key == message.step] if protocol else []
    if not any(wanted in step.channels for step in steps):
        raise Conflict("The protocol no longer sends this advice in this way.")


def _moment(session: Session, kit: Kit, row: AnyRow, wanted: ChannelKind) -> datetime:
    """Return when it may go; raise `Conflict` where it may not go at all."""
    now = kit.clock.now()
    values = {**dict(row._mapping), "channel": wanted.value}  # noqa: SLF001 - a row's public face
    verdict = judge(session, kit, [cast("Any", SimpleNamespace(**values))], now=now)[row.id]
    if isinstance(verdict, Stop):
        told = reason_text(verdict.reason)
        raise Conflict(f"It may not be sent: {told}.")
    return verdict.until if isinstance(verdict, Wait) else now
