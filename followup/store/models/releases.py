"""Tables of releases: what two people signed, and the files that it covers."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.models.base import ACTOR_LENGTH, Base, among

NAME_LENGTH = 120
REMARK_LENGTH = 500
KINDS = ["words", "review"]
WHOLE = "approver IS NULL AND {0} IS NULL OR approver IS NOT NULL AND {0} IS NOT NULL"


class Release(Base):
    """A text that an author signed and another person may approve: a manifest or an extension.

    The signatures are what counts, and the constraints beside them: no row holds one person, or one
    key, twice. Times of signatures are those of the signed comments.
    """

    __tablename__ = "releases"
    __table_args__ = (
        Index("ix_releases_clinic", "clinic", "kind", "protocol"),
        Index(
            "uq_releases_digest",
            "clinic",
            "kind",
            "digest",
            unique=True,
            sqlite_where=text("sent_back_at IS NULL AND withdrawn_at IS NULL"),
            postgresql_where=text("sent_back_at IS NULL AND withdrawn_at IS NULL"),
        ),
        CheckConstraint(among("kind", KINDS), name="kind"),
        CheckConstraint(
            "approver IS NULL OR lower(approver) <> lower(author) AND approver_key <> author_key",
            name="two_people",
        ),
        CheckConstraint(WHOLE.format("approver_key"), name="approver_key"),
        CheckConstraint(WHOLE.format("approver_signature"), name="approver_signature"),
        CheckConstraint(WHOLE.format("approved_at"), name="approved_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    clinic: Mapped[str] = mapped_column(String(80))
    protocol: Mapped[str] = mapped_column(String(80))
    # The SHA-256 of the statement, which is the text that was signed.
    digest: Mapped[str] = mapped_column(String(64))
    statement: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(NAME_LENGTH))
    # The public key itself in base64, without the number that minisign finds it by.
    author_key: Mapped[str] = mapped_column(String(44))
    author_signature: Mapped[str] = mapped_column(Text)
    # Whether the key lies on the server, under its owner's passphrase.
    author_key_kept: Mapped[bool] = mapped_column(Boolean)
    signed_at: Mapped[datetime]
    approver: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    approver_key: Mapped[str | None] = mapped_column(String(44))
    approver_signature: Mapped[str | None] = mapped_column(Text)
    approver_key_kept: Mapped[bool] = mapped_column(Boolean)
    approved_at: Mapped[datetime | None]
    sent_back_at: Mapped[datetime | None]
    sent_back_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    # Why it was sent back or withdrawn.
    remark: Mapped[str | None] = mapped_column(String(REMARK_LENGTH))


class ReleaseReading(Base):
    """That somebody opened one changed part of a release; `part` is a digest of what it says."""

    __tablename__ = "release_readings"

    release_id: Mapped[UUID] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(String(ACTOR_LENGTH), primary_key=True)
    part: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]


class KeptKey(Base):
    """The signing key of a member of staff, under their passphrase, and sealed besides."""

    __tablename__ = "kept_keys"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    public_key: Mapped[str] = mapped_column(String(80))
    secret_sealed: Mapped[bytes]
    made_at: Mapped[datetime]


class ReleaseFile(Base):
    """A file of some release, kept once: the id is the SHA-256 of its content."""

    __tablename__ = "release_files"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes]
