"""Bringing a database to the current schema, and saying whether it is there."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import InterfaceError, OperationalError

from followup.domain.errors import ConfigurationError, StoreUnavailable

LOCK = 0x666F6C6C6F777570
"""The PostgreSQL advisory lock that lets one process migrate at a time."""


def migrate(engine: Engine, *, to: str = "head") -> None:
    """Bring the database to revision `to`. Safe to run at every start, and twice at once."""
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            _run(connection, to)
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailable(_unreachable(error)) from error


def _run(connection: Connection, to: str) -> None:
    config = _config(connection)
    if to == "head" or _is_ahead(connection, to):
        command.upgrade(config, to)
    else:
        command.downgrade(config, to)


def _is_ahead(connection: Connection, to: str) -> bool:
    if to == "base":
        return False
    current = _current(connection)
    script = ScriptDirectory.from_config(_config(connection))
    behind = {one.revision for one in script.iterate_revisions(current, "base")} if current else ()
    return to not in behind


def require_current(engine: Engine) -> None:
    """Raise `ConfigurationError` unless the database has the schema that this code needs."""
    try:
        with engine.connect() as connection:
            current = _current(connection)
            head = ScriptDirectory.from_config(_config(connection)).get_current_head()
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailable(_unreachable(error)) from error
    if current == head:
        return
    if current is None:
        message = "the database is empty; make its tables with: followup migrate"
    else:
        message = (
            f"the database is at schema {current}, this version needs {head}; run: "
            "followup migrate (with the newer version, if the database is the newer one)"
        )
    raise ConfigurationError(message)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "followup:store/migrations")
    config.attributes["connection"] = connection
    return config


def _unreachable(error: Exception) -> str:
    cause = str(getattr(error, "orig", error)).strip().partition("\n")[0]
    return (
        f"the database can't be reached or opened ({cause}); "
        "check FOLLOWUP_DATABASE_URL and that the server runs, then try again"
    )
