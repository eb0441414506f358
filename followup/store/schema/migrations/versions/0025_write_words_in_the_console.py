"""Drafts of words, and words of releases that lie in no file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)
IN_FORCE = "live_at IS NOT NULL AND replaced_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "word_drafts",
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("protocol", sa.String(length=80), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("based_on", sa.String(length=64), nullable=False),
        sa.Column("changed_at", UTC_TIME, nullable=False),
        sa.Column("changed_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("clinic", "protocol", "path", name="pk_word_drafts"),
    )
    op.create_table(
        "released_words",
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("protocol", sa.String(length=80), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("live_from", UTC_TIME, nullable=True),
        sa.Column("live_from_by", sa.String(length=120), nullable=True),
        sa.Column("live_at", UTC_TIME, nullable=True),
        sa.Column("replaced_at", UTC_TIME, nullable=True),
        sa.CheckConstraint(
            "replaced_at IS NULL OR live_at IS NOT NULL",
            name=op.f("ck_released_words_replaced_at"),
        ),
        sa.CheckConstraint(
            "live_from IS NULL AND live_from_by IS NULL "
            "OR live_from IS NOT NULL AND live_from_by IS NOT NULL",
            name=op.f("ck_released_words_live_from"),
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["releases.id"], name="fk_released_words_release_id_releases"
        ),
        sa.PrimaryKeyConstraint("release_id", name="pk_released_words"),
    )
    op.create_index(
        "uq_released_words_in_force",
        "released_words",
        ["clinic", "protocol"],
        unique=True,
        sqlite_where=sa.text(IN_FORCE),
        postgresql_where=sa.text(IN_FORCE),
    )


def downgrade() -> None:
    op.drop_index("uq_released_words_in_force", "released_words")
    op.drop_table("released_words")
    op.drop_table("word_drafts")
