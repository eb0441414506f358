"""Alembic runner: slow to import, and rarely with anything to do."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text

from followup.store.schema.drift import (
    Shape,
    current_shape,
    require_no_drift,
    require_room,
    shape_of,
)
from followup.store.schema.revisions import current_revision, newest_revision, require_known

LOCK = 0x666F6C6C6F777570
"""The PostgreSQL advisory lock that lets one process migrate at a time."""


def run_migrations(engine: Engine, *, to: str) -> None:
    """Bring the database up, or down, to a revision, in one transaction.

    Raises `ConfigurationError` for a database that is not what its revision makes.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        # Only now: another process may have been migrating until here.
        current = require_as_claimed(connection)
        config = _config(connection)
        if to == "head" or _is_ahead(config, to, current=current):
            command.upgrade(config, to)
        else:
            command.downgrade(config, to)


def require_as_claimed(connection: Connection) -> str | None:
    """Return the revision of a database; raise `ConfigurationError` if it is not what that makes.

    Also where it has already what a later revision makes: bringing it up would fail.
    """
    current = current_revision(connection)
    require_known(current)
    shape = shape_at(current)
    require_no_drift(connection, current, shape=shape)
    require_room(connection, current, shape=shape, next_shape=current_shape())
    return current


def shape_at(revision: str | None) -> Shape:
    """Return what a revision makes; the newest makes what the models say."""
    if revision is None:
        return {}
    return current_shape() if revision == newest_revision() else build_shape(revision)


def build_shape(revision: str) -> Shape:
    """Return what a revision makes, by making it in memory."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            command.upgrade(_config(connection), revision)
            return shape_of(connection)
    finally:
        engine.dispose()


def _is_ahead(config: Config, to: str, *, current: str | None) -> bool:
    if to == "base":
        return False
    script = ScriptDirectory.from_config(config)
    behind = {one.revision for one in script.iterate_revisions(current, "base")} if current else ()
    return to not in behind


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "followup:store/schema/migrations")
    config.attributes["connection"] = connection
    return config
