"""Table of retention: what could end, who decided that it does, and who confirmed it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.models.base import ACTOR_LENGTH, Base


class RetentionReview(Base):
    """A proposal that records end: those of one patient, or a clinic's of one class up to a time.

    Codes and ids alone: it stays as the certificate of what was destroyed, and by whom.
    """

    __tablename__ = "retention_reviews"
    __table_args__ = (
        Index(
            "uq_retention_reviews_open",
            "record_class",
            "subject",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        CheckConstraint("confirmed_by IS NULL OR confirmed_by != decided_by", name="two_people"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # A `RecordClass`.
    record_class: Mapped[str] = mapped_column(String(20))
    clinic: Mapped[str | None] = mapped_column(String(80), index=True)
    # The patient, the member of staff, or the clinic: one open proposal about each.
    subject: Mapped[str] = mapped_column(String(80))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patients.id"), index=True)
    # Records that were last of use before then are meant.
    upto: Mapped[datetime]
    records: Mapped[int] = mapped_column(Integer)
    proposed_at: Mapped[datetime]
    # What went to the record first, and that it was taken there.
    export_digest: Mapped[str | None] = mapped_column(String(64))
    exported_at: Mapped[datetime | None]
    exported_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    # destroy, keep or hold
    decision: Mapped[str | None] = mapped_column(String(8))
    ground: Mapped[str | None] = mapped_column(String(20))
    keep_until: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    confirmed_at: Mapped[datetime | None]
    confirmed_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    destroyed: Mapped[int | None] = mapped_column(Integer)
    # When it was destroyed, taken back, or a hold or longer time ended.
    ended_at: Mapped[datetime | None]
