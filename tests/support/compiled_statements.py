"""Statements compiled once for all engines of a kind, as one process of the product compiles them.

SQLAlchemy keeps what it has compiled by engine, and every test has an engine of its own: a third of
the processor time of a test with a database would go into compiling the same statements again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

_COMPILED: LRUCache[Any, Any] = LRUCache(2000)


def share_compiled_statements() -> None:
    """Let all engines of this process use what any has compiled for the same kind of database."""
    DefaultDialect.__eq__ = _is_same_kind  # type: ignore[assignment]
    DefaultDialect.__hash__ = _hash_of_kind  # type: ignore[assignment]
    # An engine sets one of its own, which goes nowhere.
    Engine._compiled_cache = property(lambda _: _COMPILED, lambda _, own: None)  # type: ignore[assignment]


def _is_same_kind(dialect: DefaultDialect, other: object) -> bool:
    return (
        isinstance(other, DefaultDialect)
        and type(dialect) is type(other)
        and dialect.server_version_info == other.server_version_info
    )


def _hash_of_kind(dialect: DefaultDialect) -> int:
    return hash(type(dialect))
