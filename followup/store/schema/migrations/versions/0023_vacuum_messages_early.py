"""Vacuum the messages of a large store early: what left the queue is not to be looked through."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# By default a fifth of the table must have changed first: of ten million messages, two million.
EARLY = (
    "autovacuum_vacuum_scale_factor = 0.01",
    "autovacuum_vacuum_threshold = 5000",
    "autovacuum_analyze_scale_factor = 0.02",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE messages SET ({', '.join(EARLY)})")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        names = ", ".join(each.split(" = ")[0] for each in EARLY)
        op.execute(f"ALTER TABLE messages RESET ({names})")
