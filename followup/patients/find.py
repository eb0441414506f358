"""Finding patients by what was typed: keyed hashes first, then names that begin as it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from followup.domain.identity import name_begins
from followup.patients.records import read_name
from followup.patients.search import SearchedBy, SearchTerms, search_patients
from followup.patients.typed_search import search_ways
from followup.store.encryption.sealing import Keyring
from followup.store.engine.types import AnyRow

MOST_OPENED = 400
"""So many names are opened to compare their beginnings: the latest procedures' of those that the
keys find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Pairs of enrolment and patient, what they were found by, and whether there may be more."""

    rows: Sequence[AnyRow]
    by: SearchedBy
    more: bool


def find_patients(
    session: Session, keyring: Keyring, sought: SearchTerms, wanted: str, *, limit: int
) -> Found:
    """Return whom what was typed finds, the likeliest first; raise `InvalidInput` for no date."""
    by = sought.by
    for group in search_ways(keyring.indexes, sought, wanted):
        rows: dict[UUID, AnyRow] = {}
        more = False
        for way in group:
            by = way.by
            found, is_cut = _rows(session, keyring, way, limit=limit)
            for row in found:
                rows.setdefault(row.Enrolment.id, row)
            more |= is_cut
            if len(rows) > limit:
                break
        if rows:
            return Found(rows=list(rows.values())[:limit], by=by, more=more or len(rows) > limit)
    return Found(rows=(), by=by, more=False)


def _rows(
    session: Session, keyring: Keyring, way: SearchTerms, *, limit: int
) -> tuple[Sequence[AnyRow], bool]:
    """Return what one way finds, and whether more than that was left unseen."""
    if not way.begins:
        return search_patients(session, way, limit=limit + 1), False
    found = search_patients(session, way, limit=MOST_OPENED)
    names = {row.Patient.id: read_name(row.Patient, keyring) or "" for row in found}
    alike = [row for row in found if name_begins(names[row.Patient.id], way.begins)]
    return alike, len(found) == MOST_OPENED
