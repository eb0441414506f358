"""Others are taken out of a person's export: staff by role, other patients and their ids at all.

Article 15(4) of the UK GDPR: a copy of one person's data may not reach into the rights of others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Table, Uuid, select
from sqlalchemy.orm import Session

from followup.store.data_map import SEALED, all_tables
from followup.store.models.staff import Staff
from followup.subject_access.rows import WITHHELD, PersonRows, Values
from followup.wording.staff import role_text

ANOTHER = "(another record)"
NAMED = re.compile(r"(web|cli|api):\S+")
ID = re.compile(r"(?i)\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b")
OF_NOBODY = frozenset({"release_id", "draft_id", "lease_token"})
"""Ids of words, forms and processes."""


@dataclass(frozen=True, slots=True)
class Conceal:
    """Takes others out of values. `own` are the person's ids, `roles` what members of staff are."""

    own: set[UUID]
    roles: Mapping[str, str]

    def tables(self, rows: PersonRows) -> dict[str, list[Values]]:
        """Return the rows of each table, without others."""
        return {
            name: [self._row(all_tables()[name], row) for row in found]
            for name, found in rows.tables.items()
        }

    def who(self, actor: str) -> str:
        """Return somebody who acted by their role."""
        kind, _, name = actor.partition(":")
        if kind == "web":
            return f"staff ({self.roles.get(name, 'left')})"
        return {"cli": "staff (operator)", "api": "another system"}.get(kind, actor)

    def _row(self, table: Table, row: Values) -> Values:
        mixed = any(self._is_of_another(table, key, value) for key, value in row.items())
        shown = {key: self.value(key, value) for key, value in row.items()}
        words = {key for key in row if f"{key}{SEALED}" in table.columns and row[key]}
        if mixed or any(ANOTHER in str(shown[key]) for key in row.keys() - words):
            shown |= dict.fromkeys(words, WITHHELD)
        return shown

    def _is_of_another(self, table: Table, key: str, value: object) -> bool:
        column = table.columns.get(key)
        if column is None or key in OF_NOBODY or not isinstance(column.type, Uuid):
            return False
        of_staff = any(it.column.table.name == "staff" for it in column.foreign_keys)
        return value is not None and not of_staff and value not in self.own

    def value(self, key: str, value: Any) -> Any:  # noqa: ANN401 - JSON
        """Return a value as JSON has it, without the ids and names of others."""
        if isinstance(value, UUID):
            return str(value) if value in self.own or key == "release_id" else None
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {self._text(str(it)): self.value(key, one) for it, one in value.items()}
        if isinstance(value, list):
            return [self.value(key, one) for one in value]
        return value.isoformat() if hasattr(value, "isoformat") else value

    def _text(self, text: str) -> str:
        if NAMED.fullmatch(text):
            return self.who(text)
        return ID.sub(lambda it: it[0] if UUID(it[0]) in self.own else ANOTHER, text)


def concealing(session: Session, rows: PersonRows) -> Conceal:
    """Return what takes others out of these rows."""
    return Conceal(rows.ids(), {email: _roles(roles) for email, roles in _staff(session)})


def _staff(session: Session) -> Sequence[tuple[str, list[str]]]:
    return [(row.email, row.roles) for row in session.execute(select(Staff.email, Staff.roles))]


def _roles(roles: Sequence[str]) -> str:
    return ", ".join(role_text(role).lower() for role in roles) or "no role"
