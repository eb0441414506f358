"""Insert-if-absent on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from followup.store.models.base import Base


def insert_new(session: Session, model: type[Base], row: Mapping[str, Any]) -> bool:
    """Insert `row`; return False, and change nothing, if it breaks a unique constraint."""
    statement = _statement(model, session.get_bind().dialect.name)
    # The number of rows is not known to every driver; what came back is.
    return session.connection().execute(statement, dict(row)).first() is not None


@cache
def _statement(model: type[Base], backend: str) -> Executable:
    """Return the statement for any row: the values are its parameters, so that it is made once."""
    table = model.__table__
    statement = (
        sqlite.insert(table).on_conflict_do_nothing()  # type: ignore[arg-type]
        if backend == "sqlite"
        else postgresql.insert(table).on_conflict_do_nothing()  # type: ignore[arg-type]
    )
    return statement.returning(*table.primary_key)
