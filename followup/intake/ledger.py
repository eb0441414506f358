"""Ledger of feeds: every message received, by what became of it; refused ones put right."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import Conflict, NotFound
from followup.domain.sites.site import Site
from followup.intake.feed.inbox import FeedState, Kept, content_of, keep_message_in
from followup.intake.formats import FORMATS
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.feeds import FeedMessage

PAGE = 50
_WAITS = FeedMessage.state == literal_column("'waiting'")
"""Written out, as the partial index has it."""
MAY_BE_REPLAYED = frozenset({FeedState.REFUSED.value, FeedState.PERSON.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLedger:
    """How many messages were received, and how many ended in each state."""

    received: int
    by_state: dict[str, int]

    @property
    def remainder(self) -> int:
        """How many are in no state that is known: never any."""
        return self.received - sum(self.by_state.values())


def feed_ledger(session: Session, clinics: Collection[str] | None = None) -> FeedLedger:
    """Return the ledger; `clinics` None are messages of all and of none."""
    received = session.scalar(select(func.count()).select_from(FeedMessage).where(*_of(clinics)))
    counted = {
        row[0]: row[1]
        for row in session.execute(
            select(FeedMessage.state, func.count()).where(*_of(clinics)).group_by(FeedMessage.state)
        )
    }
    return FeedLedger(
        received=received or 0,
        by_state={state.value: counted.get(state.value, 0) for state in FeedState},
    )


def waiting_since(session: Session) -> datetime | None:
    """Return when (real time) the message came that has waited longest; None where none waits."""
    return session.scalar(select(func.min(FeedMessage.received_real_at)).where(_WAITS))


def count_refused(session: Session, *, since: datetime) -> int:
    """Return how many messages were received since then, in service time, and refused."""
    refused = select(func.count()).where(
        FeedMessage.state == FeedState.REFUSED.value, FeedMessage.received_at >= since
    )
    return session.scalar(refused) or 0


def listed_messages(
    session: Session, clinics: Collection[str] | None, *, state: str | None, page: int = 1
) -> Sequence[FeedMessage]:
    """Return a page of messages, the latest first, and one more that says there is a next page."""
    query = select(FeedMessage).where(*_of(clinics))
    if state is not None:
        query = query.where(FeedMessage.state == state)
    return session.scalars(
        query.order_by(FeedMessage.received_at.desc(), FeedMessage.id.desc())
        .offset((page - 1) * PAGE)
        .limit(PAGE + 1)
    ).all()


def find_message(session: Session, message_id: UUID) -> FeedMessage:
    """Return a message; raise `NotFound` if there is none."""
    row = session.get(FeedMessage, message_id)
    if row is None:
        raise NotFound("there is no such message")
    return row


def text_of(app: AppContext, row: FeedMessage) -> str | None:
    """Return what a message says, in lines; None once it is deleted."""
    content = content_of(app, row)
    if content is None:
        return None
    text = content.decode(row.encoding, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def replay_message(app: AppContext, message_id: UUID, text: str, *, actor: str) -> None:
    """Take in a message that was refused, as a person has put it right, in place of the first.

    Unchanged, it is worked off again. Raises `InvalidInput` for what would be refused again.
    """

    def work(unit: UnitOfWork) -> None:
        row = unit.session.get(FeedMessage, message_id, with_for_update=True)
        if row is None or row.state not in MAY_BE_REPLAYED:
            raise Conflict("this message has been worked off")
        before = text_of(app, row)
        format_of = FORMATS[row.feed]
        content = format_of.written(text, encoding=row.encoding)
        message = format_of.checked(app, row, content, _site(app, row))
        record_event(
            unit.session,
            unit.by,
            AuditEntry(
                action="feed-message.replayed", clinic=row.clinic, detail={"message": str(row.id)}
            ),
        )
        if before is not None and before.split() == text.split():
            row.state, row.reason = FeedState.WAITING.value, None
            row.place, row.told = None, None
            row.settled_at, row.tries, row.next_try_real_at = None, 0, unit.by.real_at
            return
        row.state, row.reason = FeedState.REPLACED.value, "replaced"
        unit.session.flush()
        if keep_message_in(unit, message, replaces=row.id) is not Kept.NEW:
            raise Conflict("another message with this id and other content was taken in meanwhile")

    app.transact(actor, work)


def _site(app: AppContext, row: FeedMessage) -> Site:
    site = app.catalogue.sites.get(row.site)
    if site is None:
        raise Conflict(f"the site {row.site} is no longer configured; put its file back")
    return site


def _of(clinics: Collection[str] | None) -> list[ColumnElement[bool]]:
    return [] if clinics is None else [FeedMessage.clinic.in_(clinics)]
