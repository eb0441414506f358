"""Bulk statements whose text stays the same however many rows there are.

A list in the text, as `IN` makes it, is another statement for each length: PostgreSQL parses and
plans it every time. An array is one parameter. SQLite, in this process, takes rows one by one as
quickly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Insert,
    LargeBinary,
    String,
    TableValuedAlias,
    Text,
    TypeDecorator,
    Update,
    Uuid,
    bindparam,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from followup.store.engine.pg_arrays import ArrayOf
from followup.store.engine.session import BYTES_OF_HEX
from followup.store.engine.types import Json
from followup.store.models.base import Base

Rows = Sequence[Mapping[str, Any]]
NOTHING: Mapping[str, Any] = MappingProxyType({})

KINDS: Mapping[type[TypeEngine[Any]], Callable[[Any], str]] = {
    LargeBinary: bytes.hex,
    Uuid: lambda value: value.hex,
    String: str,
}
"""Types that values are looked up by, with how JSON holds what SQLite keeps of them."""


class is_among(FunctionElement[bool]):  # noqa: N801 - reads as the condition that it is
    """The condition that a column of UUIDs, of bytes or of text has one of these values."""

    # Without a type: a Boolean is compared with 1 on SQLite, which hides the column's index.
    inherit_cache = True

    def __init__(
        self,
        column: InstrumentedAttribute[Any] | ColumnElement[Any],
        values: Collection[UUID] | Collection[bytes | str] | BindParameter[Any],
    ) -> None:
        self.binary = isinstance(column.type, LargeBinary)
        type_ = _Values(kind=next(kind for kind in KINDS if isinstance(column.type, kind)))
        if isinstance(values, BindParameter):
            values.type = type_
        else:
            values = bindparam(None, values, type_=type_)
        super().__init__(column, values)


@compiles(is_among)
def _in_json(element: is_among, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    key, values = (compiler.process(clause, **options) for clause in element.clauses)
    # JSON holds no bytes.
    value = f"{BYTES_OF_HEX}(value)" if element.binary else "value"
    return f"({key} IN (SELECT {value} FROM json_each({values})))"  # noqa: S608 - parameters only


@compiles(is_among, "postgresql")
def _any(element: is_among, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    key, values = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({key} = ANY ({values}))"


class member_of(FunctionElement[Any]):  # noqa: N801 - reads as the value that it is
    """What a JSON document has under an id, written as 32 hexadecimal digits."""

    inherit_cache = True
    type = Json

    def __init__(self, document: ColumnElement[Any], key: ColumnElement[UUID]) -> None:
        super().__init__(document, key)


@compiles(member_of)
def _member(element: member_of, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    document, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({document}, '$.\"' || {key} || '\"')"


@compiles(member_of, "postgresql")
def _member_of_jsonb(element: member_of, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    document, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({document} -> replace({key}::text, '-', ''))"


class _Values(TypeDecorator[Collection[Any]]):
    """Values of one kind in one parameter: an array, or JSON of what SQLite keeps of them."""

    impl = Text
    cache_ok = True

    def __init__(self, *, kind: type[TypeEngine[Any]]) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return Text()
        return ArrayOf(self.kind())

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:  # noqa: ANN401
        if value is None or dialect.name == "postgresql":
            return value
        return json.dumps(list(map(KINDS[self.kind], value)))


def insert_many(
    session: Session, model: type[Base], rows: Rows, *, alike: Mapping[str, Any] = NOTHING
) -> None:
    """Insert rows that all have the same columns; `alike` are those that all have alike."""
    if rows:
        names = tuple(rows[0])
        # By name: whoever made the rows may have written their columns in another order.
        values = [tuple(map(row.__getitem__, names)) for row in rows]
        insert_tuples(session, model, names, values, alike=alike)


def insert_tuples(
    session: Session,
    model: type[Base],
    names: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    *,
    alike: Mapping[str, Any] = NOTHING,
) -> None:
    """Insert rows that are the values of these columns; `alike` is what all have besides."""
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        once = {f"every_{name}": value for name, value in alike.items()}
        columns = dict(zip(_all_of(names), zip(*rows, strict=True), strict=True))
        connection.execute(_insertion(model, names, tuple(alike)), {**once, **columns})
    else:
        full = [{**alike, **dict(zip(names, row, strict=True))} for row in rows]
        connection.execute(insert(model), full)


def insert_objects(session: Session, model: type[Base], objects: Sequence[Base]) -> None:
    """Insert objects of one class that the session is not told of; what they lack is null."""
    names = tuple(model.__table__.c.keys())
    rows = [tuple(map(vars(each).get, names)) for each in objects]
    insert_tuples(session, model, names, rows)


def update_many(
    session: Session, model: type[Base], rows: Rows, *, only: ColumnElement[bool]
) -> None:
    """Set, in the row of each `id`, the other columns given, where `only` holds.

    `only` is a constant: a statement is made for it once, and kept.
    """
    if not rows:
        return
    connection = session.connection()
    names = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        connection.execute(_change(model, names, only), _arrays(rows))
    else:
        one_by_one = [{f"new_{name}": row[name] for name in names} for row in rows]
        connection.execute(_change_of_one(model, names, only), one_by_one)


@cache
def _insertion(model: type[Base], names: tuple[str, ...], alike: tuple[str, ...]) -> Insert:
    given, types = _given(model, names), model.__table__.c
    every = [bindparam(f"every_{name}", type_=types[name].type) for name in alike]
    return insert(model).from_select((*names, *alike), select(*given.c, *every))


@cache
def _change(model: type[Base], names: tuple[str, ...], only: ColumnElement[bool]) -> Update:
    given = _given(model, names)
    return (
        update(model)
        .where(model.__table__.c.id == given.c.id, only)
        .values({name: given.c[name] for name in names if name != "id"})
    )


@cache
def _change_of_one(model: type[Base], names: tuple[str, ...], only: ColumnElement[bool]) -> Update:
    columns = model.__table__.c
    new = {name: bindparam(f"new_{name}", type_=columns[name].type) for name in names}
    return update(model).where(columns.id == new.pop("id"), only).values(new)


def _given(model: type[Base], names: tuple[str, ...]) -> TableValuedAlias:
    """Return rows as PostgreSQL can select from them; `_arrays` are its parameters."""
    types = {name: model.__table__.c[name].type for name in names}
    arrays = [bindparam(f"all_{name}", type_=ArrayOf(type_)) for name, type_ in types.items()]
    columns = [column(name, type_) for name, type_ in types.items()]
    return func.unnest(*arrays).table_valued(*columns).render_derived(name="given")


def _arrays(rows: Rows) -> dict[str, list[Any]]:
    return {f"all_{name}": [row[name] for row in rows] for name in rows[0]}


@cache
def _all_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return what `_given` calls the arrays of these columns."""
    return tuple(f"all_{name}" for name in names)
