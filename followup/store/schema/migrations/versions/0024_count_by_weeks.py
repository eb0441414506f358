"""Weekly figures, when an item was first looked at, and closed items by their date."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    op.create_table(
        "weeks_counted",
        sa.Column("clinic", sa.String(80), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic", "week", name="pk_weeks_counted"),
    )
    op.create_table(
        "week_counts",
        sa.Column("clinic", sa.String(80), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("protocol", sa.String(80), nullable=False),
        sa.Column("step", sa.String(80), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("language", sa.String(12), nullable=False),
        sa.Column("cause", sa.String(80), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "clinic", "week", "what", "protocol", "step", "channel", "language", "cause",
            name="pk_week_counts",
        ),
    )  # fmt: skip
    op.create_table(
        "week_times",
        sa.Column("clinic", sa.String(80), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("urgency", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("in_hours", sa.Boolean(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("looked_minutes", JSON, nullable=False),
        sa.Column("closed_minutes", JSON, nullable=False),
        sa.PrimaryKeyConstraint("clinic", "week", "urgency", "in_hours", name="pk_week_times"),
    )
    op.add_column(
        "worklist_items", sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_worklist_items_closed_at",
        "worklist_items",
        ["closed_at"],
        sqlite_where=sa.text("state = 'closed'"),
        postgresql_where=sa.text("state = 'closed'"),
    )


def downgrade() -> None:
    op.drop_index("ix_worklist_items_closed_at", table_name="worklist_items")
    op.drop_column("worklist_items", "looked_at")
    op.drop_table("week_times")
    op.drop_table("week_counts")
    op.drop_table("weeks_counted")
