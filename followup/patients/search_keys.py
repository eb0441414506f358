"""Search keys: keyed hashes of the words of a name, of their first letters, and of birthdays.

With them those by which people are found who may be one person: a birthday or a mobile, each with a
part of the name.

They are made for one clinic each, so that whoever reads the database without its keys can't see
that a patient of one clinic has the name of another's (decision 0024).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from followup.domain.identity import fold_untitled, name_words, without_titles
from followup.domain.people.likeness import Described
from followup.store.encryption.sealing import BlindIndexes
from followup.store.engine.bulk import insert_tuples, is_among
from followup.store.models.patients import Patient, SearchKey

SearchRow: TypeAlias = tuple[bytes, UUID]
"""A key, and the patient whom it finds."""
BEGINNING = 3
"""So many letters of a word find a patient."""
HALF = 5
"""So many digits of a British mobile are half of those behind its country and its 7."""


def word_key(indexes: BlindIndexes, word: str, *, clinic: str) -> bytes:
    """Return the key of a whole word of a name."""
    return indexes.of("name word", f"{clinic}\0{word}")


def beginning_key(indexes: BlindIndexes, word: str, *, clinic: str) -> bytes:
    """Return the key of the first letters of a word."""
    return indexes.of("name beginning", f"{clinic}\0{word[:BEGINNING]}")


def birthday_key(indexes: BlindIndexes, born: date, *, clinic: str) -> bytes:
    """Return the key of a date of birth."""
    return indexes.of("date of birth", f"{clinic}\0{born.isoformat()}")


def alike_keys(indexes: BlindIndexes, person: Described, *, clinic: str) -> Iterator[bytes]:
    """Yield keys of which two people share one who may be one person, and few others do.

    The birthday with the surname, with the first two letters of given name and surname in either
    order, and with the given name and either half of the mobile; the mobile with the surname; the
    name with the year of birth, and with the day, of which a mistyped birthday spoils one alone.
    """
    words = without_titles(person.name or "")
    if not words:
        return
    if person.date_of_birth is not None:
        letters = " ".join(sorted((words[0][:2], words[-1][:2])))
        for part in (f"letters {letters}", f"surname {words[-1]}"):
            yield indexes.of("alike", f"{clinic}\0{person.date_of_birth} {part}")
        name, born = fold_untitled(person.name or ""), person.date_of_birth
        for part in (f"{born.year}", f"{born.day}/{born.month}"):
            yield indexes.of("alike", f"{clinic}\0{name} born {part}")
        # Of two numbers that are one digit apart, one half is the same.
        for part in halves_of(person.mobile or ""):
            yield indexes.of("alike", f"{clinic}\0{person.date_of_birth} given {words[0]} {part}")
    if person.mobile is not None:
        yield indexes.of("alike", f"{clinic}\0{person.mobile} surname {words[-1]}")


def halves_of(mobile: str) -> tuple[str, ...]:
    """Return either half of a number with a mark for the other one; nothing of none."""
    return (f"{mobile[:-HALF]}…", f"…{mobile[-HALF:]}") if mobile else ()


def write_search_keys(
    session: Session,
    indexes: BlindIndexes,
    people: Iterable[tuple[Patient, Described]],
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
    for_each = (search_rows(indexes, patient, person) for patient, person in listed)
    insert_search_rows(session, list(chain.from_iterable(for_each)))


def search_rows(
    indexes: BlindIndexes,
    patient: Patient,
    person: Described,
    *,
    alike: Iterable[bytes] | None = None,
) -> list[SearchRow]:
    """Return the keys by which a patient is found, as `insert_search_rows` takes them.

    `alike` are those of `alike_keys`, where they were worked out.
    """
    keys = set(_keys_of(indexes, person, clinic=patient.clinic))
    keys |= set(alike_keys(indexes, person, clinic=patient.clinic) if alike is None else alike)
    return [(key, patient.id) for key in sorted(keys)]


def insert_search_rows(session: Session, rows: Sequence[SearchRow]) -> None:
    """Write the keys of patients who have none."""
    insert_tuples(session, SearchKey, ("key", "patient_id"), rows)


def _keys_of(indexes: BlindIndexes, person: Described, *, clinic: str) -> Iterator[bytes]:
    for word in name_words(person.name or ""):
        yield word_key(indexes, word, clinic=clinic)
        if len(word) >= BEGINNING:
            yield beginning_key(indexes, word, clinic=clinic)
    if person.date_of_birth is not None:
        yield birthday_key(indexes, person.date_of_birth, clinic=clinic)
