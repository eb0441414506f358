"""Table of merges: which patient went into which, why, and all that it takes to undo it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.engine.types import Serial
from followup.store.models.base import ACTOR_LENGTH, Base

IN_FORCE = "undone_at IS NULL"


class PatientMerge(Base):
    """Two records that a person found to be of one patient."""

    __tablename__ = "patient_merges"
    __table_args__ = (
        Index(
            "uq_patient_merges_duplicate_id",
            "duplicate_id",
            unique=True,
            sqlite_where=text(IN_FORCE),
            postgresql_where=text(IN_FORCE),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic: Mapped[str] = mapped_column(String(80))
    survivor_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    duplicate_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"))
    # Free words, so they may name somebody: sealed under the survivor's key.
    reason_sealed: Mapped[bytes | None]
    # What was moved and how it stood: ids, states, and ciphertexts as they were. Null once it can't
    # be undone any more.
    before: Mapped[dict[str, Any] | None]
    # The last entry of the audit trail that is the merge's own.
    event_id: Mapped[int] = mapped_column(Serial)
    merged_at: Mapped[datetime] = mapped_column(index=True)
    merged_real_at: Mapped[datetime]
    merged_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
