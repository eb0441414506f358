"""Monitoring queries: what is under way, and when processes were last heard of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from followup.domain.lifecycle import LEASED_STATES, State
from followup.store.message_state import state_is
from followup.store.models.messages import Message
from followup.store.models.operations import Heartbeat
from followup.store.models.worklist import WorklistItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """What waits: `due` messages whose time has come, those `under_way` by state, and for people.

    `next_due_at` is when the next message falls due, in service time.
    """

    due: int
    under_way: Mapping[State, int]
    receipts_overdue: int
    items: int
    next_due_at: datetime | None


def queues(session: Session, *, now: datetime) -> Queues:
    """Return what waits, found by indexes alone: what is finished is not counted."""
    due = session.scalar(select(func.count()).where(state_is(State.PLANNED), Message.due_at <= now))
    counted = session.execute(
        select(Message.state, func.count())
        .where(state_is(State.HELD, *LEASED_STATES))
        .group_by(Message.state)
    )
    counts = {State(row[0]): row[1] for row in counted}
    overdue = session.scalar(
        select(func.count()).where(state_is(State.SENT), Message.receipt_due_at <= now)
    )
    items = session.scalar(
        select(func.count()).select_from(WorklistItem).where(WorklistItem.state != "closed")
    )
    following = session.scalar(
        select(func.min(Message.due_at)).where(state_is(State.PLANNED), Message.due_at > now)
    )
    return Queues(
        due=due or 0,
        under_way={state: counts.get(state, 0) for state in (State.HELD, *LEASED_STATES)},
        receipts_overdue=overdue or 0,
        items=items or 0,
        next_due_at=following,
    )


def heartbeats(session: Session) -> Sequence[Heartbeat]:
    """Return the last heartbeat of each process, the latest first."""
    return session.scalars(select(Heartbeat).order_by(Heartbeat.real_at.desc())).all()


def server_of(engine: Engine) -> str:
    """Return which database it is, and its version."""
    dialect = engine.dialect
    version = ".".join(str(part) for part in getattr(dialect, "server_version_info", None) or ())
    return f"{'SQLite' if dialect.name == 'sqlite' else 'PostgreSQL'} {version}".strip()
