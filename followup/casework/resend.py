"""Manual resend of a message, by the same or the other channel, because a person decided so.

Everything is checked again, as it is when a message is claimed: objections, death, pause, switches,
address, window and sending hours. Each message is sent again at most once; the one that took its
place can be sent again in its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.eligibility import Stop, Wait
from followup.domain.errors import Conflict, NotFound
from followup.domain.lifecycle import MAY_HAVE_ARRIVED, UNSENT_STATES, State
from followup.domain.message_kind import MessageKind
from followup.messages.fallback import replacement_for
from followup.sending.eligibility import SendRow, check_eligibility, load_for_sending
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.wording.reasons import reason_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    """What sending a message again comes to: by which channel, and when (UTC)."""

    message: Message
    channel: ChannelKind
    due_at: datetime
    had_already: bool


def resend_message(
    app: AppContext, message_id: UUID, *, channel: ChannelKind | None = None, actor: str
) -> UUID:
    """Plan a message once more, on its own channel or another; return the new message's id.

    Raises `NotFound`, and `Conflict` with the reason where it may not, or need not, be sent.
    """

    def work(session: Session) -> UUID:
        again = check_resend(session, app, message_id, channel=channel)
        return plan_resend(session, app, again, actor=actor)

    return app.store.transact(work)


def plan_resend(session: Session, app: AppContext, again: Resend, *, actor: str) -> UUID:
    """Write the message that `check_again` allowed, in the same transaction."""
    by, message = app.by(actor), again.message
    new = replacement_for(message, channel=again.channel, due_at=again.due_at, by=by)
    if message.state != State.DELIVERED.value:
        message.superseded = True
    session.add(new)
    session.flush()
    record_event(
        session,
        by,
        AuditEntry(
            action="message.again",
            clinic=message.clinic,
            patient_id=message.patient_id,
            enrolment_id=message.enrolment_id,
            message_id=message.id,
            detail={"channel": again.channel.value, "opened": str(new.id)},
        ),
    )
    return new.id


def check_resend(
    session: Session, app: AppContext, message_id: UUID, *, channel: ChannelKind | None = None
) -> Resend:
    """Return what sending a message again would come to; raise `Conflict` where it may not."""
    rows = load_for_sending(session, [message_id])
    message = session.get(Message, message_id, populate_existing=True)
    if not rows or message is None:
        raise NotFound("there is no such message")
    wanted = channel or ChannelKind(message.channel)
    _must_be_over(message)
    _must_be_the_last(session, message)
    _must_be_agreed(session, app, message, wanted)
    return Resend(
        message=message,
        channel=wanted,
        due_at=_moment(session, app, rows[0], wanted),
        had_already=_had(message),
    )


def _must_be_over(message: Message) -> None:
    """Refuse what needs no help: it is still to go, or is being found out about."""
    state = State(message.state)
    if message.kind == MessageKind.REPLY:
        raise Conflict("This answered a text. Ring the patient instead.")
    if message.kind == MessageKind.CHECK:
        raise Conflict("This tested a number. Its code was good for some minutes only.")
    if state in {*UNSENT_STATES, State.SENDING}:
        raise Conflict("This message has not gone yet: it goes by itself.")
    if state is State.UNKNOWN and message.lease_until is not None:
        raise Conflict("The provider is still being asked whether it has this message. Wait.")


def _must_be_the_last(session: Session, message: Message) -> None:
    """Refuse where another message has taken this one's place, or the advice arrived by it."""
    if session.scalar(select(exists().where(Message.fallback_of == message.id))):
        raise Conflict("Another message has taken the place of this one: look at that one.")
    live = [state.value for state in (*UNSENT_STATES, *MAY_HAVE_ARRIVED)]
    rival = select(
        exists().where(
            Message.enrolment_id == message.enrolment_id,
            Message.step == message.step,
            Message.occurrence == message.occurrence,
            Message.id != message.id,
            Message.state.in_(live),
        )
    )
    if not _had(message) and session.scalar(rival):
        raise Conflict("The same advice went, or is about to go, by another message.")


def _had(message: Message) -> bool:
    """Say whether the patient has, or may have, what a message that is over says."""
    return State(message.state) in MAY_HAVE_ARRIVED


def _must_be_agreed(
    session: Session, app: AppContext, message: Message, wanted: ChannelKind
) -> None:
    """Refuse a channel that the patient did not agree to, or that the step has no words for."""
    enrolment = session.get(Enrolment, message.enrolment_id)
    if enrolment is None or wanted.value not in enrolment.channels:
        raise Conflict("The patient did not agree to be written to in this way.")
    protocol = app.catalogue.protocols.get(message.protocol or "")
    steps = [step for step in protocol.steps if step.key == message.step] if protocol else []
    if not any(wanted in step.channels for step in steps):
        raise Conflict("The protocol no longer sends this advice in this way.")


def _moment(session: Session, app: AppContext, row: SendRow, wanted: ChannelKind) -> datetime:
    """Return when it may go; raise `Conflict` where it may not go at all."""
    now = app.clock.now()
    verdict = check_eligibility(session, app, [row._replace(channel=wanted.value)], now=now)[row.id]
    if isinstance(verdict, Stop):
        told = reason_text(verdict.reason)
        raise Conflict(f"It may not be sent: {told}.")
    return verdict.until if isinstance(verdict, Wait) else now
