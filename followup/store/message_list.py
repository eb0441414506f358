"""Going through messages by state, time, step and channel, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.store.models import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages: every condition that is set must hold. `since` and `until` are due times.

    `after` is the due time and id of the last message of the page before.
    """

    states: Collection[State] = ()
    steps: Collection[str] = ()
    channels: Collection[ChannelKind] = ()
    clinic: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: tuple[datetime, UUID] | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on a message."""
        if self.states:
            yield Message.state.in_([state.value for state in self.states])
        if self.steps:
            yield Message.step.in_(self.steps)
        if self.channels:
            yield Message.channel.in_([channel.value for channel in self.channels])
        if self.clinic is not None:
            yield Message.clinic == self.clinic
        if self.since is not None:
            yield Message.due_at >= self.since
        if self.until is not None:
            yield Message.due_at < self.until
        if self.after is not None:
            yield tuple_(Message.due_at, Message.id) > tuple_(*self.after)


def page(session: Session, wanted: Wanted, *, limit: int) -> Sequence[Message]:
    """Return the next messages in the order they fall due, `limit` at most."""
    return session.scalars(
        select(Message)
        .where(*wanted.conditions())
        .order_by(Message.due_at, Message.id)
        .limit(limit)
    ).all()


def next_page(wanted: Wanted, last: Message) -> Wanted:
    """Return what to ask for to go on behind a message."""
    return replace(wanted, after=(last.due_at, last.id))
