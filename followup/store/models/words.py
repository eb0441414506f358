"""Tables of words that are written in the console: drafts, and those of releases."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.models.base import ACTOR_LENGTH, Base

PATH_LENGTH = 200
IN_FORCE = "live_at IS NOT NULL AND replaced_at IS NULL"


class WordDraft(Base):
    """A text that somebody is changing: of one path, for one protocol at one clinic."""

    __tablename__ = "word_drafts"

    clinic: Mapped[str] = mapped_column(String(80), primary_key=True)
    protocol: Mapped[str] = mapped_column(String(80), primary_key=True)
    # Below the folder of messages: `dressing/en/sms.txt`.
    path: Mapped[str] = mapped_column(String(PATH_LENGTH), primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    # The SHA-256 of what was in force when the draft was begun.
    based_on: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))


class ReleasedWords(Base):
    """The words of a release that lie in no file, and since when they are in force.

    One row at most is in force for a protocol at a clinic. What counts is the digest that two
    people signed: words that were changed here make another one.
    """

    __tablename__ = "released_words"
    __table_args__ = (
        Index(
            "uq_released_words_in_force",
            "clinic",
            "protocol",
            unique=True,
            sqlite_where=text(IN_FORCE),
            postgresql_where=text(IN_FORCE),
        ),
        CheckConstraint("replaced_at IS NULL OR live_at IS NOT NULL", name="replaced_at"),
        CheckConstraint(
            "live_from IS NULL AND live_from_by IS NULL "
            "OR live_from IS NOT NULL AND live_from_by IS NOT NULL",
            name="live_from",
        ),
    )

    release_id: Mapped[UUID] = mapped_column(ForeignKey("releases.id"), primary_key=True)
    clinic: Mapped[str] = mapped_column(String(80))
    protocol: Mapped[str] = mapped_column(String(80))
    # JSON: each text by its path below the folder of messages.
    words: Mapped[str] = mapped_column(Text)
    # When they are to go live, and who said so.
    live_from: Mapped[datetime | None]
    live_from_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    live_at: Mapped[datetime | None]
    replaced_at: Mapped[datetime | None]
