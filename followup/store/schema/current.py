"""Schema of a database: brought up to date, and checked."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from followup.domain.errors import ConfigurationError, StoreUnavailable
from followup.store.engine.errors import cannot_open
from followup.store.schema.revisions import current_revision, newest_revision


def migrate(engine: Engine, *, to: str = "head") -> None:
    """Bring the database to revision `to`. Safe to run at every start, and twice at once."""
    if to == "head" and revision_of(engine) == newest_revision():
        return
    from followup.store.schema.run_migrations import run_migrations  # noqa: PLC0415 - slow to import

    try:
        run_migrations(engine, to=to)
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailable(cannot_open(error)) from error


def revision_of(engine: Engine) -> str | None:
    """Return the revision of a database, or None where it is empty; raise `StoreUnavailable`."""
    try:
        with engine.execution_options(reading=True).connect() as connection:
            return current_revision(connection)
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailable(cannot_open(error)) from error


def require_current(engine: Engine) -> None:
    """Raise `ConfigurationError` unless the database has the schema that this code needs."""
    current, needed = revision_of(engine), newest_revision()
    if current == needed:
        return
    if current is None:
        message = "the database is empty; make its tables with: followup migrate"
    else:
        message = (
            f"the database is at schema {current}, this version needs {needed}; run: "
            "followup migrate (with the newer version, if the database is the newer one)"
        )
    raise ConfigurationError(message)
