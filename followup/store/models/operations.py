"""Tables of operations: service keys, failover, kill switches, restores, heartbeats, alarms."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Index,
    Integer,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.engine.types import Serial
from followup.store.models.base import ACTOR_LENGTH, Base


class ServiceKey(Base):
    """A key of the service itself (blind indexes, system data), wrapped by a master key."""

    __tablename__ = "service_keys"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    wrapped: Mapped[bytes]
    master_key_id: Mapped[str] = mapped_column(String(16))


class StandIn(Base):
    """A spell in which messages went through a second account, because the first was away."""

    __tablename__ = "stand_ins"
    __table_args__ = (
        Index(
            "uq_stand_ins_channel",
            "channel",
            unique=True,
            sqlite_where=text("ended_real_at IS NULL"),
            postgresql_where=text("ended_real_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(8))
    began_real_at: Mapped[datetime]
    # When a message last went that way, within some seconds.
    last_real_at: Mapped[datetime]
    # When the first account was last known to have taken a message again.
    ended_real_at: Mapped[datetime | None]


class Switch(Base):
    """A kill switch: while it is not lifted, what it covers is not sent."""

    __tablename__ = "switches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # all, clinic, protocol, step, channel
    scope: Mapped[str] = mapped_column(String(12))
    value: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(200))
    thrown_at: Mapped[datetime]
    thrown_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))


class Restore(Base):
    """A backup of this database, and since when it is what the service works on.

    A backup carries the row that says when it was taken; until `restored_real_at` is set, nothing
    may be sent from it. See `followup.recovery.restore`.
    """

    __tablename__ = "restores"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    taken_real_at: Mapped[datetime]
    restored_at: Mapped[datetime | None]
    restored_real_at: Mapped[datetime | None]
    restored_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    # When the provider's lists were last read to the end, and nothing was in doubt any more.
    settled_real_at: Mapped[datetime | None]


class Sweep(Base):
    """The last run of each periodic job: what it found, what it did, and when."""

    __tablename__ = "sweeps"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    started_real_at: Mapped[datetime]
    finished_real_at: Mapped[datetime | None]
    service_at: Mapped[datetime]
    found: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(String(300))
    # In a row: none once it ended well.
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))


class Heartbeat(Base):
    """A heartbeat of one process."""

    __tablename__ = "heartbeats"

    component: Mapped[str] = mapped_column(String(20), primary_key=True)
    instance: Mapped[str] = mapped_column(String(120), primary_key=True)
    since_real_at: Mapped[datetime]
    real_at: Mapped[datetime]


class Alarm(Base):
    """Something wrong with the service, from when it was noticed until it cleared. Real times."""

    __tablename__ = "alarms"

    code: Mapped[str] = mapped_column(String(80), primary_key=True)
    sentence: Mapped[str] = mapped_column(String(500))
    raised_real_at: Mapped[datetime]
    # When it was last found to be so.
    seen_real_at: Mapped[datetime]
    # When somebody was last reached about it.
    told_real_at: Mapped[datetime | None]
    # Until then one process is telling of it.
    telling_until: Mapped[datetime | None]
    cleared_real_at: Mapped[datetime | None]
    told_over: Mapped[bool] = mapped_column(Boolean)


class ApiKey(Base):
    """A bearer key of the API, kept as a hash only."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    clinic: Mapped[str | None] = mapped_column(String(80))
    hash: Mapped[bytes] = mapped_column(unique=True)
    # Each an `ApiScope`.
    scopes: Mapped[list[str]] = mapped_column(server_default=text("""'["enrolments"]'"""))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
