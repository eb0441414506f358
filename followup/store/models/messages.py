"""Tables of messages: content, attempts, receipts, inbound texts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from followup.domain.lifecycle import State
from followup.domain.message_kind import MessageKind
from followup.store.models.base import ACCOUNT_LENGTH, PROVIDER_ID, Base, among


class ContentVersion(Base):
    """A template exactly as it stood when something was first sent by it; the id is its hash."""

    __tablename__ = "content_versions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    template: Mapped[str] = mapped_column(String(80))
    language: Mapped[str] = mapped_column(String(12))
    channel: Mapped[str] = mapped_column(String(8))
    sources: Mapped[dict[str, Any]]
    approval: Mapped[dict[str, Any] | None]
    first_used_at: Mapped[datetime]


class Message(Base):
    """One message to one patient on one channel: its own schedule and its own state.

    `state` is written by `followup.store.message_state` alone. An answer to an incoming text is a
    message too (`kind` = reply): it has no enrolment, and carries the address that wrote. So has
    a text that tests a number (`kind` = check), which is nobody's until somebody is enrolled.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index(
            "uq_messages_occurrence",
            "enrolment_id",
            "generation",
            "step",
            "occurrence",
            "channel",
            unique=True,
            sqlite_where=text("kind = 'advice' AND fallback_of IS NULL"),
            postgresql_where=text("kind = 'advice' AND fallback_of IS NULL"),
        ),
        Index(
            "ix_messages_claimable",
            "priority",
            "channel",
            "claimable_at",
            sqlite_where=text("state = 'planned'"),
            postgresql_where=text("state = 'planned'"),
        ),
        Index(
            "ix_messages_unsent_not_after",
            "not_after",
            sqlite_where=text("state IN ('planned', 'held')"),
            postgresql_where=text("state IN ('planned', 'held')"),
        ),
        Index(
            "ix_messages_leased",
            "state",
            "lease_until",
            sqlite_where=text("state IN ('claimed', 'sending', 'unknown')"),
            postgresql_where=text("state IN ('claimed', 'sending', 'unknown')"),
        ),
        Index(
            "ix_messages_receipt_due",
            "receipt_due_at",
            sqlite_where=text("state = 'sent' AND receipt_due_at IS NOT NULL"),
            postgresql_where=text("state = 'sent' AND receipt_due_at IS NOT NULL"),
        ),
        Index(
            "ix_messages_answer_due_at",
            "answer_due_at",
            sqlite_where=text("answer_due_at IS NOT NULL"),
            postgresql_where=text("answer_due_at IS NOT NULL"),
        ),
        Index(
            "ix_messages_fallback_of",
            "fallback_of",
            unique=True,
            sqlite_where=text("fallback_of IS NOT NULL"),
            postgresql_where=text("fallback_of IS NOT NULL"),
        ),
        Index("ix_messages_due_at", "due_at"),
        # With channel and clinic, so that the console's figures are counted from the index alone.
        Index("ix_messages_state_due_at", "state", "due_at", "channel", "clinic"),
        CheckConstraint(among("state", [state.value for state in State]), name="state"),
        CheckConstraint(among("kind", [kind.value for kind in MessageKind]), name="kind"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    clinic: Mapped[str] = mapped_column(String(80))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patients.id"), index=True)
    enrolment_id: Mapped[UUID | None] = mapped_column(ForeignKey("enrolments.id"), index=True)
    generation: Mapped[int] = mapped_column(Integer)
    protocol: Mapped[str | None] = mapped_column(String(80))
    # Of an answer: the protocol whose words it has. Switches and balances of that protocol are
    # not about it.
    words_of: Mapped[str | None] = mapped_column(String(80))
    step: Mapped[str] = mapped_column(String(80))
    occurrence: Mapped[int] = mapped_column(SmallInteger)
    # How often its step was planned: the words of the last may say that it is. Null in older rows.
    occurrences: Mapped[int | None] = mapped_column(SmallInteger)
    template: Mapped[str] = mapped_column(String(80))
    channel: Mapped[str] = mapped_column(String(8))
    priority: Mapped[int] = mapped_column(SmallInteger)
    missed: Mapped[str] = mapped_column(String(8))
    may_fall_back: Mapped[bool] = mapped_column(Boolean)
    fallback_of: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id"))
    # Another message has taken this one's place, on the other channel or because staff sent it
    # again: the balance counts that one.
    superseded: Mapped[bool] = mapped_column(Boolean)
    receipt_wait: Mapped[int] = mapped_column(Integer)
    # Seconds after sending by which the patient is asked to answer 1 or 2; null asks nothing.
    answer_wait: Mapped[int | None] = mapped_column(Integer)
    address_sealed: Mapped[bytes | None]
    address_index: Mapped[bytes | None]

    due_at: Mapped[datetime]
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    zone: Mapped[str] = mapped_column(String(64))
    moved_because: Mapped[list[str] | None]

    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(80))
    state_since: Mapped[datetime]
    state_since_real: Mapped[datetime]
    # When it may be claimed: the due time, later after a back-off.
    claimable_at: Mapped[datetime]
    lease_token: Mapped[UUID | None]
    # Claimed and sending: the lease, in real time. Unknown: when to look again, in real time.
    lease_until: Mapped[datetime | None]
    attempt_count: Mapped[int] = mapped_column(SmallInteger)
    # A person let it go though it was beyond a limit: the limits do not hold it again.
    let_go: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    # The restore of a backup after which it was looked for at the provider.
    restore_id: Mapped[int | None] = mapped_column(ForeignKey("restores.id"))
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    receipt_due_at: Mapped[datetime | None]
    # When a person is asked to ring for want of an answer; null again once that is done.
    answer_due_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(String(8))
    answered_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class VersionMinute(Base):
    """How many messages of one content version were begun in one minute of real time."""

    __tablename__ = "version_minutes"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    # Minutes since 1970.
    minute: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    begun: Mapped[int] = mapped_column(Integer)


