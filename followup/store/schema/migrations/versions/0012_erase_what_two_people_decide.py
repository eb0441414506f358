"""Requests for erasure, each decided by another person than the one who asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "erasure_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("ground", sa.String(length=20), nullable=False),
        sa.Column("proposed_at", UTC_TIME, nullable=False),
        sa.Column("proposed_by", sa.String(length=120), nullable=False),
        sa.Column("decided_at", UTC_TIME, nullable=True),
        sa.Column("decided_by", sa.String(length=120), nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=True),
        sa.Column("refusal", sa.String(length=20), nullable=True),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by != proposed_by",
            name=op.f("ck_erasure_requests_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name="fk_erasure_requests_patient_id_patients"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_erasure_requests"),
    )
    op.create_index("ix_erasure_requests_patient_id", "erasure_requests", ["patient_id"])
    op.create_index(
        "uq_erasure_requests_waiting",
        "erasure_requests",
        ["patient_id"],
        unique=True,
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("erasure_requests")
