"""Note of each enrolment that goes on when it may have finished."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)
GOES_ON = "state IN ('active', 'paused')"


def upgrade() -> None:
    op.add_column("enrolments", sa.Column("finish_due_at", UTC_TIME, nullable=True))
    # Looked at once by the next sweep, which finds out when each of them may really have finished:
    # cheaper than to ask here for the last message of every enrolment that there ever was.
    op.execute(f"UPDATE enrolments SET finish_due_at = procedure_at WHERE {GOES_ON}")  # noqa: S608
    op.create_index(
        "ix_enrolments_finish_due_at",
        "enrolments",
        ["finish_due_at"],
        sqlite_where=sa.text("finish_due_at IS NOT NULL"),
        postgresql_where=sa.text("finish_due_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_enrolments_finish_due_at", "enrolments")
    op.drop_column("enrolments", "finish_due_at")
