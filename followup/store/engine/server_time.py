"""Server time: the one clock that all machines have in common."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout


def server_time(engine: Engine) -> datetime | None:
    """Return what the clock of a PostgreSQL server says now, or None while it can't be asked."""
    try:
        with engine.connect() as connection:
            told: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    except (DBAPIError, PoolTimeout):
        return None
    return told.astimezone(UTC)
