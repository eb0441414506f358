"""Days of the balance that are over for long: summed once, and open again where that is needed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "balance_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("checked_real_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_balance_days"),
    )
    op.create_index("ix_balance_days_checked_real_at", "balance_days", ["checked_real_at"])
    op.create_table(
        "balance_figures",
        sa.Column("day", sa.Date(), nullable=False),
        *_figure(),
        sa.PrimaryKeyConstraint(
            "day", "clinic", "protocol", "figure", name="pk_balance_figures"
        ),
    )
    op.create_table(
        "balance_totals",
        *_figure(),
        sa.PrimaryKeyConstraint("clinic", "protocol", "figure", name="pk_balance_totals"),
    )
    op.create_index("ix_generations_created_at", "generations", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_generations_created_at", "generations")
    op.drop_table("balance_totals")
    op.drop_table("balance_figures")
    op.drop_index("ix_balance_days_checked_real_at", "balance_days")
    op.drop_table("balance_days")


def _figure() -> list[sa.Column[str] | sa.Column[int]]:
    return [
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("protocol", sa.String(length=80), nullable=False),
        sa.Column("figure", sa.String(length=24), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
    ]
