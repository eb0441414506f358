"""Column types and identifiers that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import JSON, BigInteger, DateTime, Integer, Row
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of which only the names of its columns matter."""

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON document; a Python None is SQL NULL."""

Serial = BigInteger().with_variant(Integer(), "sqlite")
"""A rising number: SQLite counts only a column that it calls INTEGER."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, in UTC on the way in and on the way out; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn to UTC; SQLite stores no offset, so it is dropped there after the turn."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"a time without an offset can't be stored: {value!r}"
            raise ValueError(message)
        if value.tzinfo is not UTC:
            value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Say UTC again where the database forgot it."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def first_id(at: datetime) -> UUID:
    """Return the least id of `new_id` for this time: ids of rows made later are not below it."""
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80)


def new_id(at: datetime) -> UUID:
    """Return a UUID of version 7 (RFC 9562): it begins with `at`, so that new rows lie together."""
    return new_ids(at, 1)[0]


def new_ids(at: datetime, count: int) -> list[UUID]:
    """Return so many of `new_id`."""
    milliseconds = int(at.timestamp() * 1000)
    begins = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | 0x2 << 62
    # What is left beside the time, the version and the variant.
    free = (1 << 76) - 1 & ~(0x3 << 62)
    random = os.urandom(10 * count)
    return [
        UUID(int=begins | int.from_bytes(random[place : place + 10], "big") & free)
        for place in range(0, 10 * count, 10)
    ]
