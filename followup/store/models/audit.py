"""Tables of the audit trail and its seals."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Integer,
    String,
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


class AuditSeal(Base):
    """A link of the chain that shows an edited, removed or slipped-in audit event."""

    __tablename__ = "audit_seals"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    # Seals follow each other without a gap: no two begin at the same event.
    after_id: Mapped[int] = mapped_column(Serial, unique=True)
    upto_id: Mapped[int] = mapped_column(Serial)
    events: Mapped[int] = mapped_column(Integer)
    digest: Mapped[bytes]
    sealed_real_at: Mapped[datetime]
