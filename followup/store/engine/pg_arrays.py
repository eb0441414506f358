"""PostgreSQL arrays written as text: the driver takes ten times as long over a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine, UserDefinedType

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class ArrayOf(UserDefinedType[Collection[Any]]):
    """A parameter that is an array of a column's type; its values may be None."""

    cache_ok = True
    render_bind_cast = True

    def __init__(self, item_type: TypeEngine[Any]) -> None:
        self.item_type = item_type

    def get_col_spec(self, **_: object) -> str:
        """Return the name of the type."""
        return f"{self.item_type.compile(dialect=_DIALECT)}[]"

    def bind_processor(self, _dialect: Dialect) -> Callable[[Any], str]:
        """Return what writes a value of this type."""
        return array_text


def array_text(values: Collection[Any]) -> str:
    """Return values as PostgreSQL reads an array: all of one kind, and None for null.

    Raises `ValueError` for a time without an offset, which says no moment.
    """
    write = next((_WRITERS[type(value)] for value in values if value is not None), None)
    # Rows of one batch share most values, such as the clinic: each is written once.
    one_of_each = dict(zip(map(id, values), values, strict=True))
    texts = {
        key: "NULL" if value is None or write is None else write(value)
        for key, value in one_of_each.items()
    }
    return "{" + ",".join(map(texts.__getitem__, map(id, values))) + "}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


@lru_cache(maxsize=4096)
def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        message = f"a time without an offset can't be stored: {value!r}"
        raise ValueError(message)
    return f'"{value.isoformat()}"'


_WRITERS: dict[type, Callable[[Any], str]] = {
    UUID: lambda value: f"{value.int:032x}",
    bytes: lambda value: f'"\\\\x{value.hex()}"',
    str: _quoted,
    datetime: _moment,
    bool: lambda value: "t" if value else "f",
    int: str,
    float: str,
    dict: lambda value: _quoted(json.dumps(value)),
    list: lambda value: _quoted(json.dumps(value)),
}
