"""Tables of the audit trail, its tree with signed checkpoints, and older seals."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.engine.types import Serial
from followup.store.models.base import ACTOR_LENGTH, Base


class AuditEvent(Base):
    """Who did what to which thing, and when. Append-only, held so by triggers; no patient data."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    real_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    action: Mapped[str] = mapped_column(String(60))
    clinic: Mapped[str | None] = mapped_column(String(80))
    patient_id: Mapped[UUID | None] = mapped_column(index=True)
    enrolment_id: Mapped[UUID | None] = mapped_column(index=True)
    message_id: Mapped[UUID | None] = mapped_column(index=True)
    detail: Mapped[dict[str, Any] | None]


class AuditTile(Base):
    """256 hashes of the Merkle tree over the audit events, side by side, and the root over them.

    Level 0 holds leaves; each level above it, the roots of tiles below. Only full tiles are kept.
    """

    __tablename__ = "audit_tiles"
    __table_args__ = (Index("ix_audit_tiles_level_last_event_id", "level", "last_event_id"),)

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=False)
    first_event_id: Mapped[int] = mapped_column(Serial)
    last_event_id: Mapped[int] = mapped_column(Serial)
    hashes: Mapped[bytes]
    root: Mapped[bytes]


class AuditCheckpoint(Base):
    """A signed head of the tree (C2SP tlog-checkpoint): it stands for all events up to one."""

    __tablename__ = "audit_checkpoints"

    size: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=False)
    upto_id: Mapped[int] = mapped_column(Serial)
    note: Mapped[str] = mapped_column(Text)


class AuditSeal(Base):
    """A link of the chain that was kept before checkpoints were: still checked, no more added."""

    __tablename__ = "audit_seals"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    # Seals follow each other without a gap: no two begin at the same event.
    after_id: Mapped[int] = mapped_column(Serial, unique=True)
    upto_id: Mapped[int] = mapped_column(Serial)
    events: Mapped[int] = mapped_column(Integer)
    digest: Mapped[bytes]
    sealed_real_at: Mapped[datetime]
