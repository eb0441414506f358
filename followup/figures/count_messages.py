"""Queries that count one week of a clinic: messages, replies, stops and segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from followup.domain.attempt_outcome import AttemptOutcome
from followup.domain.channel import ChannelKind
from followup.domain.figures.counted import Counted
from followup.domain.figures.weeks import bounds_of
from followup.domain.lifecycle import State
from followup.domain.message_kind import MessageKind
from followup.store.models.messages import Attempt, InboundMessage, Message
from followup.store.models.patients import Objection, Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicWeek:
    """One week of a clinic, up to now where it is not over."""

    clinic: str
    week: date
    zone: ZoneInfo
    now: datetime

    @property
    def begins(self) -> datetime:
        return bounds_of(self.week, self.zone)[0]

    @property
    def ends(self) -> datetime:
        return bounds_of(self.week, self.zone)[1]

    def within(self, column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        """Return the condition that a time is in the week, and not still to come."""
        return and_(column >= self.begins, column < self.ends, column <= self.now)


def count_messages(session: Session, wanted: ClinicWeek) -> Iterator[dict[str, Any]]:
    """Yield a row of `WeekCount` for everything that is counted of a week."""
    for query in (_due(wanted), _replies(wanted), _stops(wanted), _segments(wanted)):
        for row in session.execute(query):
            yield {"clinic": wanted.clinic, "week": wanted.week, **row._mapping}  # noqa: SLF001


def _due(wanted: ClinicWeek) -> Select[*tuple[Any, ...]]:
    fate = _fate()
    # Of what was delivered, an earlier try's reason says nothing any more.
    is_lost = fate == Counted.NOT_DELIVERED.value
    cause = case((is_lost, func.coalesce(Message.reason, "")), else_="")
    return _grouped(
        select(*_by(Message), fate.label("what"), cause.label("cause"), _number(func.count()))
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(
            Message.clinic == wanted.clinic,
            wanted.within(Message.due_at),
            Message.kind == MessageKind.ADVICE.value,
            Message.state != State.CANCELLED.value,
        )
    )


def _fate() -> ColumnElement[str]:
    """Return what became of a message that fell due, as a `Counted`."""

    def state(*states: State) -> ColumnElement[bool]:
        return Message.state.in_([one.value for one in states])

    delivered = state(State.DELIVERED)
    in_time = or_(Message.delivered_at.is_(None), Message.delivered_at <= Message.not_after)
    by_mail = and_(state(State.SENT), Message.channel == ChannelKind.EMAIL.value)
    return case(
        (and_(delivered, in_time), Counted.IN_WINDOW.value),
        (delivered, Counted.LATE.value),
        # A mail relay sends no receipt: what does not come back has arrived.
        (by_mail, Counted.IN_WINDOW.value),
        (state(State.FAILED, State.EXPIRED, State.SUPPRESSED), Counted.NOT_DELIVERED.value),
        (state(State.SENT), Counted.UNCONFIRMED.value),
        else_=Counted.UNDER_WAY.value,
    )


def _replies(wanted: ClinicWeek) -> Select[*tuple[Any, ...]]:
    before = _last_before(
        InboundMessage,
        InboundMessage.received_at,
        ChannelKind.SMS,
        InboundMessage.clinic == wanted.clinic,
        wanted.within(InboundMessage.received_at),
    )
    return _answers(before, Counted.REPLIES)


def _stops(wanted: ClinicWeek) -> Select[*tuple[Any, ...]]:
    of_clinic = select(Patient.id).where(Patient.clinic == wanted.clinic)
    before = _last_before(
        Objection,
        Objection.lodged_at,
        None,
        Objection.patient_id.in_(of_clinic),
        wanted.within(Objection.lodged_at),
    )
    return _answers(before, Counted.STOPS)


def _last_before(
    of: type[InboundMessage | Objection],
    at: InstrumentedAttribute[datetime],
    channel: ChannelKind | None,
    *which: ColumnElement[bool],
) -> Subquery:
    """Return rows with the last message that their patient was sent before them, if any."""
    sent = aliased(Message)
    last = (
        select(sent.id)
        .where(
            sent.patient_id == of.patient_id,
            sent.sent_at <= at,
            sent.kind == MessageKind.ADVICE.value,
            *([sent.channel == channel.value] if channel else []),
        )
        .order_by(sent.sent_at.desc(), sent.id.desc())
        .limit(1)
        .correlate(of)
        .scalar_subquery()
    )
    return select(of.patient_id, last.label("last")).where(*which).subquery()


def _answers(rows: Subquery, what: Counted) -> Select[*tuple[Any, ...]]:
    return _grouped(
        select(
            *_by(Message),
            literal(what.value).label("what"),
            literal("").label("cause"),
            _number(func.count()),
        )
        .select_from(rows)
        .outerjoin(Message, Message.id == rows.c.last)
        .outerjoin(Patient, Patient.id == rows.c.patient_id)
    )


def _segments(wanted: ClinicWeek) -> Select[*tuple[Any, ...]]:
    return _grouped(
        select(
            *_by(Message),
            literal(Counted.SEGMENTS.value).label("what"),
            literal("").label("cause"),
            _number(func.sum(Attempt.segments)),
        )
        .join(Attempt, Attempt.message_id == Message.id)
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(
            Message.clinic == wanted.clinic,
            wanted.within(Message.due_at),
            Message.channel == ChannelKind.SMS.value,
            Attempt.outcome == AttemptOutcome.ACCEPTED.value,
            Attempt.segments.is_not(None),
        )
    )


def _by(message: type[Message]) -> tuple[ColumnElement[str], ...]:
    """Return the columns by which figures can be looked at."""
    return (
        func.coalesce(message.protocol, "").label("protocol"),
        func.coalesce(message.step, "").label("step"),
        func.coalesce(message.channel, "").label("channel"),
        func.coalesce(Patient.language, "").label("language"),
    )


def _number(of: ColumnElement[Any]) -> ColumnElement[int]:
    return of.label("number")


def _grouped(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query.group_by("protocol", "step", "channel", "language", "what", "cause")
