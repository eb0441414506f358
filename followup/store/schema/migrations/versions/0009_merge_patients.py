"""Merges of patients, and which follow-up goes on in which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MERGED = "merged_into IS NOT NULL"
IN_FORCE = "undone_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "patient_merges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("duplicate_id", sa.Uuid(), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("before", JSON, nullable=True),
        sa.Column("event_id", SERIAL, nullable=False),
        sa.Column("merged_at", UTC_TIME, nullable=False),
        sa.Column("merged_real_at", UTC_TIME, nullable=False),
        sa.Column("merged_by", sa.String(length=120), nullable=False),
        sa.Column("undone_at", UTC_TIME, nullable=True),
        sa.Column("undone_by", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["survivor_id"], ["patients.id"], name="fk_patient_merges_survivor_id_patients"
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_id"], ["patients.id"], name="fk_patient_merges_duplicate_id_patients"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_patient_merges"),
    )
    op.create_index("ix_patient_merges_survivor_id", "patient_merges", ["survivor_id"])
    op.create_index("ix_patient_merges_merged_at", "patient_merges", ["merged_at"])
    op.create_index(
        "uq_patient_merges_duplicate_id",
        "patient_merges",
        ["duplicate_id"],
        unique=True,
        sqlite_where=sa.text(IN_FORCE),
        postgresql_where=sa.text(IN_FORCE),
    )
    # No foreign key: SQLite can't add one without making the table anew.
    op.add_column("enrolments", sa.Column("merged_into", sa.Uuid(), nullable=True))
    for table in ("enrolments", "patients"):
        op.create_index(
            f"ix_{table}_merged_into",
            table,
            ["merged_into"],
            sqlite_where=sa.text(MERGED),
            postgresql_where=sa.text(MERGED),
        )


def downgrade() -> None:
    op.drop_index("ix_patients_merged_into", "patients")
    op.drop_index("ix_enrolments_merged_into", "enrolments")
    op.drop_column("enrolments", "merged_into")
    op.drop_index("uq_patient_merges_duplicate_id", "patient_merges")
    op.drop_index("ix_patient_merges_merged_at", "patient_merges")
    op.drop_index("ix_patient_merges_survivor_id", "patient_merges")
    op.drop_table("patient_merges")
