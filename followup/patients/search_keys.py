"""Search keys: keyed hashes of the words of a name, of their first letters, and of birthdays.

They are made for one clinic each, so that whoever reads the database without its keys can't see
that a patient of one clinic has the name of another's (decision 0024).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Protocol

from sqlalchemy import delete
from sqlalchemy.orm import Session

from followup.domain.identity import name_words
from followup.store.encryption.sealing import BlindIndexes
from followup.store.engine.bulk import insert_many, is_among
from followup.store.models.patients import Patient, SearchKey

BEGINNING = 3
"""So many letters of a word find a patient."""


class Named(Protocol):
    """Who somebody is, in the clear."""

    @property
    def name(self) -> str | None: ...

    @property
    def date_of_birth(self) -> date | None: ...


def word_key(indexes: BlindIndexes, word: str, *, clinic: str) -> bytes:
    """Return the key of a whole word of a name."""
    return indexes.of("name word", f"{clinic}\0{word}")


def beginning_key(indexes: BlindIndexes, word: str, *, clinic: str) -> bytes:
    """Return the key of the first letters of a word."""
    return indexes.of("name beginning", f"{clinic}\0{word[:BEGINNING]}")


def birthday_key(indexes: BlindIndexes, born: date, *, clinic: str) -> bytes:
    """Return the key of a date of birth."""
    return indexes.of("date of birth", f"{clinic}\0{born.isoformat()}")


def write_search_keys(
    session: Session,
    indexes: BlindIndexes,
    people: Iterable[tuple[Patient, Named]],
    *,
    are_new: bool = False,
) -> None:
    """Let patients, whose rows are there, be found as what they are called now, and only that.

    Those who `are_new` were called nothing before.
    """
    listed = list(people)
    if not are_new:
        ids = [patient.id for patient, _ in listed]
        session.execute(delete(SearchKey).where(is_among(SearchKey.patient_id, ids)))
    rows = [
        {"key": key, "patient_id": patient.id}
        for patient, person in listed
        for key in sorted(set(_keys_of(indexes, person, clinic=patient.clinic)))
    ]
    insert_many(session, SearchKey, rows)


def _keys_of(indexes: BlindIndexes, person: Named, *, clinic: str) -> Iterator[bytes]:
    for word in name_words(person.name or ""):
        yield word_key(indexes, word, clinic=clinic)
        if len(word) >= BEGINNING:
            yield beginning_key(indexes, word, clinic=clinic)
    if person.date_of_birth is not None:
        yield birthday_key(indexes, person.date_of_birth, clinic=clinic)
