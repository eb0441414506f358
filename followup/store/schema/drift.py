"""Schema drift: a database whose tables are not those of the revision that it claims to be at.

The name of a revision alone proves nothing: a database that was made by a revision before that was
released, or was changed by hand, passes as current and fails in the middle of the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection, text

from followup.domain.errors import ConfigurationError
from followup.store.models.staff import Staff

Shape = Mapping[str, frozenset[str]]
"""Tables by name, and the names of their columns."""

NAMED_AT_MOST = 6
"""Names in a sentence: the first few say which version it was."""

OURS = "alembic_version"

# One query each: SQLAlchemy's own inspection asks SQLite table by table, and PostgreSQL for types,
# comments and sequences too. That made up most of opening a database.
ON_SQLITE = text("""
    SELECT found.name, held.name, NOT held."notnull" OR held.dflt_value IS NOT NULL OR held.hidden
    FROM sqlite_master AS found JOIN pragma_table_xinfo(found.name) AS held
    WHERE found.type = 'table'
""")
ON_POSTGRES = text("""
    SELECT found.relname, held.attname,
        NOT held.attnotnull OR held.atthasdef OR held.attidentity <> ''
    FROM pg_class AS found JOIN pg_attribute AS held ON held.attrelid = found.oid
    WHERE found.relkind IN ('r', 'p') AND found.relnamespace <> 'pg_catalog'::regnamespace
    AND held.attnum > 0 AND NOT held.attisdropped AND pg_table_is_visible(found.oid)
    AND (NOT :here OR found.relnamespace = current_schema()::regnamespace)
""")


class Column(NamedTuple):
    """A column that a database has; one that does not fill itself is given a value by each row."""

    name: str
    fills_itself: bool


Found = Mapping[str, list[Column]]


def current_shape() -> Shape:
    """Return what the newest revision makes, which is what the models say."""
    tables = Staff.metadata.tables.values()
    return {table.name: frozenset(column.name for column in table.columns) for table in tables}


def shape_of(connection: Connection) -> Shape:
    """Return every table that a database has."""
    found = _columns(connection)
    return {table: _names(columns) for table, columns in found.items() if table != OURS}


def require_no_drift(connection: Connection, revision: str | None, *, shape: Shape) -> None:
    """Raise `ConfigurationError` unless the database has what its revision makes.

    Left alone are tables that are none of ours, columns that can stay empty, indexes and column
    types: nothing that the product does fails because of them. A column that must be filled and
    that we know nothing of is drift, as no row could be added.
    """
    found = _columns(connection)
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
    here = _columns(connection, here=True)
    later = {table: next_shape[table] & _names(here[table]) for table in next_shape.keys() & here}
    _refuse(revision, _sentence(_beyond(later, shape), "there too early: "))


def _refuse(revision: str | None, wrong: list[str]) -> None:
    if wrong:
        raise ConfigurationError(_refusal(revision, "; ".join(wrong)))


def _columns(connection: Connection, *, here: bool = False) -> Found:
    """Return the columns of every table that is found without its schema's name.

    `here` counts the schema alone that tables are made in.
    """
    if connection.dialect.name == "sqlite":
        rows = connection.execute(ON_SQLITE)
    else:
        rows = connection.execute(ON_POSTGRES, {"here": here})
    found: dict[str, list[Column]] = {}
    for table, name, fills_itself in rows:
        found.setdefault(table, []).append(Column(name, bool(fills_itself)))
    return found


def _names(columns: Iterable[Column]) -> frozenset[str]:
    return frozenset(column.name for column in columns)


def _unfilled(shape: Shape, found: Found) -> list[str]:
    return [
        f"{table}.{column.name}"
        for table in sorted(shape.keys() & found.keys())
        for column in found[table]
        if column.name not in shape[table] and not column.fills_itself
    ]


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
