"""Tables of patients and their objections."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.models.base import ACTOR_LENGTH, Base

NOT_INDEXED = "indexed_by < 4 AND data_key IS NOT NULL"
"""Which patients `followup.patients.index_people` looks after, as its partial index has it."""


class Patient(Base):
    """One person at one clinic. Without its data key (erasure) the sealed columns are noise."""

    __tablename__ = "patients"
    __table_args__ = (
        UniqueConstraint("clinic", "identity_index"),
        Index(
            "ix_patients_to_index",
            "id",
            sqlite_where=text(NOT_INDEXED),
            postgresql_where=text(NOT_INDEXED),
        ),
        Index(
            "ix_patients_erased_at",
            "erased_at",
            sqlite_where=text("erased_at IS NOT NULL"),
            postgresql_where=text("erased_at IS NOT NULL"),
        ),
        Index(
            "ix_patients_merged_into",
            "merged_into",
            sqlite_where=text("merged_into IS NOT NULL"),
            postgresql_where=text("merged_into IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic: Mapped[str] = mapped_column(String(80))
    data_key: Mapped[bytes | None]
    master_key_id: Mapped[str | None] = mapped_column(String(16))
    identity_index: Mapped[bytes | None]
    # Name and date of birth, and date of birth and mobile: by the one a patient is found without
    # the NHS number, by the other people whose names are nearly alike (`followup.patients.match`).
    person_index: Mapped[bytes | None] = mapped_column(index=True)
    likeness_index: Mapped[bytes | None] = mapped_column(index=True)
    # By which way to write names the indexes and search keys were made; 0 is the first one.
    indexed_by: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    nhs_number_index: Mapped[bytes | None] = mapped_column(index=True)
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
    # How staff confirmed the number, when and who (`followup.domain.number_confirmation`); null of
    # one that another system gave.
    mobile_confirmed: Mapped[str | None] = mapped_column(String(12))
    mobile_confirmed_at: Mapped[datetime | None]
    mobile_confirmed_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    email_unusable: Mapped[str | None] = mapped_column(String(40))
    # What helps the patient to read what we send (`followup.domain.needs`): it tells of their
    # health, so it is sealed.
    needs_sealed: Mapped[bytes | None]
    created_at: Mapped[datetime]
    deceased_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    # Since when the data is kept, but neither shown nor used (Article 18); null where it isn't.
    restricted_at: Mapped[datetime | None]
    # Who this patient turned out to be: found by these indexes, that one is meant.
    # (No foreign key: SQLite can't add one without making the table anew.)
    merged_into: Mapped[UUID | None]


class SearchKey(Base):
    """What staff find a patient by: a keyed hash, which `followup.patients.search_keys` makes."""

    __tablename__ = "patient_search_keys"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(
        ForeignKey("patients.id"), primary_key=True, index=True
    )


class ErasureRequest(Base):
    """A request to erase a patient's data, and who else decided on it. Codes and ids alone."""

    __tablename__ = "erasure_requests"
    __table_args__ = (
        Index(
            "uq_erasure_requests_waiting",
            "patient_id",
            unique=True,
            sqlite_where=text("decided_at IS NULL"),
            postgresql_where=text("decided_at IS NULL"),
        ),
        CheckConstraint("decided_by IS NULL OR decided_by != proposed_by", name="two_people"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    clinic: Mapped[str] = mapped_column(String(80))
    ground: Mapped[str] = mapped_column(String(20))
    proposed_at: Mapped[datetime]
    proposed_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    # erased or refused, and on which ground.
    decision: Mapped[str | None] = mapped_column(String(8))
    refusal: Mapped[str | None] = mapped_column(String(20))


class Restriction(Base):
    """A spell in which a patient's data was kept, but neither shown nor used (Article 18)."""

    __tablename__ = "restrictions"
    __table_args__ = (
        Index(
            "uq_restrictions_in_force",
            "patient_id",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    clinic: Mapped[str] = mapped_column(String(80))
    ground: Mapped[str] = mapped_column(String(20))
    placed_at: Mapped[datetime]
    placed_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    lift_ground: Mapped[str | None] = mapped_column(String(20))


class Objection(Base):
    """An objection to messages: of a patient, and of an address whoever it belongs to."""

    __tablename__ = "objections"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patients.id"), index=True)
    contact_index: Mapped[bytes | None] = mapped_column(index=True)
    # Null is "every channel".
    channel: Mapped[str | None] = mapped_column(String(8))
    source: Mapped[str] = mapped_column(String(40))
    lodged_at: Mapped[datetime]
    lodged_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
