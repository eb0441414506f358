"""Insert-if-absent on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from followup.store.models.base import Base


def insert_new(session: Session, model: type[Base], row: Mapping[str, Any]) -> bool:
    """Insert `row`; return False, and change nothing, if it breaks a unique constraint."""
    table = model.__table__
    backend = session.get_bind().dialect.name
    statement = (
        sqlite.insert(table).values(**row).on_conflict_do_nothing()  # type: ignore[arg-type]
        if backend == "sqlite"
        else postgresql.insert(table).values(**row).on_conflict_do_nothing()  # type: ignore[arg-type]
    )
    # The number of rows is not known to every driver; what came back is.
    inserted = session.connection().execute(statement.returning(*table.primary_key))
    return inserted.first() is not None
