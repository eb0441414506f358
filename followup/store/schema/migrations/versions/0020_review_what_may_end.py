"""Reviews of what may end: proposed by a job, decided by one person, confirmed by another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    actor = sa.String(length=120)
    op.create_table(
        "retention_reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record_class", sa.String(length=20), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=True),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("upto", UTC_TIME, nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("proposed_at", UTC_TIME, nullable=False),
        sa.Column("export_digest", sa.String(length=64), nullable=True),
        sa.Column("exported_at", UTC_TIME, nullable=True),
        sa.Column("exported_by", actor, nullable=True),
        sa.Column("acknowledged_at", UTC_TIME, nullable=True),
        sa.Column("acknowledged_by", actor, nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=True),
        sa.Column("ground", sa.String(length=20), nullable=True),
        sa.Column("keep_until", UTC_TIME, nullable=True),
        sa.Column("decided_at", UTC_TIME, nullable=True),
        sa.Column("decided_by", actor, nullable=True),
        sa.Column("confirmed_at", UTC_TIME, nullable=True),
        sa.Column("confirmed_by", actor, nullable=True),
        sa.Column("destroyed", sa.Integer(), nullable=True),
        sa.Column("ended_at", UTC_TIME, nullable=True),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR confirmed_by != decided_by",
            name=op.f("ck_retention_reviews_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name="fk_retention_reviews_patient_id_patients"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_retention_reviews"),
    )
    op.create_index("ix_retention_reviews_clinic", "retention_reviews", ["clinic"])
    op.create_index("ix_retention_reviews_patient_id", "retention_reviews", ["patient_id"])
    op.create_index(
        "uq_retention_reviews_open",
        "retention_reviews",
        ["record_class", "subject"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("retention_reviews")
