"""Home-page figures: what is due, how the last days went, and the last receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, func, literal, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import OUTCOME_KNOWN, State
from followup.store.engine.types import AnyRow
from followup.store.message_state import state_is
from followup.store.models.messages import InboundMessage, Message, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """How one day's messages of a channel fared, by the day on which they fell due."""

    begins: datetime
    sent: int
    delivered: int
    failed: int
    replies: int

    @property
    def unconfirmed(self) -> int:
        """Those that went, and of which nothing was heard since."""
        return self.sent - self.delivered - self.failed


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


def recent_days(
    session: Session, clinics: Collection[str] | None, bounds: Sequence[datetime]
) -> Mapping[ChannelKind, Sequence[DayFigures]]:
    """Return how each channel fared on each day; the bounds are where days begin, and the end.

    Two queries, however many days and messages there are.
    """
    spans = list(pairwise(bounds))
    counts = _counts(session, clinics, spans)
    replies = _replies(session, clinics, spans)
    return {
        channel: [
            DayFigures(
                begins=since,
                sent=sum(counts[number, channel, state] for state in OUTCOME_KNOWN),
                delivered=counts[number, channel, State.DELIVERED],
                failed=counts[number, channel, State.FAILED],
                # Nobody can answer an e-mail to the service itself.
                replies=replies[number] if channel is ChannelKind.SMS else 0,
            )
            for number, (since, _) in enumerate(spans)
        ]
        for channel in ChannelKind
    }


def last_receipt(session: Session) -> datetime | None:
    """Return when (real time) a provider last reported on a message."""
    # Identifiers rise with time, and are indexed.
    return session.scalar(select(Receipt.received_real_at).order_by(Receipt.id.desc()).limit(1))


def _counts(
    session: Session,
    clinics: Collection[str] | None,
    spans: Sequence[tuple[datetime, datetime]],
) -> Counter[tuple[int, ChannelKind, State]]:
    parts = [
        select(literal(number).label("day"), Message.channel, Message.state, func.count())
        .where(
            state_is(*OUTCOME_KNOWN),
            Message.due_at >= since,
            Message.due_at < until,
            *_of(Message.clinic, clinics),
        )
        .group_by(Message.channel, Message.state)
        for number, (since, until) in enumerate(spans)
    ]
    found: Counter[tuple[int, ChannelKind, State]] = Counter()
    for row in session.execute(union_all(*parts)):
        found[row[0], ChannelKind(row[1]), State(row[2])] = row[3]
    return found


def _replies(
    session: Session,
    clinics: Collection[str] | None,
    spans: Sequence[tuple[datetime, datetime]],
) -> Counter[int]:
    parts = [
        select(literal(number), func.count()).where(
            InboundMessage.received_at >= since,
            InboundMessage.received_at < until,
            *_of(InboundMessage.clinic, clinics),
        )
        for number, (since, until) in enumerate(spans)
    ]
    return Counter({row[0]: row[1] for row in session.execute(union_all(*parts))})


def _of(
    column: InstrumentedAttribute[Any], clinics: Collection[str] | None
) -> list[ColumnElement[bool]]:
    return [] if clinics is None else [column.in_(clinics)]
