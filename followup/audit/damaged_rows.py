"""Rows of the trail, each by itself where some can't be read: one flipped bit stops a whole query.

A time that is none, text that is no UTF-8, JSON without its end, a page that SQLite does not take
for its own: where it stands is found, and the rest is read on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Select, func
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import InstrumentedAttribute, Session

from followup.domain.errors import TrailDamaged
from followup.store.engine.types import AnyRow

Given = ParamSpec("Given")
Result = TypeVar("Result")

ROWS_AT_ONCE = 4096
NOT_READABLE = (ValueError, TypeError, AttributeError, DBAPIError)

UNREADABLE = (
    "a row of this evidence can't be read as it was written, so nothing was made of it: keep the "
    "database as it is, see what followup audit --verify says, and make it from a backup"
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that can't be read, or one that should be where this key is."""

    id: int


def read_rows(
    session: Session,
    query: Select[Any],
    key: InstrumentedAttribute[int],
    *,
    types: tuple[type, ...] = (),
) -> Iterator[AnyRow | Unreadable]:
    """Yield what a query finds, by its key. A row is unreadable whose values are not of `types`.

    SQLite takes a value of any type for any column. No types are checked where none are given.
    """
    after: int | None = None
    while True:
        page = query if after is None else query.where(key > after)
        found: list[AnyRow | Unreadable]
        try:
            found = list(session.execute(page.order_by(key).limit(ROWS_AT_ONCE)))
        except NOT_READABLE as error:
            require_damage(session, error)
            found = list(_one_by_one(session, query, key, after=after))
        keys = [_key_of(row, key.key) for row in found]
        for number, row in zip(keys, found, strict=True):
            if not types or isinstance(row, Unreadable) or tuple(map(type, row)) == types:
                yield row
            else:
                yield Unreadable(number)
        # Where a key was changed, they are out of order.
        newest = max(keys, default=after)
        if newest is None or newest == after or (after is not None and newest < after):
            return
        after = newest


def _one_by_one(
    session: Session, query: Select[Any], key: InstrumentedAttribute[int], *, after: int | None
) -> Iterator[AnyRow | Unreadable]:
    """Yield the next rows, each asked for by its key."""
    bounds = query.with_only_columns(func.min(key), func.max(key))
    first, last = session.execute(bounds).one()
    begin = first if after is None else after + 1
    for number in range(begin, min(begin + ROWS_AT_ONCE, last + 1)):
        try:
            row = session.execute(query.where(key == number)).first()
        except NOT_READABLE as error:
            require_damage(session, error)
            yield Unreadable(number)
        else:
            if row is not None:
                yield row


def _key_of(row: AnyRow | Unreadable, name: str) -> int:
    number = row.id if isinstance(row, Unreadable) else getattr(row, name)
    return number if isinstance(number, int) else 0


def require_damage(session: Session, error: Exception) -> None:
    """Raise what tells of no row: PostgreSQL finds its own damage, and ends the transaction."""
    if isinstance(error, DBAPIError) and session.get_bind().dialect.name != "sqlite":
        raise error


def tells_damage(read: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a function that gathers evidence raise `TrailDamaged` where a row can't be read."""

    @wraps(read)
    def told(*given: Given.args, **named: Given.kwargs) -> Result:
        try:
            return read(*given, **named)
        except OperationalError:
            # Nothing is wrong with a row: the database is away, or busy.
            raise
        except NOT_READABLE as error:
            raise TrailDamaged(UNREADABLE) from error

    return told
