"""Mails that came back: every one once, with what became of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)
WAITING = "outcome = 'unmatched' AND closed_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "returned_mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("place", sa.String(length=400), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("clinic", sa.String(length=80), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", UTC_TIME, nullable=False),
        sa.Column("received_real_at", UTC_TIME, nullable=False),
        sa.Column("closed_at", UTC_TIME, nullable=True),
        sa.Column("closed_by", sa.String(length=120), nullable=True),
        sa.Column("closed_as", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_returned_mails_attempt_id_attempts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_returned_mails"),
        sa.UniqueConstraint("digest", name="uq_returned_mails_digest"),
    )
    op.create_index(
        "ix_returned_mails_waiting",
        "returned_mails",
        ["received_real_at"],
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    )
    op.create_index("ix_returned_mails_place", "returned_mails", ["place"])


def downgrade() -> None:
    op.drop_index("ix_returned_mails_place", "returned_mails")
    op.drop_index("ix_returned_mails_waiting", "returned_mails")
    op.drop_table("returned_mails")
