"""How often the step of a message was planned, and in which protocol's words an answer is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("words_of", sa.String(length=80), nullable=True))
    op.add_column("messages", sa.Column("occurrences", sa.SmallInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("messages", "occurrences")
    op.drop_column("messages", "words_of")
