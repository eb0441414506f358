"""Tables of worklist items, occurrences and escalations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.models.base import ACTOR_LENGTH, Base, among


class WorklistItem(Base):
    """Something that a person must look at: one item a `subject`, however often it is found."""

    __tablename__ = "worklist_items"
    __table_args__ = (
        Index("ix_worklist_items_state_opened_at", "state", "opened_at"),
        Index(
            "ix_worklist_items_open",
            "urgency",
            "due_at",
            sqlite_where=text("state != 'closed'"),
            postgresql_where=text("state != 'closed'"),
        ),
        Index(
            "ix_worklist_items_escalate_at",
            "escalate_at",
            sqlite_where=text("state = 'open' AND escalate_at IS NOT NULL"),
            postgresql_where=text("state = 'open' AND escalate_at IS NOT NULL"),
        ),
        Index(
            "ix_worklist_items_closed_at",
            "closed_at",
            sqlite_where=text("state = 'closed'"),
            postgresql_where=text("state = 'closed'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(160), unique=True)
    clinic: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(40))
    urgency: Mapped[int] = mapped_column(SmallInteger)
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patients.id"), index=True)
    enrolment_id: Mapped[UUID | None] = mapped_column(ForeignKey("enrolments.id"))
    message_id: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id"), index=True)
    inbound_id: Mapped[UUID | None] = mapped_column(ForeignKey("inbound_messages.id"))
    detail: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    # When somebody else is told that nobody has taken it, and how often that was done.
    escalate_at: Mapped[datetime | None]
    escalations: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    state: Mapped[str] = mapped_column(String(8))
    # When somebody first opened or took it; null in rows older than this column.
    looked_at: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    outcome: Mapped[str | None] = mapped_column(String(40))
    note_sealed: Mapped[bytes | None]


class Escalation(Base):
    """One telling, on one route, that nobody has taken an item in time."""

    __tablename__ = "escalations"
    __table_args__ = (
        UniqueConstraint("item_id", "time", "route"),
        Index(
            "ix_escalations_due",
            "next_try_real_at",
            sqlite_where=text("state = 'due'"),
            postgresql_where=text("state = 'due'"),
        ),
        CheckConstraint(among("state", ["due", "done", "failed"]), name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey("worklist_items.id"))
    # 1 for the first time that the item is escalated.
    time: Mapped[int] = mapped_column(SmallInteger)
    # sms, email or webhook
    route: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(8))
    tries: Mapped[int] = mapped_column(SmallInteger)
    next_try_real_at: Mapped[datetime]
    error: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[datetime]


class Occurrence(Base):
    """A message that an item of the worklist is about: one item may gather several."""

    __tablename__ = "occurrences"

    item_id: Mapped[UUID] = mapped_column(ForeignKey("worklist_items.id"), primary_key=True)
    message_id: Mapped[UUID] = mapped_column(
        ForeignKey("messages.id"), primary_key=True, index=True
    )
    cause: Mapped[str] = mapped_column(String(80))
    found_at: Mapped[datetime]
    # It settled itself, or was sent again: the item need not tell of it any more.
    settled: Mapped[bool] = mapped_column(Boolean)
