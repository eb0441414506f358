"""Table of returned mails: every mail of the bounce mailbox, once, and what became of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.models.base import ACTOR_LENGTH, Base

PLACE_LENGTH = 400


class ReturnedMail(Base):
    """A mail that was taken in. What a person needs of it is kept sealed until they close it."""

    __tablename__ = "returned_mails"
    __table_args__ = (
        Index(
            "ix_returned_mails_waiting",
            "received_real_at",
            sqlite_where=text("outcome = 'unmatched' AND closed_at IS NULL"),
            postgresql_where=text("outcome = 'unmatched' AND closed_at IS NULL"),
        ),
        Index("ix_returned_mails_place", "place"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # The SHA-256 of its bytes: the same mail by whichever way is one.
    digest: Mapped[bytes] = mapped_column(unique=True)
    # hook, pipe, file, maildir, imap
    source: Mapped[str] = mapped_column(String(8))
    # Where it lies in a mailbox behind IMAP, so that it is fetched once.
    place: Mapped[str | None] = mapped_column(String(PLACE_LENGTH))
    kind: Mapped[str] = mapped_column(String(12))
    outcome: Mapped[str] = mapped_column(String(12))
    code: Mapped[str | None] = mapped_column(String(40))
    # Null where it can't be told whose it is: those see it who may see every clinic.
    clinic: Mapped[str | None] = mapped_column(String(80))
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("attempts.id"))
    # JSON, sealed with the service's key; null once nobody needs it.
    content_sealed: Mapped[bytes | None]
    received_at: Mapped[datetime]
    received_real_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    # confirmed or dismissed
    closed_as: Mapped[str | None] = mapped_column(String(12))
