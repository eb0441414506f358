"""Inbox of feeds: a message is kept, sealed, before it is acknowledged, and each only once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.store.audit_log import AuditContext
from followup.store.encryption.sealing import Keyring
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.feeds import FeedMessage

COLUMN = "feed_messages.content"


class FeedState(StrEnum):
    """What became of a message; every message is in one of these, and they add up."""

    WAITING = "waiting"
    ENROLLED = "enrolled"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    MERGED = "merged"
    DRAFT = "draft"
    PERSON = "person"
    IGNORED = "ignored"
    REFUSED = "refused"
    REPLACED = "replaced"


STANDING = frozenset(FeedState) - {FeedState.REFUSED, FeedState.REPLACED}


class Kept(StrEnum):
    """What keeping a message came to."""

    NEW = "new"
    AGAIN = "again"
    """The very same message was kept before: whoever sent it did not hear of it."""
    OTHER_CONTENT = "other-content"
    """Its id belongs to a message that says something else: refused, and kept as that."""
    REFUSED_AGAIN = "refused-again"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeedMessage:
    """A message to be kept. `refusal` is why it is refused, with the place, if it is.

    `told` is what its sender was answered, where that says more.
    """

    feed: str
    site: str
    source: str
    control_id: str
    event: str
    content: bytes
    encoding: str
    refusal: tuple[str, str | None] | None = None
    told: str | None = None


def keep_message(app: AppContext, message: NewFeedMessage) -> Kept:
    """Keep a message in a transaction of its own; once this returns, it is ours."""
    return app.transact(actors.FEED, lambda unit: keep_message_in(unit, message), idempotent=True)


def keep_message_in(
    unit: UnitOfWork,
    message: NewFeedMessage,
    *,
    replaces: UUID | None = None,
) -> Kept:
    """Do what `keep_message` does, within a transaction."""
    digest = sha256(message.content).digest()
    refused = message.refusal is not None
    reason, place = message.refusal or (None, None)
    state = FeedState.REFUSED if refused else FeedState.WAITING
    row = _row(unit.app.keyring, unit.by, message, digest) | {
        "state": state.value,
        "reason": reason,
        "place": place,
        "told": message.told,
        "settled_at": unit.by.at if refused else None,
        "replaces_id": replaces,
        "replaced_by": unit.by.actor if replaces else None,
    }
    if insert_new(unit.session, FeedMessage, row):
        return Kept.NEW
    same = _same_message(unit.session, message, digest)
    if same is not None:
        unit.session.execute(
            update(FeedMessage)
            .where(FeedMessage.id == same.id)
            .values(repeats=FeedMessage.repeats + 1)
            .execution_options(synchronize_session=False)
        )
        if same.state not in {FeedState.REFUSED.value, FeedState.REPLACED.value}:
            return Kept.AGAIN
        # What the site file did not know yet, it may know by now.
        return Kept.NEW if _taken_after_all(unit, same, message) else Kept.REFUSED_AGAIN
    row |= {
        "state": FeedState.REFUSED.value,
        "reason": "same-id",
        "place": "MSH-10",
        "settled_at": unit.by.at,
    }
    insert_new(unit.session, FeedMessage, row)
    return Kept.OTHER_CONTENT


def _taken_after_all(unit: UnitOfWork, same: FeedMessage, message: NewFeedMessage) -> bool:
    """Take a message that was refused before and is not now, unless its id has another by now."""
    rival = exists().where(
        FeedMessage.site == same.site,
        FeedMessage.source == same.source,
        FeedMessage.control_id == same.control_id,
        FeedMessage.id != same.id,
        FeedMessage.state.in_([state.value for state in STANDING]),
    )
    if message.refusal is not None or same.state == FeedState.REPLACED.value:
        return False
    if unit.session.scalar(select(rival)):
        return False
    same.state, same.reason, same.place = FeedState.WAITING.value, None, None
    same.settled_at, same.next_try_real_at = None, unit.by.real_at
    return True


def earlier_row(session: Session, message: NewFeedMessage) -> FeedMessage | None:
    """Return the row of the very same content from the same sender, the latest first; locked."""
    return session.scalars(
        select(FeedMessage)
        .where(
            FeedMessage.site == message.site,
            FeedMessage.source == message.source,
            FeedMessage.digest == sha256(message.content).digest(),
            FeedMessage.state != FeedState.REPLACED.value,
        )
        .order_by(FeedMessage.received_real_at.desc(), FeedMessage.id.desc())
        .limit(1)
        .with_for_update()
    ).first()


def row_for(unit: UnitOfWork, message: NewFeedMessage) -> FeedMessage:
    """Return a new row of what is applied as it comes, not kept before: not in the session yet."""
    digest = sha256(message.content).digest()
    waiting = {"state": FeedState.WAITING.value}
    return FeedMessage(**_row(unit.app.keyring, unit.by, message, digest), **waiting)


def content_of(app: AppContext, row: FeedMessage) -> bytes | None:
    """Return the bytes of a message as they came; None once they are deleted."""
    text = app.keyring.system.open_if(row.content_sealed, column=COLUMN, row=row.id)
    return None if text is None else text.encode("latin-1")


def _row(
    keyring: Keyring, by: AuditContext, message: NewFeedMessage, digest: bytes
) -> dict[str, object]:
    row_id = new_id(by.real_at)
    # Any bytes are text in this encoding, and the same bytes again.
    text = message.content.decode("latin-1")
    return {
        "id": row_id,
        "feed": message.feed,
        "site": message.site,
        "source": message.source,
        "control_id": message.control_id,
        "digest": digest,
        "event": message.event[:16],
        "content_sealed": keyring.system.seal(text, column=COLUMN, row=row_id),
        "encoding": message.encoding,
        "repeats": 0,
        "tries": 0,
        "next_try_real_at": by.real_at,
        "received_at": by.at,
        "received_real_at": by.real_at,
    }


def _same_message(session: Session, message: NewFeedMessage, digest: bytes) -> FeedMessage | None:
    return session.scalar(
        select(FeedMessage).where(
            FeedMessage.site == message.site,
            FeedMessage.source == message.source,
            FeedMessage.control_id == message.control_id,
            FeedMessage.digest == digest,
        )
    )
