"""Restrictions of a patient's data, and the salt of the words whose digest the trail keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("patients", sa.Column("restricted_at", UTC_TIME, nullable=True))
    op.add_column("attempts", sa.Column("words_salt_sealed", sa.LargeBinary(), nullable=True))
    op.create_table(
        "restrictions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("ground", sa.String(length=20), nullable=False),
        sa.Column("placed_at", UTC_TIME, nullable=False),
        sa.Column("placed_by", sa.String(length=120), nullable=False),
        sa.Column("lifted_at", UTC_TIME, nullable=True),
        sa.Column("lifted_by", sa.String(length=120), nullable=True),
        sa.Column("lift_ground", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name="fk_restrictions_patient_id_patients"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_restrictions"),
    )
    op.create_index("ix_restrictions_patient_id", "restrictions", ["patient_id"])
    op.create_index(
        "uq_restrictions_in_force",
        "restrictions",
        ["patient_id"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("restrictions")
    op.drop_column("attempts", "words_salt_sealed")
    op.drop_column("patients", "restricted_at")
