"""Schema drift: a database whose tables are not those of the revision that it claims to be at.

The name of a revision alone proves nothing: a database that was made by a revision before that was
released, or was changed by hand, passes as current and fails in the middle of the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from sqlalchemy import Connection, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn

from followup.domain.errors import ConfigurationError
from followup.store.models.staff import Staff

Shape = Mapping[str, frozenset[str]]
"""Tables by name, and the names of their columns."""

NAMED_AT_MOST = 6
"""Names in a sentence: the first few say which version it was."""

OURS = "alembic_version"


def current_shape() -> Shape:
    """Return what the newest revision makes, which is what the models say."""
    tables = Staff.metadata.tables.values()
    return {table.name: frozenset(column.name for column in table.columns) for table in tables}


def shape_of(connection: Connection) -> Shape:
    """Return every table that a database has."""
    found = inspect(connection).get_multi_columns()
    return {
        table: frozenset(column["name"] for column in columns)
        for (_, table), columns in found.items()
        if table != OURS
    }


def require_no_drift(connection: Connection, revision: str | None, *, shape: Shape) -> None:
    """Raise `ConfigurationError` unless the database has what its revision makes.

    Left alone are tables that are none of ours, columns that can stay empty, indexes and column
    types: nothing that the product does fails because of them. A column that must be filled and
    that we know nothing of is drift, as no row could be added.
    """
    found = _columns(connection, shape)
    names = {table: _names(columns) for table, columns in found.items()}
    _refuse(
        revision,
        [
            *_sentence(_beyond(shape, names), "missing: "),
            *_sentence(_unfilled(shape, found), "must be filled and is unknown here: "),
        ],
    )


def require_room(
    connection: Connection, revision: str | None, *, shape: Shape, next_shape: Shape
) -> None:
    """Raise `ConfigurationError` where the database has what only a later revision makes.

    On PostgreSQL only the schema counts that tables are made in: others may hold the same names.
    """
    here = _columns(connection, next_shape, schema=inspect(connection).default_schema_name)
    later = {table: next_shape[table] & _names(columns) for table, columns in here.items()}
    _refuse(revision, _sentence(_beyond(later, shape), "there too early: "))


def _refuse(revision: str | None, wrong: list[str]) -> None:
    if wrong:
        raise ConfigurationError(_refusal(revision, "; ".join(wrong)))


Found = Mapping[str, list[ReflectedColumn]]


def _columns(connection: Connection, tables: Iterable[str], *, schema: str | None = None) -> Found:
    """Return the columns of those of the tables that are there: a few queries in all."""
    names = sorted(tables)
    found = inspect(connection).get_multi_columns(schema=schema, filter_names=names)
    return {table: columns for (_, table), columns in found.items()}


def _names(columns: Iterable[ReflectedColumn]) -> frozenset[str]:
    return frozenset(column["name"] for column in columns)


def _unfilled(shape: Shape, found: Found) -> list[str]:
    return [
        f"{table}.{column['name']}"
        for table in sorted(shape.keys() & found.keys())
        for column in found[table]
        if column["name"] not in shape[table] and not _fills_itself(column)
    ]


def _fills_itself(column: ReflectedColumn) -> bool:
    return bool(
        column["nullable"]
        or column["default"] is not None
        or column.get("computed")
        or column.get("identity")
    )


def _beyond(more: Shape, less: Shape) -> list[str]:
    """Return the tables, and the columns of tables in both, that `more` has and `less` has not."""
    columns = [
        f"{table}.{column}"
        for table in sorted(more.keys() & less.keys())
        for column in sorted(more[table] - less[table])
    ]
    return [*sorted(more.keys() - less.keys()), *columns]


def _sentence(names: list[str], what: str) -> list[str]:
    if not names:
        return []
    more = len(names) - NAMED_AT_MOST
    named = ", ".join(islice(names, NAMED_AT_MOST))
    return [what + named + (f" and {more} more" if more > 0 else "")]


def _refusal(revision: str | None, wrong: str) -> str:
    claim = f"says that it is at schema {revision}" if revision else "says of no schema"
    return (
        f"the database {claim}, but it is not ({wrong}). It was made by a version that was never "
        "released, or changed by hand; nothing was changed now. Restore a backup of a released "
        "version, or point FOLLOWUP_DATABASE_URL at an empty database (for SQLite, move the file "
        "away) and run: followup migrate"
    )
