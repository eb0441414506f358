"""Existing enrolments and patients: looked up for many people at once, and where two became one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.patients.match import ALIKE, COLUMNS, PatientKey, keys_of
from followup.patients.records import Person
from followup.store.encryption.sealing import BlindIndexes
from followup.store.engine.bulk import is_among
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient, SearchKey

REFERENCE = "reference"


def patient_keys(
    indexes: BlindIndexes, person: Person, *, clinic: str, reference: str | None
) -> frozenset[PatientKey]:
    """Return by what an enrolment may be known already, or nearly."""
    keys = keys_of(indexes, person, clinic=clinic)
    return keys if reference is None else keys | {(REFERENCE, clinic, reference)}


def known_patients(session: Session, keys: Iterable[PatientKey]) -> set[PatientKey]:
    """Return those of the keys that the database has: six queries, however many there are."""
    wanted: dict[str, set[PatientKey]] = {kind: set() for kind in (REFERENCE, ALIKE, *COLUMNS)}
    for key in keys:
        wanted[key[0]].add(key)
    known: set[PatientKey] = set()
    for kind, clinic_column, column in (
        (REFERENCE, Enrolment.clinic, Enrolment.reference),
        *((kind, Patient.clinic, column) for kind, column in COLUMNS.items()),
    ):
        values = [value for _, _, value in wanted[kind]]
        rows = session.execute(select(clinic_column, column).where(is_among(column, values)))
        known |= wanted[kind] & {(kind, clinic, value) for clinic, value in rows}
    # These keys are those of one clinic each.
    alike = is_among(SearchKey.key, [value for _, _, value in wanted[ALIKE]])
    found = set(session.scalars(select(SearchKey.key).where(alike)))
    return known | {key for key in wanted[ALIKE] if key[2] in found}


def goes_on_in(session: Session, enrolment: Enrolment) -> Enrolment:
    """Return the enrolment in which one goes on whose patient had two records; else itself."""
    while enrolment.merged_into is not None:
        enrolment = session.get_one(Enrolment, enrolment.merged_into)
    return enrolment


def merged_enrolments(session: Session, enrolment: Enrolment) -> Sequence[Enrolment]:
    """Return those of the same procedure that go on in this one."""
    return session.scalars(
        select(Enrolment).where(Enrolment.merged_into == enrolment.id).order_by(Enrolment.id)
    ).all()
