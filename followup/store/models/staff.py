"""Tables of the console: staff, sign-in, drafts, calls and number checks.

Sessions, invitations and limits count in real time (`real` in the name), whatever the service's
clock does. Tokens are kept as hashes only.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.models.base import ACTOR_LENGTH, Base

EMAIL_LENGTH = 100
"""Room for the address of a member of staff, so that `web:` and it fit where an actor is noted."""


class Staff(Base):
    """A member of staff. `roles` are their verbs; `clinics` null is every clinic."""

    __tablename__ = "staff"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # In small letters: what they sign in with, and what the audit trail calls them.
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    roles: Mapped[list[str]]
    clinics: Mapped[list[str] | None]
    # Null for those who sign in elsewhere.
    password_hash: Mapped[str | None] = mapped_column(String(200))
    # The subject at the identity provider.
    subject: Mapped[str | None] = mapped_column(String(255), unique=True)
    code_key_sealed: Mapped[bytes | None]
    # The time step of the last one-time code that was taken: each counts once.
    code_step: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    disabled_at: Mapped[datetime | None]
    disabled_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    # They want to hear it when something urgent comes in while a page of the console is open.
    alert_sound: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))


class StaffSession(Base):
    """Somebody who has signed in, or has given the password and still owes the one-time code."""

    __tablename__ = "staff_sessions"
    __table_args__ = (CheckConstraint("stage IN ('code', 'enrol-code', 'full')", name="stage"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    stage: Mapped[str] = mapped_column(String(10))
    browser: Mapped[str] = mapped_column(String(60))
    began_real_at: Mapped[datetime]
    seen_real_at: Mapped[datetime]
    ended_real_at: Mapped[datetime | None]
    # The key of a one-time code that is being set up, until the first code proves it.
    new_code_key_sealed: Mapped[bytes | None]


class Invitation(Base):
    """A one-time link by which somebody joins, or sets a new password (`staff_id`)."""

    __tablename__ = "invitations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    # Null for the first account, which whoever opens the link names.
    email: Mapped[str | None] = mapped_column(String(EMAIL_LENGTH))
    roles: Mapped[list[str]]
    clinics: Mapped[list[str] | None]
    made_real_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    expires_real_at: Mapped[datetime]
    used_real_at: Mapped[datetime | None]
    withdrawn_real_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """One try to sign in, for the limits; who and from where are keyed hashes."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (
        Index("ix_sign_in_attempts_account", "account_index", "real_at"),
        Index("ix_sign_in_attempts_address", "address_index", "real_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_index: Mapped[bytes]
    address_index: Mapped[bytes]
    real_at: Mapped[datetime] = mapped_column(index=True)
    succeeded: Mapped[bool]


class Draft(Base):
    """A form of several pages, as far as it was filled in: sealed under the system's key."""

    __tablename__ = "drafts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    answers_sealed: Mapped[bytes | None]
    touched_real_at: Mapped[datetime] = mapped_column(index=True)
    # What it became: a second submit finds it and makes nothing.
    enrolment_id: Mapped[UUID | None] = mapped_column(ForeignKey("enrolments.id"))


class Call(Base):
    """A talk with a patient that staff noted; the note is sealed under the patient's key."""

    __tablename__ = "calls"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic: Mapped[str] = mapped_column(String(80))
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    enrolment_id: Mapped[UUID | None] = mapped_column(ForeignKey("enrolments.id"))
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("worklist_items.id"))
    outcome: Mapped[str] = mapped_column(String(40))
    note_sealed: Mapped[bytes | None]
    at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))


class NumberCheck(Base):
    """A test text to a number, asked for while a form was filled in.

    The code is not here: it is a keyed hash of the message's id. Times are real, but for when it
    was confirmed, which becomes the patient's.
    """

    __tablename__ = "number_checks"
    __table_args__ = (Index("ix_number_checks_number", "address_index", "asked_real_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # Of a draft, which is forgotten after half a day: hence no foreign key.
    draft_id: Mapped[UUID] = mapped_column(index=True)
    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"))
    address_index: Mapped[bytes]
    asked_real_at: Mapped[datetime] = mapped_column(index=True)
    expires_real_at: Mapped[datetime]
    # Wrong codes that were entered.
    wrong: Mapped[int] = mapped_column(SmallInteger)
    confirmed_at: Mapped[datetime | None]
    confirmed_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
