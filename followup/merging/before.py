"""How things stood before a merge: kept as JSON beside it, and put back when it is undone.

Ids, states and codes in the clear; what is sealed stays sealed, as the ciphertext that it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from followup.domain.lifecycle import State
from followup.store.models.base import Base
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient

KEPT_AS_THEY_ARE = frozenset(
    {"id", "clinic", "data_key", "master_key_id", "created_at", "erased_at"}
)
"""Columns of a patient that no merge changes; the key may be wrapped anew meanwhile."""

OF_ENROLMENT = (
    "state",
    "ended_at",
    "finish_due_at",
    "ended_reason_sealed",
    "merged_into",
    "received",
)
"""Columns of an enrolment that a merge may change."""

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """All that it takes to undo a merge. Ids are texts, values as `as_json` writes them.

    `messages` has for each that changed its state and reason before, and its state after; `items`
    the worklist items that were closed, `visits` which enrolment a feed's visits led to, and
    `followers` the records that were merged into the duplicate before.
    """

    owned: dict[str, list[str]]
    survivor: Columns
    duplicate: Columns
    enrolments: dict[str, Columns]
    messages: dict[str, list[str | None]]
    items: dict[str, Columns]
    visits: dict[str, str]
    followers: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        return asdict(self)

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """Return what `as_json` wrote."""
        return cls(**document)


def columns_of(row: Base, names: Iterable[str]) -> Columns:
    """Return columns of a row as JSON values."""
    return {name: _as_json(getattr(row, name)) for name in names}


def put_back(row: Base, columns: Mapping[str, Any]) -> None:
    """Write what `columns_of` returned."""
    for name, value in columns.items():
        setattr(row, name, _of_json(value))


def patient_columns(patient: Patient) -> Columns:
    """Return what a merge may change of a patient."""
    names = [column.key for column in inspect(Patient).columns]
    return columns_of(patient, (name for name in names if name not in KEPT_AS_THEY_ARE))


def enrolments_as_they_are(enrolments: Sequence[Enrolment]) -> dict[str, Columns]:
    """Return what a merge may change of enrolments."""
    return {str(each.id): columns_of(each, OF_ENROLMENT) for each in enrolments}


def changed_columns(
    before: Mapping[str, Columns], after: Mapping[str, Columns]
) -> dict[str, Columns]:
    """Return the columns that differ, as they were."""
    found = {
        id_: {name: value for name, value in columns.items() if after[id_][name] != value}
        for id_, columns in before.items()
    }
    return {id_: columns for id_, columns in found.items() if columns}


def states_of(
    session: Session, patient_ids: Sequence[UUID]
) -> dict[UUID, tuple[State, str | None]]:
    """Return the state of each message of patients, and why it is in it."""
    rows = session.execute(
        select(Message.id, Message.state, Message.reason).where(Message.patient_id.in_(patient_ids))
    )
    return {row.id: (State(row.state), row.reason) for row in rows}


def _as_json(value: Any) -> Any:  # noqa: ANN401 - columns of many types
    match value:
        case bytes():
            return {"bytes": value.hex()}
        case datetime():
            return {"at": value.isoformat()}
        case UUID():
            return {"id": str(value)}
    return value


def _of_json(value: Any) -> Any:  # noqa: ANN401 - likewise
    match value:
        case {"bytes": str(text)}:
            return bytes.fromhex(text)
        case {"at": str(text)}:
            return datetime.fromisoformat(text)
        case {"id": str(text)}:
            return UUID(text)
    return value
