"""Tables of the outbox: who is told of events, how far they are, and what could not be delivered.

The events themselves are those of the audit trail, and an event's number is its id there.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Integer, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.engine.types import Serial
from followup.store.models.base import ACTOR_LENGTH, Base

PROBLEM_LENGTH = 200
"""Room for what was wrong with a delivery: a status, or how the connection failed."""


class EventSubscription(Base):
    """A receiver of events. `name` is the clinic's word for it; times of delivery are real."""

    __tablename__ = "event_subscriptions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    # Null is every clinic.
    clinic: Mapped[str | None] = mapped_column(String(80))
    # Host and port, to show; the whole address may hold a secret.
    host: Mapped[str] = mapped_column(String(255))
    url_sealed: Mapped[bytes]
    secret_sealed: Mapped[bytes]
    # The one before, which signs as well until then.
    old_secret_sealed: Mapped[bytes | None]
    old_secret_until_real: Mapped[datetime | None]
    # Each an `EventGroup`.
    groups: Mapped[list[str]]
    # A `Content`: ids, or the FHIR resource with a patient's words.
    content: Mapped[str] = mapped_column(String(8))
    # The number of the last event that was delivered, or was given up, or is not for this one.
    done_upto: Mapped[int] = mapped_column(Serial)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    paused_at: Mapped[datetime | None]
    # The actor, or null where the receiver asked for it with 410.
    paused_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    removed_at: Mapped[datetime | None]
    # Of the event that is next: how often it failed, since when, and when it is tried again.
    tries: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    failing_since_real: Mapped[datetime | None]
    next_try_real: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(PROBLEM_LENGTH))
    delivered_real_at: Mapped[datetime | None]
    # One process at a time delivers to it.
    lease_token: Mapped[UUID | None]
    lease_until_real: Mapped[datetime | None]


class DeadLetter(Base):
    """An event that a subscription was never given, because its receiver did not take it."""

    __tablename__ = "dead_letters"
    __table_args__ = (UniqueConstraint("subscription_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("event_subscriptions.id"))
    number: Mapped[int] = mapped_column(Serial)
    type: Mapped[str] = mapped_column(String(60))
    event_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(Integer)
    problem: Mapped[str] = mapped_column(String(PROBLEM_LENGTH))
    given_up_real_at: Mapped[datetime]


class EventHorizon(Base):
    """Up to where the audit trail is complete: below it no event can appear any more. One row.

    Transactions commit in another order than their events are numbered in. `next_upto` becomes
    `upto` when all have ended that were writing while it was the newest number: `writers`.
    """

    __tablename__ = "event_horizon"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    upto: Mapped[int] = mapped_column(Serial)
    next_upto: Mapped[int] = mapped_column(Serial)
    writers: Mapped[list[str]]
