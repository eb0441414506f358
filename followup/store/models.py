"""The tables. Every time is UTC; `real` times are the machine's, the others are the service's.

The two differ only under a time-lapse clock. Sealed columns hold AES-GCM under the patient's own
data key (or the system's, where no patient is known); index columns hold keyed hashes for exact
look-up. See `followup.store.sealing`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from followup.domain.lifecycle import State
from followup.store.types import Json, Serial, UtcDateTime

ACTOR = 120
"""Room for `web:`, `api:` or `cli:` and the name behind it."""

PROVIDER_ID = 320
"""Room for the Message-ID of an e-mail from the longest of domains."""

ACCOUNT = 64
"""Room for what a provider calls an account."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _among(column: str, values: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    """What all tables share: named constraints, aware times, JSON documents."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        UUID: Uuid,
        bytes: LargeBinary,
        dict[str, Any]: Json,
        list[str]: Json,
    }


class ServiceKey(Base):
    """A key of the service itself (blind indexes, system data), wrapped by a master key."""

    __tablename__ = "service_keys"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    wrapped: Mapped[bytes]
    master_key_id: Mapped[str] = mapped_column(String(16))


class Patient(Base):
    """One person at one clinic. Without its data key (erasure) the sealed columns are noise."""

    __tablename__ = "patients"
    __table_args__ = (UniqueConstraint("clinic", "identity_index"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic: Mapped[str] = mapped_column(String(80))
    data_key: Mapped[bytes | None]
    master_key_id: Mapped[str | None] = mapped_column(String(16))
    identity_index: Mapped[bytes | None]
    nhs_number_index: Mapped[bytes | None] = mapped_column(index=True)
    surname_index: Mapped[bytes | None] = mapped_column(index=True)
    mobile_index: Mapped[bytes | None] = mapped_column(index=True)
    email_index: Mapped[bytes | None] = mapped_column(index=True)
    name_sealed: Mapped[bytes | None]
    nhs_number_sealed: Mapped[bytes | None]
    date_of_birth_sealed: Mapped[bytes | None]
    mobile_sealed: Mapped[bytes | None]
    email_sealed: Mapped[bytes | None]
    language: Mapped[str] = mapped_column(String(12))
    # The provider's code for why this address is given up, until it is corrected.
    mobile_unusable: Mapped[str | None] = mapped_column(String(40))
    # How staff made sure of the number (`followup.domain.confirmed`), when and who; null of one
    # that another system gave.
    mobile_confirmed: Mapped[str | None] = mapped_column(String(12))
    mobile_confirmed_at: Mapped[datetime | None]
    mobile_confirmed_by: Mapped[str | None] = mapped_column(String(ACTOR))
    email_unusable: Mapped[str | None] = mapped_column(String(40))
    # What helps the patient to read what we send (`followup.domain.needs`): it tells of their
    # health, so it is sealed.
    needs_sealed: Mapped[bytes | None]
    created_at: Mapped[datetime]
    deceased_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]


class Objection(Base):
    """A wish not to be written to: of a patient, and of an address whoever it belongs to."""

    __tablename__ = "objections"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patients.id"), index=True)
    contact_index: Mapped[bytes | None] = mapped_column(index=True)
    # Null is "every channel".
    channel: Mapped[str | None] = mapped_column(String(8))
    source: Mapped[str] = mapped_column(String(40))
    lodged_at: Mapped[datetime]
    lodged_by: Mapped[str] = mapped_column(String(ACTOR))
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(ACTOR))


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
        CheckConstraint(
            _among("state", ["active", "paused", "withdrawn", "finished"]), name="state"
        ),
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
    state: Mapped[str] = mapped_column(String(12))
    generation: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(ACTOR))
    ended_at: Mapped[datetime | None]
    # Free words, so they may name somebody: sealed under the patient's key.
    ended_reason_sealed: Mapped[bytes | None]
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
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(ACTOR))


