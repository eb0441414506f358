"""Tables of enrolments, their generations and protocol versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from followup.domain.lifecycle import EnrolmentState
from followup.store.models.base import ACTOR_LENGTH, Base, among


class Enrolment(Base):
    """One patient on one protocol after one procedure."""

    __tablename__ = "enrolments"
    __table_args__ = (
        UniqueConstraint("clinic", "reference"),
        Index(
            "uq_enrolments_procedure",
            "patient_id",
            "protocol",
            "procedure_at",
            unique=True,
            sqlite_where=text("state != 'withdrawn'"),
            postgresql_where=text("state != 'withdrawn'"),
        ),
        Index("ix_enrolments_state_procedure_at", "state", "procedure_at"),
        # The latest patients first: of all clinics, and of one.
        Index("ix_enrolments_procedure_at_id", "procedure_at", "id"),
        Index("ix_enrolments_clinic_procedure_at_id", "clinic", "procedure_at", "id"),
        Index(
            "ix_enrolments_finish_due_at",
            "finish_due_at",
            sqlite_where=text("finish_due_at IS NOT NULL"),
            postgresql_where=text("finish_due_at IS NOT NULL"),
        ),
        Index(
            "ix_enrolments_merged_into",
            "merged_into",
            sqlite_where=text("merged_into IS NOT NULL"),
            postgresql_where=text("merged_into IS NOT NULL"),
        ),
        CheckConstraint(among("state", [state.value for state in EnrolmentState]), name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic: Mapped[str] = mapped_column(String(80))
    protocol: Mapped[str] = mapped_column(String(80))
    protocol_version: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str | None] = mapped_column(String(80))
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    procedure_at: Mapped[datetime]
    zone: Mapped[str] = mapped_column(String(64))
    attributes: Mapped[dict[str, Any]]
    channels: Mapped[list[str]]
    # What the sender said last, field by field, as keyed hashes (`followup.enrolment.received`);
    # null of one that was enrolled before these were kept.
    received: Mapped[dict[str, Any] | None]
    state: Mapped[str] = mapped_column(String(12))
    generation: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    # When it is next looked at whether it has finished; null once it has ended.
    finish_due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # Free words, so they may name somebody: sealed under the patient's key.
    ended_reason_sealed: Mapped[bytes | None]
    # In which follow-up of the same procedure it goes on: the patient had two records. Its
    # reference means that one. (No foreign key: SQLite can't add one to a table that is there.)
    merged_into: Mapped[UUID | None]
    # The patient's own page: its token is found by a keyed hash, and put into messages from the
    # sealed copy. All three are null where the link was withdrawn.
    page_index: Mapped[bytes | None] = mapped_column(unique=True)
    page_token_sealed: Mapped[bytes | None]
    page_expires_at: Mapped[datetime | None]


class Generation(Base):
    """One dated timeline of an enrolment; a changed procedure time makes the next one.

    `planned` is how many messages it was made with: the ledger against which the balance counts.
    """

    __tablename__ = "generations"

    enrolment_id: Mapped[UUID] = mapped_column(ForeignKey("enrolments.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    procedure_at: Mapped[datetime]
    protocol_version: Mapped[str] = mapped_column(String(64))
    planned: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(index=True)
    created_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))


class ProtocolVersion(Base):
    """A protocol exactly as it stood when something was first planned by it."""

    __tablename__ = "protocol_versions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    protocol: Mapped[str] = mapped_column(String(80))
    definition: Mapped[dict[str, Any]]
    first_used_at: Mapped[datetime]
