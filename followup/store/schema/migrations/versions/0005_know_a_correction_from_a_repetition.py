"""Content of requests as it was received, and what more a patient is known by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


NOT_INDEXED = "indexed_by = 0"


def upgrade() -> None:
    op.add_column("enrolments", sa.Column("received", JSON, nullable=True))
    # Names are sealed: a job that has the keys indexes the patients who are there.
    op.add_column("patients", sa.Column("person_index", sa.LargeBinary(), nullable=True))
    op.add_column("patients", sa.Column("likeness_index", sa.LargeBinary(), nullable=True))
    op.add_column(
        "patients",
        sa.Column("indexed_by", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    )
    # No foreign key: SQLite can't add one without making the table anew.
    op.add_column("patients", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.create_index("ix_patients_person_index", "patients", ["person_index"])
    op.create_index("ix_patients_likeness_index", "patients", ["likeness_index"])
    op.create_index(
        "ix_patients_to_index",
        "patients",
        ["id"],
        sqlite_where=sa.text(NOT_INDEXED),
        postgresql_where=sa.text(NOT_INDEXED),
    )


def downgrade() -> None:
    op.drop_index("ix_patients_to_index", "patients")
    op.drop_index("ix_patients_likeness_index", "patients")
    op.drop_index("ix_patients_person_index", "patients")
    op.drop_column("patients", "merged_into")
    op.drop_column("patients", "indexed_by")
    op.drop_column("patients", "likeness_index")
    op.drop_column("patients", "person_index")
    op.drop_column("enrolments", "received")