class ProtocolVersion(Base):
    """A protocol exactly as it stood when something was first planned by it."""

    __tablename__ = "protocol_versions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    protocol: Mapped[str] = mapped_column(String(80))
    definition: Mapped[dict[str, Any]]
    first_used_at: Mapped[datetime]


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

    `state` is written by `followup.store.messages` alone. An answer to an incoming text is a
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
        CheckConstraint(_among("state", [state.value for state in State]), name="state"),
        CheckConstraint(_among("kind", ["advice", "reply", "check"]), name="kind"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    clinic: Mapped[str] = mapped_column(String(80))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patients.id"), index=True)
    enrolment_id: Mapped[UUID | None] = mapped_column(ForeignKey("enrolments.id"), index=True)
    generation: Mapped[int] = mapped_column(Integer)
    protocol: Mapped[str | None] = mapped_column(String(80))
    step: Mapped[str] = mapped_column(String(80))
    occurrence: Mapped[int] = mapped_column(SmallInteger)
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
    account: Mapped[str] = mapped_column(String(ACCOUNT), default="", server_default="")
    sender: Mapped[str] = mapped_column(String(120))
    address_sealed: Mapped[bytes | None]
    subject_sealed: Mapped[bytes | None]
    body_sealed: Mapped[bytes | None]
    html_sealed: Mapped[bytes | None]
    content_version: Mapped[str] = mapped_column(ForeignKey("content_versions.id"))
    segments: Mapped[int | None] = mapped_column(SmallInteger)
    encoding: Mapped[str | None] = mapped_column(String(8))
    started_at: Mapped[datetime]
    started_real_at: Mapped[datetime]
    # From this real time on, the call can no longer be under way: "not there" can be believed.
    over_real_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    # accepted, refused, unavailable, unknown, absent, not-called; null while under way.
    outcome: Mapped[str | None] = mapped_column(String(12))
    provider_id: Mapped[str | None] = mapped_column(String(PROVIDER_ID))
    code: Mapped[str | None] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(String(300))


class StandIn(Base):
    """A spell in which messages went through a second account, because the first was away."""

    __tablename__ = "stand_ins"
    __table_args__ = (
        Index(
            "uq_stand_ins_channel",
            "channel",
            unique=True,
            sqlite_where=text("ended_real_at IS NULL"),
            postgresql_where=text("ended_real_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(8))
    began_real_at: Mapped[datetime]
    # When a message last went that way, within some seconds.
    last_real_at: Mapped[datetime]
    # When the first account was last known to have taken a message again.
    ended_real_at: Mapped[datetime | None]


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
    account: Mapped[str] = mapped_column(String(ACCOUNT), default="", server_default="")
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
    owner: Mapped[str | None] = mapped_column(String(ACTOR))
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(ACTOR))
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
        CheckConstraint(_among("state", ["due", "done", "failed"]), name="state"),
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


class AuditEvent(Base):
    """Who did what to which thing, and when. Append-only, held so by triggers; no patient data."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    real_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(ACTOR))
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


class Switch(Base):
    """A kill switch: while it is not lifted, what it covers is not sent."""

    __tablename__ = "switches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # all, clinic, protocol, step, channel
    scope: Mapped[str] = mapped_column(String(12))
    value: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(200))
    thrown_at: Mapped[datetime]
    thrown_by: Mapped[str] = mapped_column(String(ACTOR))
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(ACTOR))


class Restore(Base):
    """A backup of this database, and since when it is what the service works on.

    A backup carries the row that says when it was taken; until `restored_real_at` is set, nothing
    may be sent from it. See `followup.restoring`.
    """

    __tablename__ = "restores"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    taken_real_at: Mapped[datetime]
    restored_at: Mapped[datetime | None]
    restored_real_at: Mapped[datetime | None]
    restored_by: Mapped[str | None] = mapped_column(String(ACTOR))
    # When the provider's lists were last read to the end, and nothing was in doubt any more.
    settled_real_at: Mapped[datetime | None]


class Sweep(Base):
    """The last run of each periodic job: what it found, what it did, and when."""

    __tablename__ = "sweeps"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    started_real_at: Mapped[datetime]
    finished_real_at: Mapped[datetime | None]
    service_at: Mapped[datetime]
    found: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(String(300))


class Heartbeat(Base):
    """A sign of life of one process."""

    __tablename__ = "heartbeats"

    component: Mapped[str] = mapped_column(String(20), primary_key=True)
    instance: Mapped[str] = mapped_column(String(120), primary_key=True)
    since_real_at: Mapped[datetime]
    real_at: Mapped[datetime]


class Alarm(Base):
    """Something wrong with the service, from when it was noticed until it cleared. Real times."""

    __tablename__ = "alarms"

    code: Mapped[str] = mapped_column(String(80), primary_key=True)
    sentence: Mapped[str] = mapped_column(String(500))
    raised_real_at: Mapped[datetime]
    # When it was last found to be so.
    seen_real_at: Mapped[datetime]
    # When somebody was last reached about it.
    told_real_at: Mapped[datetime | None]
    # Until then one process is telling of it.
    telling_until: Mapped[datetime | None]
    cleared_real_at: Mapped[datetime | None]
    told_over: Mapped[bool] = mapped_column(Boolean)


class ApiKey(Base):
    """A bearer key of the JSON API, kept as a hash only."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    clinic: Mapped[str | None] = mapped_column(String(80))
    hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


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
