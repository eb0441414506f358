"""Existing enrolments and patients: looked up for many people at once, and where two became one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from followup.patients.match import COLUMNS, PatientKey, keys_of
from followup.patients.records import Person
from followup.store.encryption.sealing import BlindIndexes
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient

REFERENCE = "reference"


def patient_keys(
    indexes: BlindIndexes, person: Person, *, clinic: str, reference: str | None
) -> frozenset[PatientKey]:
    """Return by what an enrolment may be known already, or nearly."""
    keys = keys_of(indexes, person, clinic=clinic)
    return keys if reference is None else keys | {(REFERENCE, clinic, reference)}


def known_patients(session: Session, keys: Iterable[PatientKey]) -> set[PatientKey]:
    """Return those of the keys that the database has: five queries, however many there are."""
    listed = set(keys)
    references = [(clinic, value) for kind, clinic, value in listed if kind == REFERENCE]
    known: set[PatientKey] = {
        (REFERENCE, clinic, reference)
        for clinic, reference in session.execute(
            select(Enrolment.clinic, Enrolment.reference).where(
                tuple_(Enrolment.clinic, Enrolment.reference).in_(references)
            )
        )
        if reference is not None
    }
    for kind, column in COLUMNS.items():
        wanted = [value for of, _, value in listed if of == kind]
        rows = session.execute(select(Patient.clinic, column).where(column.in_(wanted)))
        known |= {(kind, clinic, value) for clinic, value in rows if value is not None}
    return known & listed


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
