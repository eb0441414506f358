"""Data map: what each column is for, on which basis, who reads it, and how long it is kept.

The notes stand beside this module in `data_map.toml`; `make data-map` writes docs/data-map.md from
them. An export of a person's data follows them from table to table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules
from typing import Any

from sqlalchemy import Column, Table

from followup.store import models
from followup.store.models.base import Base

SEALED = "_sealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableNote:
    """What is kept in a table, and why. `columns` says of each column what it is for.

    `person` is how rows are found of one person: columns, each with the column whose values it must
    have; empty where the search begins, None of a table that is about no patient. `left_out` are
    columns that are not handed out to the person, with the reason.
    """

    purpose: str
    basis: str
    kept: str
    readers: Sequence[str]
    columns: Mapping[str, str]
    person: Mapping[str, str] | None = None
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMap:
    """The notes on every table, and the words that they refer to."""

    tables: Mapping[str, TableNote]
    bases: Mapping[str, str]
    kept: Mapping[str, str]
    readers: Mapping[str, str]


@cache
def data_map() -> DataMap:
    """Return the notes, in the order in which a person's rows are found."""
    text = (files("followup.store") / "data_map.toml").read_text(encoding="utf-8")
    noted: dict[str, Any] = tomllib.loads(text)
    return DataMap(
        tables={
            name: TableNote(**{"left_out": {}, **note}) for name, note in noted["tables"].items()
        },
        bases=noted["bases"],
        kept=noted["kept"],
        readers=noted["readers"],
    )


@cache
def all_tables() -> Mapping[str, Table]:
    """Return every table of the models, by name."""
    for module in iter_modules(models.__path__):
        import_module(f"{models.__name__}.{module.name}")
    return Base.metadata.tables


def where_kept(column: Column[Any]) -> str:
    """Return where and in which form a column is kept."""
    if column.key.endswith(SEALED):
        return "database, encrypted"
    if column.key.endswith(("_index", "_hash")):
        return "database, as a keyed hash"
    return "database"


def gaps() -> list[str]:
    """Return what is missing or wrong in the notes, held against the models: nothing, if right."""
    noted, tables = data_map(), all_tables()
    found = [f"{name}: no such table" for name in noted.tables if name not in tables]
    for name, table in tables.items():
        note = noted.tables.get(name)
        if note is None:
            found.append(f"{name}: purpose, basis, readers and how long are missing")
            continue
        found += _gaps_of(noted, note, table)
    return sorted(found)


def _gaps_of(noted: DataMap, note: TableNote, table: Table) -> list[str]:
    columns = {column.key for column in table.columns}
    words = {"basis": note.basis in noted.bases, "kept": note.kept in noted.kept}
    words |= {"readers": bool(note.readers) and set(note.readers) <= set(noted.readers)}
    words |= {"purpose": bool(note.purpose.strip())}
    named = {**note.columns, **note.left_out, **(note.person or {})}
    return [
        *(
            f"{table.name}: {word} is missing or unknown"
            for word, good in words.items()
            if not good
        ),
        *(f"{table.name}.{it}: what is it for?" for it in columns if not note.columns.get(it)),
        *(f"{table.name}.{it}: no such column" for it in named if it not in columns),
    ]
