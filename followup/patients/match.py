"""Matching of people: which patient somebody is, or may be, however their name was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, or_, select, text
from sqlalchemy.orm import Session

from followup.domain.errors import Conflict
from followup.domain.identity import may_be_one_person
from followup.patients.merged import survivor_of
from followup.patients.records import (
    Person,
    identity_keys,
    likeness_key,
    may_have_number_of,
    name_key,
    read_patient,
)
from followup.store.encryption.sealing import BlindIndexes, Keyring
from followup.store.engine.bulk import is_among
from followup.store.engine.pg_arrays import array_text
from followup.store.models.patients import Patient

PatientKey = tuple[str, str, str | bytes]
"""A kind of key, a clinic, and a reference or a blind index."""

IDENTITY, NUMBER, PERSON, LIKENESS = "identity", "nhs number", "person", "likeness"
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
    theirs, without those details, so that they don't take the place of the right ones.
    """

    person: Person
    patient: Patient | None = None
    alike: Patient | None = None


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
    )


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
    """Return which patient of the clinic a person is, or is nearly alike.

    By NHS number; else by name and date of birth, where the one or the other has no number. Raises
    `Conflict` where a number belongs to somebody quite different, or two patients are meant.
    """
    keys = keys_of(keyring.indexes, person, clinic=clinic)
    by_kind = {kind: {value for of, _, value in keys if of == kind} for kind in COLUMNS}
    found = session.scalars(
        select(Patient).where(Patient.clinic == clinic, have_keys(keys)).order_by(Patient.id)
    ).all()
    numbered = [one for one in found if one.nhs_number_index in by_kind[NUMBER]]
    named = [
        one
        for one in found
        if one.person_index in by_kind[PERSON] or one.identity_index in by_kind[IDENTITY]
    ]
    near = [one for one in found if one.likeness_index in by_kind[LIKENESS]]
    if numbered:
        _must_be_plausible(read_patient(numbered[0], keyring), person)
        return _match(session, person, numbered[0])
    return _by_name(session, person, named) or _nearly(session, keyring, person, near)


def _by_name(session: Session, person: Person, named: Sequence[Patient]) -> Match | None:
    if person.nhs_number:
        # Of a record that was merged, what the survivor's says counts.
        free = [one for one in named if survivor_of(session, one).nhs_number_index is None]
        if free:
            return _match(session, person, free[0])
        # Another number: two people of one name and birthday, or a number that is wrong.
        return Match(person, alike=survivor_of(session, named[0])) if named else None
    if len({survivor_of(session, one).id for one in named}) > 1:
        message = (
            "two patients of this clinic have this name and date of birth: give the NHS number, to "
            "say which of them is meant"
        )
        raise Conflict(message)
    return _match(session, person, named[0]) if named else None


def _nearly(session: Session, keyring: Keyring, person: Person, near: Sequence[Patient]) -> Match:
    for each in near:
        known = read_patient(each, keyring)
        if known is None or not (known.name and person.name):
            continue
        if known.nhs_number and person.nhs_number:
            # Two numbers are two people, as of twins with one telephone.
            continue
        if may_be_one_person(known.name, person.name):
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
