"""Schema of a database: brought up to date, and checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from followup.domain.errors import ConfigurationError, StoreUnavailable
from followup.store.engine.errors import cannot_open
from followup.store.engine.pooler import refused_by_pooler, require_direct
from followup.store.schema.drift import current_shape, require_no_drift
from followup.store.schema.revisions import current_revision, newest_revision, other_version


def migrate(engine: Engine, *, to: str = "head") -> None:
    """Bring the database to revision `to`. Safe to run at every start, and twice at once.

    Raises `ConfigurationError`, with nothing changed, for a database that is not what it says.
    """
    if to == "head" and is_current(engine):
        return
    from followup.store.schema.run_migrations import run_migrations  # noqa: PLC0415 - slow to import

    with _as_unavailable():
        run_migrations(engine, to=to)


def revision_of(engine: Engine) -> str | None:
    """Return the revision of a database, or None where it is empty; raise `StoreUnavailable`."""
    with _reading(engine) as connection:
        return current_revision(connection)


def require_current(engine: Engine) -> None:
    """Raise `ConfigurationError` unless the database has the schema that this code needs."""
    if is_current(engine):
        return
    current = revision_of(engine)
    if current is None:
        raise ConfigurationError("the database is empty; make its tables with: followup migrate")
    raise ConfigurationError(other_version(current))


def require_sound(engine: Engine) -> None:
    """Raise `ConfigurationError` unless the database is what its revision makes, old or new."""
    from followup.store.schema.run_migrations import require_as_claimed  # noqa: PLC0415 - slow to import

    with _reading(engine) as connection:
        require_as_claimed(connection)


def is_current(engine: Engine) -> bool:
    """Say whether the database is at the newest revision; raise if it only says so."""
    with _reading(engine) as connection:
        require_direct(connection)
        revision = current_revision(connection)
        if revision != newest_revision():
            return False
        require_no_drift(connection, revision, shape=current_shape())
        return True


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    with _as_unavailable(), engine.execution_options(reading=True).connect() as connection:
        yield connection


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if (refused := refused_by_pooler(error)) is not None:
            raise refused from error
        raise StoreUnavailable(cannot_open(error)) from error
