"""Tally: messages counted by clinic and protocol, by what became of them and by their states.

The classes are not a mere count by state. A row counts only where something is still going to
happen to it: one that failed without a person being asked, one that is planned though its window
is over, or one that waits under a lease that ended long ago, is a `stray`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from followup.context import AppContext
from followup.domain.lifecycle import LEASED_STATES, State
from followup.domain.message_kind import MessageKind
from followup.store.closed_days import Figures
from followup.store.message_state import state_is
from followup.store.models.enrolments import Enrolment, Generation
from followup.store.models.messages import Message
from followup.store.models.worklist import Occurrence

GRACE = timedelta(minutes=2)
"""How long (real time) past its lease a row may be before it counts as stuck."""

STRAY = "stray"
CLASSES = (
    "delivered",
    "sent",
    "with_a_person",
    "suppressed",
    "expired",
    "cancelled",
    "held",
    "in_progress",
)
OF_THE_LEDGER, THERE = "ledger", "there"
"""How many messages timelines were made with, and how many of those there are."""
STATE = "state:"
"""Before a state's name: messages in that state, fallen due or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """As of when messages are counted: what should have happened before them is not cared for."""

    now: datetime
    service: datetime
    real: datetime

    @classmethod
    def of(cls, app: AppContext) -> Limits:
        """Return those of this moment."""
        now = app.clock.now()
        # The grace is real time: under a time-lapse clock it is as much more service time.
        late = app.clock.after_real(GRACE) - now
        return cls(now=now, service=now - late, real=app.clock.real_now() - GRACE)


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a day (UTC), and that of the next."""
    begin = datetime.combine(day, time(), tzinfo=UTC)
    return begin, begin + timedelta(days=1)


def tally(session: Session, limits: Limits, *wanted: ColumnElement[bool]) -> Figures:
    """Count the messages for which the conditions hold."""
    return tally_by(session, limits, literal(""), *wanted).get("", Counter())


def tally_by(
    session: Session,
    limits: Limits,
    key: ColumnElement[Any],
    *wanted: ColumnElement[bool],
) -> dict[str, Figures]:
    """Count the messages for which the conditions hold, by a key."""
    in_its_time = and_(Message.due_at <= limits.now, ~replaced())
    class_ = case((in_its_time, class_of(limits)), else_="")
    there = and_(Message.kind == MessageKind.ADVICE.value, Message.fallback_of.is_(None))
    rows = session.execute(
        select(
            key.label("key"),
            Message.clinic.label("clinic"),
            func.coalesce(Message.protocol, "").label("protocol"),
            class_.label("class"),
            Message.state.label("state"),
            case((there, 1), else_=0).label("there"),
            func.count().label("count"),
        )
        .where(*wanted)
        .group_by("key", "clinic", "protocol", "class", "state", "there")
    )
    parts: dict[str, Figures] = {}
    for part, clinic, protocol, name, state, is_there, count in rows:
        figures = parts.setdefault(str(part), Counter())
        for figure in (name, f"{STATE}{state}", THERE if is_there else ""):
            if figure:
                figures[clinic, protocol, figure] += count
    return parts


def tally_ledger(session: Session, *wanted: ColumnElement[bool]) -> Figures:
    """Count with how many messages timelines were made, where the conditions hold."""
    rows = session.execute(
        select(Enrolment.clinic, Enrolment.protocol, func.sum(Generation.planned))
        .join(Enrolment, Enrolment.id == Generation.enrolment_id)
        .where(*wanted)
        .group_by(Enrolment.clinic, Enrolment.protocol)
    )
    return Counter({(row[0], row[1], OF_THE_LEDGER): int(row[2]) for row in rows})


def replaced() -> ColumnElement[bool]:
    """Return the condition that the other channel's message took the place of this one.

    It is accounted for by that one.
    """
    fallback = aliased(Message)
    return and_(Message.superseded.is_(True), exists().where(fallback.fallback_of == Message.id))


def unsettled() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions, each found by an index, of messages with which something is to come.

    What is settled has the same class for ever, unless somebody changes it by hand.
    """
    return (
        state_is(State.PLANNED, State.HELD, State.CLAIMED, State.SENDING),
        and_(state_is(State.UNKNOWN), Message.lease_until.is_not(None)),
        and_(state_is(State.SENT), Message.receipt_due_at.is_not(None)),
    )


def class_of(limits: Limits) -> ColumnElement[str]:
    """Return the class of a row as an expression; `stray` is what nothing takes care of."""
    with_person = exists().where(Occurrence.message_id == Message.id)
    useful = Message.not_after > limits.service
    leased = Message.lease_until > limits.real
    reportable = or_(Message.receipt_due_at.is_(None), Message.receipt_due_at > limits.service)

    def state(*states: State) -> ColumnElement[bool]:
        return Message.state.in_([one.value for one in states])

    return case(
        # Its place was taken by a message that is gone.
        (Message.superseded.is_(True), literal(STRAY)),
        (state(State.DELIVERED), "delivered"),
        (state(State.SUPPRESSED), "suppressed"),
        (state(State.CANCELLED), "cancelled"),
        (and_(state(State.HELD), useful), "held"),
        (with_person, "with_a_person"),
        (and_(state(State.SENT), reportable), "sent"),
        (state(State.EXPIRED), "expired"),
        (and_(state(State.PLANNED), useful), "in_progress"),
        (and_(state(*LEASED_STATES), leased), "in_progress"),
        # The answer to a text, or a test text, that a person has before them anyway.
        (and_(state(State.FAILED), Message.kind != MessageKind.ADVICE.value), "with_a_person"),
        else_=STRAY,
    )
