"""Tables of feeds: messages taken in, people and visits as a feed tells of them, and drafts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.models.base import ACTOR_LENGTH, Base

WAITING = "state = 'waiting'"
STANDS = "state NOT IN ('refused', 'replaced')"


class FeedMessage(Base):
    """A message that another system sent, once, as it came, and what became of it."""

    __tablename__ = "feed_messages"
    __table_args__ = (
        UniqueConstraint("site", "source", "control_id", "digest", name="uq_feed_messages_same"),
        # Of those that were not refused, one id is one message.
        Index(
            "uq_feed_messages_id",
            "site",
            "source",
            "control_id",
            unique=True,
            sqlite_where=text(STANDS),
            postgresql_where=text(STANDS),
        ),
        Index(
            "ix_feed_messages_waiting",
            "next_try_real_at",
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
        Index("ix_feed_messages_state_received_at", "state", "received_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # hl7 or fhir
    feed: Mapped[str] = mapped_column(String(8))
    site: Mapped[str] = mapped_column(String(80))
    # The sender: application and facility as it names itself, or the API key of FHIR.
    source: Mapped[str] = mapped_column(String(400))
    control_id: Mapped[str] = mapped_column(String(200))
    digest: Mapped[bytes]
    event: Mapped[str] = mapped_column(String(16))
    # The bytes as they came, sealed with the service's key; null once nobody needs them.
    content_sealed: Mapped[bytes | None]
    encoding: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(40))
    # Where in the message a refused one is wrong, such as PID-7.
    place: Mapped[str | None] = mapped_column(String(20))
    # What the sender of FHIR was told: which element, and what to do.
    told: Mapped[str | None] = mapped_column(String(400))
    # Whom of the feed a FHIR request is about, where it is about one person alone.
    person_id: Mapped[UUID | None] = mapped_column(index=True)
    clinic: Mapped[str | None] = mapped_column(String(80))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patients.id"))
    enrolment_id: Mapped[UUID | None] = mapped_column(ForeignKey("enrolments.id"))
    # How often the very same message came again.
    repeats: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    next_try_real_at: Mapped[datetime]
    received_at: Mapped[datetime]
    received_real_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    # The one that a person put right, and which takes its place.
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("feed_messages.id"))
    replaced_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))


class FeedPerson(Base):
    """A person as one site tells of them: the latest word on each fact, sealed."""

    __tablename__ = "feed_people"
    __table_args__ = (UniqueConstraint("site", "key_index"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    site: Mapped[str] = mapped_column(String(80))
    # A keyed hash of the identifier by which the site knows them.
    key_index: Mapped[bytes]
    facts_sealed: Mapped[bytes | None]
    # Another identifier of somebody, or whom they were merged into.
    is_alias: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    survivor_id: Mapped[UUID | None] = mapped_column(ForeignKey("feed_people.id"), index=True)
    created_at: Mapped[datetime]


class FeedVisit(Base):
    """A visit as one site tells of it, and the enrolment that it led to."""

    __tablename__ = "feed_visits"
    __table_args__ = (
        UniqueConstraint("site", "visit_key"),
        UniqueConstraint("site", "appointment_key"),
        Index(
            "ix_feed_visits_review_at",
            "review_at",
            sqlite_where=text("review_at IS NOT NULL"),
            postgresql_where=text("review_at IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    site: Mapped[str] = mapped_column(String(80))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("feed_people.id"), index=True)
    visit_key: Mapped[str | None] = mapped_column(String(120))
    appointment_key: Mapped[str | None] = mapped_column(String(120))
    # The latest word on state, time and codes, each with the stamp of its event.
    facts: Mapped[dict[str, Any]]
    # The time that was last applied: what staff change afterwards stays.
    applied_at: Mapped[datetime | None]
    enrolment_id: Mapped[UUID | None] = mapped_column(ForeignKey("enrolments.id"), index=True)
    # Whether it was the feed that ended the enrolment: only then may the feed open it again.
    stopped: Mapped[bool] = mapped_column(Boolean)
    # Too far ahead for now: when it is looked at again.
    review_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class FhirResource(Base):
    """A FHIR resource that one site sent: not what it says, but that it was sent, and of whom."""

    __tablename__ = "fhir_resources"

    # Its logical id, which is ours.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    site: Mapped[str] = mapped_column(String(80))
    # Patient, Procedure or Appointment
    kind: Mapped[str] = mapped_column(String(16))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("feed_people.id"), index=True)
    version: Mapped[int]
    changed_at: Mapped[datetime]
    # The keyed hash of what its latest version says.
    content_index: Mapped[bytes]
    # What its sender says of that version: meta.lastUpdated, and meta.versionId where a number.
    said_at: Mapped[datetime | None]
    said_version: Mapped[int | None] = mapped_column(BigInteger)


class FhirKey(Base):
    """A keyed hash by which a FHIR resource is found: of an identifier, or of what it ever said."""

    __tablename__ = "fhir_keys"

    key_index: Mapped[bytes] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID] = mapped_column(
        ForeignKey("fhir_resources.id"), primary_key=True, index=True
    )
    # Whether it is of what it said, and not of an identifier that it has now.
    is_content: Mapped[bool] = mapped_column(Boolean)


class EnrolmentDraft(Base):
    """An enrolment that waits for a person, because the feed does not say something."""

    __tablename__ = "enrolment_drafts"
    __table_args__ = (
        Index(
            "uq_enrolment_drafts_waiting",
            "visit_id",
            unique=True,
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
        Index(
            "ix_enrolment_drafts_deadline",
            "deadline",
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic: Mapped[str] = mapped_column(String(80))
    protocol: Mapped[str] = mapped_column(String(80))
    reference: Mapped[str] = mapped_column(String(80))
    visit_id: Mapped[UUID | None] = mapped_column(ForeignKey("feed_visits.id"), index=True)
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("worklist_items.id"), index=True)
    procedure_at: Mapped[datetime]
    # Who it is and what is known, as JSON, sealed with the service's key; null once it is closed.
    content_sealed: Mapped[bytes | None]
    # What is to be answered: attributes.diabetic, patient.mobile
    missing: Mapped[list[str]]
    # When the first message would be missed.
    deadline: Mapped[datetime]
    # waiting, completed, withdrawn or dismissed
    state: Mapped[str] = mapped_column(String(12))
    enrolment_id: Mapped[UUID | None] = mapped_column(ForeignKey("enrolments.id"))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
