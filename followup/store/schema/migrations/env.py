"""Alembic environment: its connection comes from `followup.store.schema.current`, not a file."""

from __future__ import annotations

from alembic import context

from followup.store.models import staff as staff_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=staff_tables.Staff.metadata,
    # SQLite alters a table by making it anew.
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
