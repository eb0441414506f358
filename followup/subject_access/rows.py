"""Rows of one person: found from table to table, as the data map says, and opened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from followup.domain.errors import WrongMasterKey
from followup.patients.merged import records_of
from followup.store.data_map import SEALED, TableNote, all_tables, data_map
from followup.store.encryption.sealing import Keyring, Sealer
from followup.store.models.patients import Patient

Values = dict[str, Any]
WITHHELD = "(not shown: it may be about somebody else as well)"
AT_ONCE = 500
"""Values in one condition: SQLite takes no more than some ten thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRows:
    """All rows about one person, by table: sealed columns opened, those left out not there."""

    patients: Sequence[Patient]
    tables: Mapping[str, Sequence[Values]]

    def ids(self) -> set[UUID]:
        """Return the ids of all rows: whatever else is named by an id is about somebody else."""
        every = (row.get("id") for rows in self.tables.values() for row in rows)
        return {id_ for id_ in every if isinstance(id_, UUID)}


def rows_of_person(session: Session, keyring: Keyring, patient_id: UUID) -> PersonRows:
    """Return all rows about a patient, with those of every record that was merged into theirs."""
    records = records_of(session, patient_id)
    sealers = [keyring.system]
    for record in records:
        sealer = keyring.patient(record.data_key, record.master_key_id)
        sealers += [sealer] if sealer else []
    found: dict[str, list[Values]] = {}
    for name, note in data_map().tables.items():
        if note.person is None:
            continue
        table = all_tables()[name]
        if note.person:
            rows = _rows(session, table, note.person, found)
        else:
            rows = [
                {column.key: getattr(it, column.key) for column in table.columns} for it in records
            ]
        mine = {record.id for record in records}
        found[name] = [
            _opened(table, note, row, () if _names_another(note, row, mine) else sealers)
            for row in rows
        ]
    return PersonRows(patients=records, tables=found)


def _rows(
    session: Session,
    table: Table,
    ways: Mapping[str, str],
    found: Mapping[str, Sequence[Values]],
) -> list[Values]:
    rows: dict[tuple[object, ...], Values] = {}
    order = [column.key for column in table.primary_key.columns]
    for column, leads_to in ways.items():
        for values in _some(_values(found, leads_to)):
            query = select(table).where(table.c[column].in_(values))
            for row in session.execute(query).mappings():
                rows[tuple(str(row[key]) for key in order)] = dict(row)
    return [row for _, row in sorted(rows.items())]


def _values(found: Mapping[str, Sequence[Values]], leads_to: str) -> set[Any]:
    table, _, column = leads_to.partition(".")
    return {row[column] for row in found[table] if row[column] is not None}


def _some(values: Iterable[Any]) -> Iterator[list[Any]]:
    whole = sorted(values, key=str)
    for start in range(0, len(whole), AT_ONCE):
        yield whole[start : start + AT_ONCE]


def _names_another(note: TableNote, row: Values, mine: set[UUID]) -> bool:
    """Say whether a row is about another patient as well, as a merge that was undone is."""
    of = (column for column, leads_to in (note.person or {}).items() if leads_to == "patients.id")
    return any(row[column] is not None and row[column] not in mine for column in of)


def _opened(table: Table, note: TableNote, row: Values, sealers: Sequence[Sealer]) -> Values:
    opened: Values = {}
    for column, value in row.items():
        if column in note.left_out:
            continue
        if column.endswith(SEALED):
            name = column.removesuffix(SEALED)
            opened[name] = _open(value, f"{table.name}.{name}", row.get("id"), sealers)
        else:
            opened[column] = value
    return opened


def _open(sealed: bytes | None, column: str, row: UUID | None, sealers: Sequence[Sealer]) -> Any:  # noqa: ANN401 - text, or the JSON that it is
    """Return what a sealed value says, by whichever of the person's keys it was sealed with.

    Without a key it is withheld: it may be about somebody else as well. Raises `WrongMasterKey`
    where none opens it: an export with a gap would look whole.
    """
    if sealed is None or not sealers:
        return None if sealed is None else WITHHELD
    for sealer in sealers:
        for place in (row, None):
            try:
                text = sealer.open(sealed, column=column, row=place)
            except WrongMasterKey:
                continue
            return _json(text)
    raise WrongMasterKey(f"a sealed value of {column} opens with none of this person's keys")


def _json(text: str) -> Any:  # noqa: ANN401 - JSON
    if text[:1] not in "{[":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
