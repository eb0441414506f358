"""Message state transitions: the one function that moves a state, and the due queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    String,
    Update,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import LEASED_STATES, State, check_move
from followup.store.audit_log import OF_MESSAGE, AuditContext, event_values, events_of
from followup.store.engine.bulk import is_among
from followup.store.engine.types import first_id
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Attempt, Message

PriorityQueue = tuple[int, str]
"""Messages of one priority on one channel: the queue in which they wait to be claimed."""

PRIORITIES = range(10)
"""0 is for answers to patients who wrote; a protocol's steps use 1 (most urgent) to 9."""


def lock_expired_leases(
    session: Session, state: State, *, at_real: datetime, limit: int
) -> Sequence[UUID]:
    """Return and lock messages of a leased state whose lease is over by real time, oldest first."""
    return session.scalars(
        select(Message.id)
        .where(state_is(state), Message.lease_until <= at_real)
        .order_by(Message.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()


def move_messages(
    session: Session,
    by: AuditContext,
    message_ids: Collection[UUID],
    *,
    expected: State,
    to: State,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
    each: Mapping[UUID, Mapping[str, Any]] | None = None,
    only: ColumnElement[bool] | None = None,
    **values: Any,  # noqa: ANN401 - columns of many types
) -> set[UUID]:
    """Move messages from `expected` to `to` by compare-and-set, each with its audit event.

    Returns the ids that moved: one that had left `expected`, or for which `only` does not hold, is
    left alone and is missing from the answer. `each` adds to the event of every message what is its
    own. `values` are further columns to set; a lease ends
    with the states that have one, and so does the wait for a receipt; a message that comes to be
    sent has made one more attempt. Raises `IllegalMove` for a move that is not in the table.
    Nothing else in the product writes `state`.

    Two bulk moves can meet in different orders: callers lock the rows first, by rising id.
    """
    check_move(expected, to)
    if not message_ids:
        return set()
    if to not in LEASED_STATES:
        values = {"lease_token": None, "lease_until": None, **values}
    if to is not State.SENT:
        values = {"receipt_due_at": None, **values}
    values |= {"reason": reason, "state_since": by.at, "state_since_real": by.real_at}
    told = {"from": expected.value, "to": to.value} | ({"reason": reason} if reason else {})
    told |= dict(detail or {})
    action = f"message.{to.value}"
    return _move(
        session,
        _Shape(tuple(sorted(values)), attempted=to is State.SENDING, each=each is not None),
        {"ids": message_ids, "expected": expected.value, "to": to.value}
        | {f"new_{name}": value for name, value in values.items()}
        | event_values(by, action=action, detail=told, each=each),
        only=only,
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a move sets: all moves of one shape are one statement, made once."""

    names: tuple[str, ...]
    attempted: bool
    each: bool = False


def _move(
    session: Session,
    shape: _Shape,
    given: Mapping[str, Any],
    *,
    only: ColumnElement[bool] | None,
) -> set[UUID]:
    # What waits to be written may be about the same messages.
    session.flush()
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        changed = _change(shape)
        both = (
            _change_with_events(shape)
            if only is None
            else _with_events(changed, only, each=shape.each)
        )
        return set(connection.execute(both, given).scalars())
    change = _change(shape) if only is None else _change(shape).where(only)
    ids = set(connection.execute(change.returning(Message.id), given).scalars())
    if ids:
        connection.execute(_EVENTS_OF_EACH if shape.each else _EVENTS, {**given, "ids": ids})
    return ids


@cache
def _change(shape: _Shape) -> Update:
    columns = Message.__table__.c
    values: dict[str, ColumnElement[Any]] = {
        name: bindparam(f"new_{name}", type_=columns[name].type) for name in shape.names
    }
    if shape.attempted:
        values["attempt_count"] = columns.attempt_count + 1
    return (
        update(Message)
        .where(is_among(columns.id, bindparam("ids")), columns.state == bindparam("expected"))
        .values(state=bindparam("to"), **values)
    )


def _with_events(
    change: Update, *only: ColumnElement[bool], each: bool = False
) -> ReturningInsert[Any]:
    columns = [Message.__table__.c[name] for name in OF_MESSAGE]
    changed = change.where(*only).returning(*columns).cte("changed")
    return events_of(changed, each=each).add_cte(changed).returning(AuditEvent.message_id)


@cache
def _change_with_events(shape: _Shape) -> ReturningInsert[Any]:
    return _with_events(_change(shape), each=shape.each)


_EVENTS = events_of(Message.__table__, is_among(Message.id, bindparam("ids")))
_EVENTS_OF_EACH = events_of(Message.__table__, is_among(Message.id, bindparam("ids")), each=True)


def state_is(*states: State) -> ColumnElement[bool]:
    """Return the condition that a message is in one of these states.

    The states stand in the statement itself: a planner that sees parameters there can't know that a
    partial index applies.
    """
    literals: list[ColumnElement[str]] = [literal_column(f"'{state.value}'") for state in states]
    return Message.state == literals[0] if len(literals) == 1 else Message.state.in_(literals)


def lock_due(session: Session, lane: PriorityQueue, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Return up to `limit` planned messages of one lane whose time has come, longest due first.

    On PostgreSQL they are locked and those that a rival has locked are passed over; on SQLite the
    transaction itself is the lock.
    """
    return session.scalars(
        select(Message.id)
        .where(
            state_is(State.PLANNED),
            *_in_lane(lane),
            Message.claimable_at <= now,
        )
        .order_by(Message.claimable_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()


def lock_in(
    session: Session, states: Iterable[State], *conditions: ColumnElement[bool]
) -> dict[State, list[UUID]]:
    """Return the messages in these states for which the conditions hold, by state, locked.

    Locked by rising id, as everything that waits for several messages locks them.
    """
    rows = session.execute(
        select(Message.id, Message.state)
        .where(state_is(*states), *conditions)
        .order_by(Message.id)
        .with_for_update(key_share=True)
    ).all()
    found: dict[State, list[UUID]] = {state: [] for state in states}
    for row in rows:
        found[State(row.state)].append(row.id)
    return found


def earliest_in_queues(session: Session) -> Sequence[tuple[PriorityQueue, datetime]]:
    """Return the lanes in which anything is planned, and from when its first may be claimed.

    The most urgent lane comes first.
    """
    rows = session.execute(_EARLIEST).all()
    found = [((row.priority, row.channel), row.earliest) for row in rows]
    return sorted((lane, earliest) for lane, earliest in found if earliest is not None)


PRIORITY_QUEUES: tuple[PriorityQueue, ...] = tuple(
    (priority, kind.value) for priority in PRIORITIES for kind in ChannelKind
)


def _literal(text: str, name: str) -> ColumnElement[str]:
    # PostgreSQL takes a bare literal for a value of no type, which compares with nothing.
    return cast(literal_column(f"'{text}'"), String).label(name)


def _in_lane(lane: PriorityQueue) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    priority, channel = lane
    return Message.priority == priority, Message.channel == channel


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """What is on its way: how many messages are leased or being sent, by channel.

    `sending` is how many of them are being sent, `started` how many calls were begun lately, up to
    as many as it was asked to count. Neither is known where nothing is on its way.
    """

    by_channel: Mapping[str, int]
    sending: int = 0
    started: int = 0

    @property
    def total(self) -> int:
        return sum(self.by_channel.values())


def count_in_flight(session: Session, *, since: datetime, at_most: int) -> InFlight:
    """Count what is leased or being sent, and calls begun `since` (real time), `at_most` so many.

    One statement: it is a part of every tick.
    """
    # Ids begin with the time: they are the index.
    begun = select(Attempt.id).where(Attempt.id >= first_id(since)).limit(at_most).subquery()
    rows = session.execute(
        select(
            Message.channel,
            func.count(),
            func.count().filter(state_is(State.SENDING)),
            select(func.count()).select_from(begun).scalar_subquery(),
        )
        .where(state_is(State.CLAIMED, State.SENDING))
        .group_by(Message.channel)
    ).all()
    return InFlight(
        by_channel={row[0]: row[1] for row in rows},
        sending=sum(row[2] for row in rows),
        started=max((row[3] for row in rows), default=0),
    )


def oldest_claimable(session: Session) -> datetime | None:
    """Return the earliest time from which a planned message waits to be claimed."""
    return min((earliest for _, earliest in earliest_in_queues(session)), default=None)


_EARLIEST: CompoundSelect[Any] = union_all(
    *(
        select(
            literal_column(str(priority)).label("priority"),
            _literal(channel, "channel"),
            func.min(Message.claimable_at).label("earliest"),
        ).where(state_is(State.PLANNED), *_in_lane((priority, channel)))
        for priority, channel in PRIORITY_QUEUES
    )
)
"""One statement: each part is one look into the index."""


def count_claimable(session: Session, *, now: datetime, at_most: int) -> int:
    """Return how many planned messages wait to be claimed, counted up to `at_most`."""
    waiting = select(Message.id).where(
        state_is(State.PLANNED),
        Message.priority.in_(PRIORITIES),
        Message.channel.in_([kind.value for kind in ChannelKind]),
        Message.claimable_at <= now,
    )
    return session.scalar(select(func.count()).select_from(waiting.limit(at_most).subquery())) or 0


def postpone(session: Session, message_ids: Sequence[UUID], *, until: datetime) -> None:
    """Leave planned messages planned, not to be claimed before `until`."""
    session.execute(
        update(Message)
        .where(is_among(Message.id, message_ids), Message.state == State.PLANNED.value)
        .values(claimable_at=until)
        .execution_options(synchronize_session=False)
    )
