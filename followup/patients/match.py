"""Matching of people: which patient somebody is, or may be, however their name was written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, or_, select, text, union
from sqlalchemy.orm import Session

from followup.domain.errors import Conflict
from followup.domain.people.likeness import (
    is_one_written_otherwise,
    is_reached_alike,
    may_be_one,
    numbers_agree,
)
from followup.patients.merged import survivor_of
from followup.patients.records import (
    Person,
    has_other_birth_date,
    has_other_given_name,
    identity_keys,
    likeness_key,
    may_have_number_of,
    name_key,
    read_patient,
)
from followup.patients.search_keys import alike_keys
from followup.store.encryption.sealing import BlindIndexes, Keyring
from followup.store.engine.bulk import is_among
from followup.store.engine.pg_arrays import array_text
from followup.store.models.patients import Patient, SearchKey

PatientKey = tuple[str, str, str | bytes]
"""A kind of key, a clinic, and a reference or a blind index."""

IDENTITY, NUMBER, PERSON, LIKENESS = "identity", "nhs number", "person", "likeness"
ALIKE = "alike"
"""The kind of the keys that stand among the search keys, not in columns of their own."""
MOST_ALIKE = 50
"""So many who share such a key are compared, the latest."""
COLUMNS = {
    IDENTITY: Patient.identity_index,
    NUMBER: Patient.nhs_number_index,
    PERSON: Patient.person_index,
    LIKENESS: Patient.likeness_index,
}


@dataclass(frozen=True, slots=True)
class Match:
    """Which patient somebody is; or, if none, which they are `alike`: a person must judge that.

    `person` is who was given; of one who is found under details that a person has judged to be
    theirs, without those details, so that they don't take the place of the right ones. Where
    `but_for_details` is true, nothing but the birth date or how they are reached tells the one who
    is alike from who was given: if they have the same procedure, that is a correction.
    """

    person: Person
    patient: Patient | None = None
    alike: Patient | None = None
    but_for_details: bool = False


def keys_of(indexes: BlindIndexes, person: Person, *, clinic: str) -> frozenset[PatientKey]:
    """Return by what somebody may be known at a clinic."""
    values: dict[str, list[str | None]] = {
        IDENTITY: [*identity_keys(person)],
        NUMBER: [person.nhs_number],
        PERSON: [name_key(person)],
        LIKENESS: [likeness_key(person)],
    }
    return frozenset(
        (kind, clinic, indexes.of(kind, value))
        for kind, found in values.items()
        for value in found
        if value is not None
    ) | {(ALIKE, clinic, key) for key in alike_keys(indexes, person, clinic=clinic)}


def alike_among(keys: Iterable[PatientKey]) -> list[bytes]:
    """Return those of the keys that stand among the search keys."""
    return [value for kind, _, value in keys if kind == ALIKE and isinstance(value, bytes)]


def have_keys(keys: Iterable[PatientKey]) -> ColumnElement[bool]:
    """Return the condition that a patient, of whichever clinic, is known by one of these keys."""
    listed = list(keys)
    return or_(
        *(
            is_among(column, [value for of, _, value in listed if of == kind])
            for kind, column in COLUMNS.items()
        )
    )


def lock_people(
    session: Session, indexes: BlindIndexes, people: Iterable[tuple[str, Person]]
) -> None:
    """Let nobody else look for these people, each with their clinic, until this transaction ends.

    Else two who enrol one new person at the same moment would each find nobody. SQLite has one
    writer at a time anyway.
    """
    lock_keys(
        session,
        (key for clinic, person in people for key in keys_of(indexes, person, clinic=clinic)),
    )


def lock_keys(session: Session, keys: Iterable[PatientKey]) -> None:
    """Do what `lock_people` does for the people who are known by these keys."""
    if session.get_bind().dialect.name == "sqlite":
        return
    numbers = {
        int.from_bytes(value[:8], signed=True) for _, _, value in keys if isinstance(value, bytes)
    }
    # In one order, so that no two wait for each other.
    session.execute(_LOCK, {"keys": array_text(sorted(numbers))})


_LOCK = text(
    "SELECT pg_advisory_xact_lock(key) FROM"
    " (SELECT key FROM unnest(CAST(CAST(:keys AS text) AS bigint[])) AS key ORDER BY key) AS keys"
)


def require_unrestricted(patient: Patient) -> None:
    """Require that a patient's data may be used; raise `Conflict` if not: a person looks at it."""
    if patient.restricted_at is not None:
        message = (
            "this patient's data is restricted: nothing is changed or sent until somebody who may "
            "lift the restriction has looked at it"
        )
        raise Conflict(message)


