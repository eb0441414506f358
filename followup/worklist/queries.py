"""Worklist queries: items with everything that their list and pages show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, or_, select, true, tuple_
from sqlalchemy.orm import Session, load_only

from followup.store.models.messages import InboundMessage, Message
from followup.store.models.patients import Patient
from followup.store.models.worklist import Occurrence, WorklistItem

PAGE_SIZE = 40
"""So many items one page shows."""
AT_ANY_HOUR = 1
"""The urgency whose limit passes by night as by day: a red flag above all."""


class WorklistItemView(StrEnum):
    """Which items are looked at; the values stand in addresses."""

    ALL = ""
    MINE = "mine"
    FREE = "free"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingItems:
    """Items with their patients, messages and texts, by id. `more` says that others wait too.

    `gathered` are all messages that an item is about, by the id of the item.
    """

    items: Sequence[WorklistItem]
    more: bool
    patients: Mapping[UUID, Patient]
    messages: Mapping[UUID, Message]
    texts: Mapping[UUID, InboundMessage]
    gathered: Mapping[UUID, Sequence[Message]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistTally:
    """How much waits, since when, and how much of it for longer than it should."""

    count: int
    oldest: datetime | None
    overdue: int


def is_open() -> ColumnElement[bool]:
    """Return the condition that an item is not closed, as its partial index has it."""
    return WorklistItem.state != literal_column("'closed'")


def of_clinics(clinics: Collection[str] | None) -> list[ColumnElement[bool]]:
    """Return the condition that an item belongs to one of these clinics; None is every clinic."""
    return [] if clinics is None else [WorklistItem.clinic.in_(clinics)]


def worklist_tally(
    session: Session, clinics: Collection[str] | None, *, now: datetime
) -> WorklistTally:
    """Return how much waits for a person."""
    row = session.execute(
        select(
            func.count(),
            func.min(WorklistItem.opened_at),
            func.count().filter(WorklistItem.due_at <= now),
        ).where(is_open(), *of_clinics(clinics))
    ).one()
    return WorklistTally(count=row[0], oldest=row[1], overdue=row[2])


def views_of(
    session: Session, clinics: Collection[str] | None, *, actor: str, now: datetime
) -> Mapping[WorklistItemView, int]:
    """Return how much waits in each view of a member of staff, in one query."""
    counts = [
        func.count().filter(belongs(view, actor=actor, now=now)).label(view.name)
        for view in WorklistItemView
    ]
    row = session.execute(select(*counts).where(is_open(), *of_clinics(clinics))).one()
    return dict(zip(WorklistItemView, row, strict=True))


def belongs(view: WorklistItemView, *, actor: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition that an item belongs to a view."""
    return {
        WorklistItemView.ALL: true(),
        WorklistItemView.MINE: WorklistItem.owner == actor,
        WorklistItemView.FREE: WorklistItem.owner.is_(None),
        WorklistItemView.LATE: WorklistItem.due_at <= now,
    }[view]


def waiting_items(
    session: Session, clinics: Collection[str] | None, which: ColumnElement[bool], *, page: int = 1
) -> WaitingItems:
    """Return a page of what waits, the most urgent first: five queries, however much it is."""
    items = session.scalars(
        select(WorklistItem)
        .where(is_open(), which, *of_clinics(clinics))
        .order_by(WorklistItem.urgency, WorklistItem.due_at, WorklistItem.id)
        .offset((page - 1) * PAGE_SIZE)
        .limit(PAGE_SIZE + 1)
    ).all()
    return _with_all(session, items[:PAGE_SIZE], more=len(items) > PAGE_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedFilter:
    """Which closed items: every condition that is set must hold. The times are those of closing.

    `before` is when the last item of the page before was closed, and its id.
    """

    clinics: Collection[str]
    since: datetime
    until: datetime
    urgency: int | None = None
    outcome: str | None = None
    before: tuple[datetime, UUID] | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on an item."""
        yield WorklistItem.state == literal_column("'closed'")
        yield WorklistItem.clinic.in_(self.clinics)
        yield WorklistItem.closed_at >= self.since
        yield WorklistItem.closed_at < self.until
        if self.urgency is not None:
            yield WorklistItem.urgency == self.urgency
        if self.outcome is not None:
            yield WorklistItem.outcome == self.outcome
        if self.before is not None:
            yield tuple_(WorklistItem.closed_at, WorklistItem.id) < tuple_(*self.before)


def closed_items(session: Session, wanted: ClosedFilter, *, limit: int = PAGE_SIZE) -> WaitingItems:
    """Return items that were closed, the last one first, with all that belongs to them."""
    items = session.scalars(
        select(WorklistItem)
        .where(*wanted.conditions())
        .order_by(WorklistItem.closed_at.desc(), WorklistItem.id.desc())
        .limit(limit + 1)
    ).all()
    return _with_all(session, items[:limit], more=len(items) > limit)


def next_item(
    session: Session, clinics: Collection[str] | None, *, after: UUID, actor: str
) -> UUID | None:
    """Return the most urgent other item that is nobody's, or that of `actor`."""
    return session.scalar(
        select(WorklistItem.id)
        .where(
            is_open(),
            *of_clinics(clinics),
            WorklistItem.id != after,
            or_(WorklistItem.owner.is_(None), WorklistItem.owner == actor),
        )
        .order_by(WorklistItem.urgency, WorklistItem.due_at, WorklistItem.id)
        .limit(1)
    )


def urgent_items(session: Session, clinics: Collection[str] | None) -> Sequence[WorklistItem]:
    """Return what is urgent at any hour and nobody's yet, the latest first, up to a page."""
    return session.scalars(
        select(WorklistItem)
        .where(
            is_open(),
            *of_clinics(clinics),
            WorklistItem.urgency == AT_ANY_HOUR,
            WorklistItem.owner.is_(None),
        )
        .order_by(WorklistItem.id.desc())
        .limit(PAGE_SIZE)
    ).all()


def one_item(session: Session, item_id: UUID) -> WaitingItems | None:
    """Return one item with all that belongs to it, closed or not."""
    item = session.get(WorklistItem, item_id)
    return None if item is None else _with_all(session, [item], more=False)


def _with_all(session: Session, items: Sequence[WorklistItem], *, more: bool) -> WaitingItems:
    shared = [UUID(each) for item in items for each in item.detail.get("shared_by", ())]
    people = {item.patient_id for item in items if item.patient_id} | set(shared)
    patients = session.scalars(select(Patient).where(Patient.id.in_(people)))
    messages = session.scalars(
        select(Message).where(
            Message.id.in_({item.message_id for item in items if item.message_id})
        )
    )
    texts = session.scalars(
        select(InboundMessage).where(
            InboundMessage.id.in_({item.inbound_id for item in items if item.inbound_id})
        )
    )
    gathered: dict[UUID, list[Message]] = {}
    for row in session.execute(
        select(Occurrence.item_id, Message)
        .join(Message, Message.id == Occurrence.message_id)
        # A title, a time and a link are all that is shown of these, and there may be many.
        .options(load_only(Message.id, Message.template, Message.protocol, Message.due_at))
        .where(Occurrence.item_id.in_([item.id for item in items]), Occurrence.settled.is_(False))
        .order_by(Message.due_at, Message.id)
    ):
        gathered.setdefault(row[0], []).append(row[1])
    return WaitingItems(
        items=items,
        more=more,
        patients={one.id: one for one in patients},
        messages={one.id: one for one in messages},
        texts={one.id: one for one in texts},
        gathered=gathered,
    )
