"""Message reconciliation report: every message that fell due is accounted for, or it shows.

The classes are not a mere count by state. A row counts only where something is still going to
happen to it: one that failed without a person being asked, one that is planned though its window
is over, or one that waits under a lease that ended long ago, is in no class and so in the
remainder. So is one that was planned and is no longer in the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from followup.context import AppContext
from followup.domain.lifecycle import LEASED_STATES, State
from followup.domain.message_kind import MessageKind
from followup.store.engine.types import AnyRow
from followup.store.models.enrolments import Enrolment, Generation
from followup.store.models.messages import Message
from followup.store.models.worklist import Occurrence

GRACE = timedelta(minutes=2)
"""How long (real time) past its lease a row may be before it counts as stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How the messages that have fallen due stand. `remainder` other than 0 is an alarm."""

    due: int
    delivered: int
    sent: int
    with_a_person: int
    suppressed: int
    expired: int
    cancelled: int
    held: int
    in_progress: int
    remainder: int

    def as_dict(self) -> dict[str, int]:
        """Return the figures by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which messages to balance: all, or those of one clinic, protocol or span of due times."""

    clinic: str | None = None
    protocol: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the scope as conditions on messages."""
        wanted: list[ColumnElement[bool]] = []
        if self.clinic is not None:
            wanted.append(Message.clinic == self.clinic)
        if self.protocol is not None:
            wanted.append(Message.protocol == self.protocol)
        if self.since is not None:
            wanted.append(Message.due_at >= self.since)
        if self.until is not None:
            wanted.append(Message.due_at < self.until)
        return wanted


EVERYTHING = Scope()


def balance(app: AppContext, scope: Scope = EVERYTHING) -> Balance:
    """Return the balance sheet as of now."""
    with app.store.read() as session:
        counts = _count(session, app, scope)
        missing = _missing(session, scope)
    return _sheet(counts, missing)


def balance_by(app: AppContext, by: str, scope: Scope = EVERYTHING) -> dict[str, Balance]:
    """Return a balance sheet for each `day` (in UTC), `clinic` or `protocol`, in order.

    A message that is gone is missed in its clinic and protocol; no day is known of it.
    """
    key = {
        "day": func.date(Message.due_at),
        "clinic": Message.clinic,
        "protocol": func.coalesce(Message.protocol, "-"),
    }[by]
    with app.store.read() as session:
        counted = _count_by(session, app, scope, key)
        sheets = {}
        for name in sorted(counted):
            part = replace(scope, clinic=name) if by == "clinic" else replace(scope, protocol=name)
            missing = 0 if by == "day" else _missing(session, part)
            sheets[name] = _sheet(counted[name], missing)
    return sheets


def _sheet(counts: Mapping[str, int], missing: int) -> Balance:
    classes = {name: counts.get(name, 0) for name in CLASSES}
    due = sum(counts.values()) + missing
    return Balance(due=due, remainder=due - sum(classes.values()), **classes)


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


def _count(session: Session, app: AppContext, scope: Scope) -> Mapping[str, int]:
    return _count_by(session, app, scope, literal("")).get("", {})


def _count_by(
    session: Session,
    app: AppContext,
    scope: Scope,
    key: Any,  # noqa: ANN401 - an expression of any type
) -> Mapping[str, Mapping[str, int]]:
    # A message whose place the other channel's took is accounted for by that one.
    now = app.clock.now()
    # The grace is real time: under a time-lapse clock it is as much more service time.
    label = _class(
        service_limit=now - (app.clock.after_real(GRACE) - now),
        real_limit=app.clock.real_now() - GRACE,
    ).label("class")
    fallback = aliased(Message)
    replaced = and_(
        Message.superseded.is_(True), exists().where(fallback.fallback_of == Message.id)
    )
    rows: Sequence[AnyRow] = session.execute(
        select(key.label("key"), label, func.count())
        .where(Message.due_at <= now, ~replaced, *scope.conditions())
        .group_by("key", label)
    ).all()
    counted: dict[str, dict[str, int]] = {}
    for name, class_, count in rows:
        counted.setdefault(str(name), {})[class_] = count
    return counted


def _class(*, service_limit: datetime, real_limit: datetime) -> ColumnElement[str]:
    """Return the class of a row as an expression; `stray` is what nothing takes care of.

    What should have happened before a limit, and has not, is not taken care of.
    """
    with_person = exists().where(Occurrence.message_id == Message.id)
    useful = Message.not_after > service_limit
    leased = Message.lease_until > real_limit
    reportable = or_(Message.receipt_due_at.is_(None), Message.receipt_due_at > service_limit)

    def state(*states: State) -> ColumnElement[bool]:
        return Message.state.in_([one.value for one in states])

    return case(
        # Its place was taken by a message that is gone.
        (Message.superseded.is_(True), "stray"),
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
        else_="stray",
    )


def _missing(session: Session, scope: Scope) -> int:
    """Return how many messages were planned and are gone: the ledger against the rows."""
    if scope.since is not None or scope.until is not None:
        return 0
    planned = select(func.coalesce(func.sum(Generation.planned), 0)).join(
        Enrolment, Enrolment.id == Generation.enrolment_id
    )
    there = select(func.count()).where(
        Message.kind == MessageKind.ADVICE.value, Message.fallback_of.is_(None), *scope.conditions()
    )
    if scope.clinic is not None:
        planned = planned.where(Enrolment.clinic == scope.clinic)
    if scope.protocol is not None:
        planned = planned.where(Enrolment.protocol == scope.protocol)
    return int(session.scalar(planned) or 0) - int(session.scalar(there) or 0)
