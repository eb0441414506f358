"""Message listing by state, time, step and channel, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, literal, select, tuple_, union_all
from sqlalchemy.orm import Session

from followup.domain.attempt_outcome import AttemptOutcome
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages: every condition that is set must hold. `since` and `until` are due times.

    `clinics` None is every clinic. `after` is the due time and id of the last message of the page
    before; `latest_first` turns the order round; `unrestricted` leaves out what is to be shown to
    nobody (Article 18).
    """

    states: Collection[State] = ()
    steps: Collection[str] = ()
    channels: Collection[ChannelKind] = ()
    clinic: str | None = None
    clinics: Collection[str] | None = None
    protocol: str | None = None
    latest_first: bool = False
    unrestricted: bool = False
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
        yield from self._whose()
        if self.since is not None:
            yield Message.due_at >= self.since
        if self.until is not None:
            yield Message.due_at < self.until
        if self.after is not None:
            place, last = tuple_(Message.due_at, Message.id), tuple_(*self.after)
            yield place < last if self.latest_first else place > last

    def _whose(self) -> Iterator[ColumnElement[bool]]:
        if self.clinic is not None:
            yield Message.clinic == self.clinic
        if self.clinics is not None:
            yield Message.clinic.in_(self.clinics)
        if self.protocol is not None:
            yield Message.protocol == self.protocol
        if self.unrestricted:
            restricted = Patient.restricted_at.is_not(None)
            yield ~exists().where(Patient.id == Message.patient_id, restricted)


def message_page(session: Session, wanted: MessageFilter, *, limit: int) -> Sequence[Message]:
    """Return the next messages in the order they fall due, or against it, `limit` at most."""
    order = (Message.due_at, Message.id)
    return session.scalars(
        select(Message)
        .where(*wanted.conditions())
        .order_by(*(column.desc() if wanted.latest_first else column for column in order))
        .limit(limit)
    ).all()


def count_by_state(session: Session, wanted: MessageFilter, *, most: int) -> dict[State, int]:
    """Return how many messages are wanted in each state, in one query.

    It stops counting a state at `most`, so that it takes as long on a store of any size.
    """
    parts = []
    for state in State:
        one = replace(wanted, states=(state,), after=None)
        capped = select(Message.id).where(*one.conditions()).limit(most).subquery()
        parts.append(select(literal(state.value), func.count()).select_from(capped))
    return {State(row[0]): row[1] for row in session.execute(union_all(*parts))}


def next_page(wanted: MessageFilter, last: Message) -> MessageFilter:
    """Return what to ask for to go on behind a message."""
    return replace(wanted, after=(last.due_at, last.id))


def patients_of(session: Session, messages: Collection[Message]) -> Sequence[Patient]:
    """Return the patients of these messages, in one query."""
    ids = {message.patient_id for message in messages}
    return session.scalars(select(Patient).where(Patient.id.in_(ids))).all()


def references_of(
    session: Session, messages: Collection[Message | AuditEvent], *, unrestricted: bool = False
) -> dict[UUID | None, str | None]:
    """Return the clinic's reference of each enrolment that these belong to.

    `unrestricted` leaves out those of patients whose data is to be shown to nobody.
    """
    ids = {message.enrolment_id for message in messages}
    query = select(Enrolment.id, Enrolment.reference).where(Enrolment.id.in_(ids))
    if unrestricted:
        query = query.join(Patient, Patient.id == Enrolment.patient_id)
        query = query.where(Patient.restricted_at.is_(None))
    return {row[0]: row[1] for row in session.execute(query)}


def segments_of(session: Session, messages: Collection[Message]) -> dict[UUID, int]:
    """Return how many segments the provider took of each of these messages, of texts alone."""
    found = session.execute(
        select(Attempt.message_id, func.sum(Attempt.segments))
        .where(
            Attempt.message_id.in_([message.id for message in messages]),
            Attempt.outcome == AttemptOutcome.ACCEPTED.value,
            Attempt.segments.is_not(None),
        )
        .group_by(Attempt.message_id)
    )
    return {row[0]: int(row[1] or 0) for row in found}