def match_person(session: Session, keyring: Keyring, person: Person, *, clinic: str) -> Match:
    """Return which patient of the clinic a person is, or may be.

    By NHS number; else by name and date of birth, where the one or the other has no number, and by
    how they are reached: a name and a birth date alone are many people's. Raises `Conflict` where a
    number belongs to somebody quite different, or two patients are meant.
    """
    keys = keys_of(keyring.indexes, person, clinic=clinic)
    by_kind = {kind: {value for of, _, value in keys if of == kind} for kind in COLUMNS}
    found = session.scalars(
        select(Patient)
        .where(Patient.clinic == clinic, Patient.id.in_(_may_be(keys)))
        .order_by(Patient.id)
    ).all()
    numbered = [one for one in found if one.nhs_number_index in by_kind[NUMBER]]
    named = [
        one
        for one in found
        if one.person_index in by_kind[PERSON] or one.identity_index in by_kind[IDENTITY]
    ]
    if numbered:
        called = [one for one in named if one.person_index in by_kind[PERSON]]
        return _by_number(session, keyring, person, numbered[0], called)
    return _by_name(session, keyring, person, named) or _nearly(session, keyring, person, found)


def _may_be(keys: Collection[PatientKey]) -> CompoundSelect[UUID]:
    """Return the ids of patients who have one of the keys, and of the latest who may be alike."""
    alike = (
        select(SearchKey.patient_id)
        .where(is_among(SearchKey.key, alike_among(keys)))
        .order_by(SearchKey.patient_id.desc())
        .limit(MOST_ALIKE)
        .subquery()
    )
    return union(select(Patient.id).where(have_keys(keys)), select(alike.c.patient_id))


def _by_number(
    session: Session, keyring: Keyring, person: Person, found: Patient, called: Sequence[Patient]
) -> Match:
    """Match who has the number of a patient; of another given name or birth date, ask first.

    That is a twin's or a namesake's record with the wrong number, as often as a correction. Until a
    person has judged it, the number is left with the patient who had it. `called` are those who
    have the very name and date of birth that are given.
    """
    known, owner = read_patient(found, keyring), survivor_of(session, found)
    _must_be_plausible(known, person)
    renamed = known is not None and has_other_given_name(known, person)
    if known is None or not (renamed or has_other_birth_date(known, person)):
        return _match(session, person, found)
    judged = [one for one in called if survivor_of(session, one).id == owner.id]
    if judged:
        return _match(session, person, judged[0])
    if person.date_of_birth is None:
        message = (
            "this NHS number belongs to a patient of this clinic with another given name; nothing "
            "was changed. Check the number, or give the date of birth as well"
        )
        raise Conflict(message)
    require_unrestricted(owner)
    apart = match_person(session, keyring, replace(person, nhs_number=None), clinic=found.clinic)
    return replace(apart, alike=owner, but_for_details=not renamed)


def _by_name(
    session: Session, keyring: Keyring, person: Person, named: Sequence[Patient]
) -> Match | None:
    """Match by name and date of birth those who are reached alike; ask about others."""
    owners = {one.id: survivor_of(session, one) for one in named}
    if person.nhs_number:
        # Of a record that was merged, what the survivor's says counts.
        free = [one for one in named if owners[one.id].nhs_number_index is None]
        if named and not free:
            # Another number: two people of one name and birthday, or a number that is wrong.
            return Match(person, alike=owners[named[0].id])
        named = free
    if not named:
        return None
    # A record that was merged keeps what a person has judged to be the survivor's.
    same = [
        one
        for one in named
        if any(_is_reached_alike(each, keyring, person) for each in (one, owners[one.id]))
    ]
    if len({owners[one.id].id for one in same}) == 1:
        return _match(session, person, same[0])
    if not person.nhs_number and len({owners[one.id].id for one in named}) > 1:
        message = (
            "two patients of this clinic have this name and date of birth: give the NHS "
            "number, to say which of them is meant"
        )
        raise Conflict(message)
    return Match(person, alike=owners[named[0].id], but_for_details=True)


def _is_reached_alike(known: Patient, keyring: Keyring, person: Person) -> bool:
    read = read_patient(known, keyring)
    return read is not None and is_reached_alike(read, person)


def _nearly(session: Session, keyring: Keyring, person: Person, near: Sequence[Patient]) -> Match:
    read = [(each, known) for each in near if (known := read_patient(each, keyring))]
    ones = [each for each, known in read if is_one_written_otherwise(known, person)]
    numbers = {each.id: known.nhs_number for each, known in read}
    for each in ones:
        if not (numbers[each.id] and person.nhs_number):
            # As the name was first entered is good enough.
            return _match(session, replace(person, name=None), each)
    # Two numbers are two people, as of twins with one telephone; or one of them is wrong.
    alike = [
        each
        for each, known in read
        if may_be_one(known, person) and numbers_agree(known.nhs_number, person.nhs_number)
    ]
    for each in (*ones, *alike):
        return Match(person, alike=survivor_of(session, each))
    return Match(person)


def _match(session: Session, person: Person, found: Patient) -> Match:
    require_unrestricted(found)
    if found.merged_into is None:
        return Match(person, found)
    plain = replace(person, name=None, nhs_number=None, date_of_birth=None)
    return Match(plain, survivor_of(session, found))


def _must_be_plausible(known: Person | None, given: Person) -> None:
    """Raise `Conflict` where a number is that of somebody with quite another name."""
    if known is None or may_have_number_of(known, given):
        return
    born, given_born = known.date_of_birth, given.date_of_birth
    other = "" if born == given_born or not (born and given_born) else " and another date of birth"
    message = (
        f"this NHS number belongs to a patient of this clinic with another name{other}; nothing "
        "was changed. Check the number, or leave it out"
    )
    raise Conflict(message)
