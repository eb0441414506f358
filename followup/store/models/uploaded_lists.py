"""Table of uploaded lists: a file of patients, sealed, until its rows are enrolled."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from followup.domain.intake.list_state import ListState
from followup.store.models.base import ACTOR_LENGTH, Base, among


class UploadedList(Base):
    """A list that a member of staff uploaded: theirs alone, and gone after a day."""

    __tablename__ = "uploaded_lists"
    __table_args__ = (
        CheckConstraint(among("state", [each.value for each in ListState]), name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    # Who acts when its rows are enrolled.
    actor: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    # Of rows that name none.
    clinic: Mapped[str] = mapped_column(String(80))
    protocol: Mapped[str | None] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(10))
    # The file with its name and its columns, as JSON under the system's key; null once it was used.
    content_sealed: Mapped[bytes | None]
    # What was found: which rows are new, and which are to be corrected and why.
    findings_sealed: Mapped[bytes | None]
    # Of the work under way, in hundredths.
    progress: Mapped[int] = mapped_column(SmallInteger)
    # How often a job began that work: what kills every worker is not tried for ever.
    tries: Mapped[int] = mapped_column(SmallInteger)
    # The job that works on it has it until then, and says so again as it gets on.
    leased_until_real_at: Mapped[datetime | None]
    uploaded_real_at: Mapped[datetime] = mapped_column(index=True)
