"""Refuse a row of the audit trail that would take another's place.

SQLite's INSERT OR REPLACE removes the row that is there without a trigger for DELETE being asked.
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KEYS = {
    "audit_events": "id = NEW.id",
    "audit_seals": "id = NEW.id OR after_id = NEW.after_id",
    "audit_checkpoints": "size = NEW.size",
    "audit_tiles": "level = NEW.level AND number = NEW.number",
}
REFUSAL = "the audit trail only grows: a row that is there is never replaced"


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for table, same_key in KEYS.items():
            op.execute(
                f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608 - ours
                f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same_key}) "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for table in KEYS:
            op.execute(f"DROP TRIGGER {table}_no_replace")
