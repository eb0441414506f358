"""Home-page figures: what is due, and the last receipt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from followup.domain.lifecycle import State
from followup.store.engine.types import AnyRow
from followup.store.message_state import state_is
from followup.store.models.messages import Message, Receipt


def due_between(
    session: Session, clinics: Collection[str] | None, *, since: datetime, until: datetime
) -> Sequence[AnyRow]:
    """Return what falls due in a span: template, channel, how many, and when the first does."""
    return session.execute(
        select(
            Message.template,
            Message.channel,
            func.count().label("count"),
            func.min(Message.due_at).label("first"),
        )
        .where(
            state_is(State.PLANNED, State.CLAIMED),
            Message.due_at >= since,
            Message.due_at < until,
            *_of(Message.clinic, clinics),
        )
        .group_by(Message.template, Message.channel)
        .order_by(func.min(Message.due_at))
    ).all()


def last_receipt(session: Session) -> datetime | None:
    """Return when (real time) a provider last reported on a message."""
    # Identifiers rise with time, and are indexed.
    return session.scalar(select(Receipt.received_real_at).order_by(Receipt.id.desc()).limit(1))


def _of(
    column: InstrumentedAttribute[Any], clinics: Collection[str] | None
) -> list[ColumnElement[bool]]:
    return [] if clinics is None else [column.in_(clinics)]
