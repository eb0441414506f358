"""Arrays are written as PostgreSQL reads them, whatever stands in them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Boolean, Integer, LargeBinary, Text, Uuid, bindparam, column, func, select
from sqlalchemy.types import TypeEngine

from followup.context import AppContext
from followup.store.engine.pg_arrays import ArrayOf, array_text
from followup.store.engine.types import Json, UtcDateTime

AT = datetime(2026, 10, 25, 1, 30, 0, 250_000, tzinfo=UTC)

VALUES: dict[str, tuple[TypeEngine[Any], list[Any]]] = {
    "ids": (Uuid(), [UUID(int=7), None]),
    "bytes": (LargeBinary(), [b"", b'\x00\\"{}\xff', None]),
    "words": (
        Text(),
        ["", "NULL", "null", " a, {b} ", 'quote " and \\', "line\nend\t", "é–’ 🙂", None],
    ),
    "moments": (UtcDateTime(), [AT, AT.astimezone(timezone(timedelta(hours=-3))), None]),
    "flags": (Boolean(), [True, False, None]),
    "numbers": (Integer(), [0, -5, 2**31 - 1, None]),
    "documents": (Json, [{"a": 'b "c" \\ é', "d": [1, None]}, {}, None]),
    "nothing": (Text(), [None, None]),
    "no values": (Uuid(), []),
}


@pytest.mark.parametrize("name", VALUES)
def test_the_database_reads_what_was_written(postgres_app: AppContext, name):
    type_, values = VALUES[name]
    given = bindparam("given", values, type_=ArrayOf(type_))
    rows = func.unnest(given).table_valued(column("value", type_)).render_derived(name="given")

    with postgres_app.store.read() as session:
        read = list(session.connection().execute(select(rows.c.value)).scalars())

    assert read == values


def test_a_time_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="without an offset"):
        array_text([AT.replace(tzinfo=None)])


def test_any_collection_will_do():
    given: list[Collection[int]] = [[1], (1,), {1}, frozenset({1})]

    assert {array_text(one) for one in given} == {"{1}"}
