"""Poolers: refused where they drop what this program asks of PostgreSQL at connecting.

Days are UTC days and waits are bounded because each connection says so (`options`). PgBouncer
refuses that, or is told to ignore it, and in transaction mode prepared statements get lost as well.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from followup.domain.errors import ConfigurationError
from followup.store.engine.session import LOCK_SECONDS

_REFUSED = "unsupported startup parameter"
_TO_DO = (
    "between this program and PostgreSQL stands a pooler, such as PgBouncer, that does not hand on "
    "what is asked for at connecting (time zone, time limits): let FOLLOWUP_DATABASE_URL name the "
    "PostgreSQL server itself; each process keeps few connections open"
)


def require_direct(connection: Connection) -> None:
    """Raise `ConfigurationError` for a connection without the limits that it was asked for."""
    if connection.dialect.name != "postgresql":
        return
    if connection.scalar(text("SHOW lock_timeout")) != f"{LOCK_SECONDS}s":
        raise ConfigurationError(_TO_DO)


def refused_by_pooler(error: DBAPIError) -> ConfigurationError | None:
    """Return what to tell where a pooler refused the connection for what it asks for."""
    return ConfigurationError(_TO_DO) if _REFUSED in str(error.orig) else None
