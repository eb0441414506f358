"""Alembic runner: slow to import, and rarely with anything to do."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from followup.store.schema.revisions import current_revision

LOCK = 0x666F6C6C6F777570
"""The PostgreSQL advisory lock that lets one process migrate at a time."""


def run_migrations(engine: Engine, *, to: str) -> None:
    """Bring the database up, or down, to a revision, in one transaction."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config = _config(connection)
        if to == "head" or _is_ahead(connection, to):
            command.upgrade(config, to)
        else:
            command.downgrade(config, to)


def _is_ahead(connection: Connection, to: str) -> bool:
    if to == "base":
        return False
    current = current_revision(connection)
    script = ScriptDirectory.from_config(_config(connection))
    behind = {one.revision for one in script.iterate_revisions(current, "base")} if current else ()
    return to not in behind


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "followup:store/schema/migrations")
    config.attributes["connection"] = connection
    return config