class Attempt(Base):
    """One call of a provider, committed before the call, with the exact words that it carries."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("message_id", "number"),
        Index(
            "uq_attempts_provider_id",
            "provider",
            "provider_id",
            unique=True,
            sqlite_where=text("provider_id IS NOT NULL"),
            postgresql_where=text("provider_id IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    provider: Mapped[str] = mapped_column(String(20))
    # Which account of the provider's, where it has several: whatever is asked about this attempt
    # is asked there. Empty where there is but one.
    account: Mapped[str] = mapped_column(String(ACCOUNT_LENGTH), default="", server_default="")
    sender: Mapped[str] = mapped_column(String(120))
    address_sealed: Mapped[bytes | None]
    subject_sealed: Mapped[bytes | None]
    body_sealed: Mapped[bytes | None]
    html_sealed: Mapped[bytes | None]
    # What was hashed before the words for the digest in the audit trail: gone with an erasure, so
    # that nobody can try out whose words they were.
    words_salt_sealed: Mapped[bytes | None]
    content_version: Mapped[str] = mapped_column(ForeignKey("content_versions.id"))
    # The release by which two people approved its words; null where none was asked for.
    release_id: Mapped[UUID | None]
    segments: Mapped[int | None] = mapped_column(SmallInteger)
    encoding: Mapped[str | None] = mapped_column(String(8))
    started_at: Mapped[datetime]
    started_real_at: Mapped[datetime]
    # From this real time on, the call can no longer be under way: "not there" can be believed.
    over_real_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    # An `AttemptOutcome`; null while under way.
    outcome: Mapped[str | None] = mapped_column(String(12))
    provider_id: Mapped[str | None] = mapped_column(String(PROVIDER_ID))
    code: Mapped[str | None] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(String(300))


class Receipt(Base):
    """A provider's report on one attempt, kept once; `attempt_id` is null while none is known.

    `names_message` and `names_attempt` are the ids in the address that it came to. They are ours,
    but after a restore the rows may be of a time that the database knows nothing of.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("provider", "provider_id", "status", "code"),
        Index(
            "ix_receipts_parked",
            "received_real_at",
            sqlite_where=text("attempt_id IS NULL"),
            postgresql_where=text("attempt_id IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(20))
    # The account that signed it.
    account: Mapped[str] = mapped_column(String(ACCOUNT_LENGTH), default="", server_default="")
    provider_id: Mapped[str] = mapped_column(String(PROVIDER_ID))
    status: Mapped[str] = mapped_column(String(12))
    # Empty rather than null: a unique constraint takes nulls for different.
    code: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(String(300))
    recipient: Mapped[bool] = mapped_column(Boolean)
    opted_out: Mapped[bool] = mapped_column(Boolean)
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("attempts.id"), index=True)
    names_message: Mapped[UUID | None]
    names_attempt: Mapped[UUID | None]
    received_at: Mapped[datetime]
    received_real_at: Mapped[datetime]


class InboundMessage(Base):
    """A text that came in, sealed under the patient's key, or the system's when nobody is known."""

    __tablename__ = "inbound_messages"
    __table_args__ = (
        UniqueConstraint("provider", "provider_id"),
        Index("ix_inbound_messages_received_at", "received_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(20))
    provider_id: Mapped[str] = mapped_column(String(PROVIDER_ID))
    clinic: Mapped[str | None] = mapped_column(String(80))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patients.id"), index=True)
    address_index: Mapped[bytes] = mapped_column(index=True)
    address_sealed: Mapped[bytes | None]
    body_sealed: Mapped[bytes | None]
    media_count: Mapped[int] = mapped_column(SmallInteger)
    meaning: Mapped[str] = mapped_column(String(20))
    # What fixed phrases say that it is about, and the version of those phrases.
    classes: Mapped[list[str]]
    sorted_by: Mapped[str] = mapped_column(String(80))
    answer_id: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id"))
    received_at: Mapped[datetime]
    received_real_at: Mapped[datetime]


class SandboxMessage(Base):
    """What the sandbox carrier holds: it plays the provider, so its copy is apart from ours."""

    __tablename__ = "sandbox_messages"
    __table_args__ = (
        Index(
            "ix_sandbox_messages_report_at",
            "report_at",
            sqlite_where=text("report_at IS NOT NULL"),
            postgresql_where=text("report_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    message_id: Mapped[UUID] = mapped_column(index=True)
    attempt_id: Mapped[UUID]
    to_index: Mapped[bytes] = mapped_column(index=True)
    to_sealed: Mapped[bytes]
    subject_sealed: Mapped[bytes | None]
    body_sealed: Mapped[bytes]
    accepted_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(12))
    code: Mapped[str | None] = mapped_column(String(40))
    report_at: Mapped[datetime | None]
    next_status: Mapped[str | None] = mapped_column(String(12))
