"""Existing references and patients, looked up for many people at once."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from followup.patients.records import Person, identity_of
from followup.store.encryption.sealing import BlindIndexes
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient

PatientKey = tuple[str, str | bytes]
"""A clinic with a reference, or with the blind index of a patient's identity."""


def patient_keys(
    indexes: BlindIndexes, person: Person, *, clinic: str, reference: str | None
) -> frozenset[PatientKey]:
    """Return by what an enrolment may be known already."""
    identity = (clinic, indexes.of("identity", identity_of(person)))
    return frozenset({identity} if reference is None else {identity, (clinic, reference)})


def known_patients(session: Session, keys: Iterable[PatientKey]) -> set[PatientKey]:
    """Return those of the keys that the database has: two queries, however many there are."""
    listed = set(keys)
    references = [key for key in listed if isinstance(key[1], str)]
    identities = [key for key in listed if isinstance(key[1], bytes)]
    by_reference = tuple_(Enrolment.clinic, Enrolment.reference)
    by_identity = tuple_(Patient.clinic, Patient.identity_index)
    found = [
        *session.execute(
            select(Enrolment.clinic, Enrolment.reference).where(by_reference.in_(references))
        ),
        *session.execute(
            select(Patient.clinic, Patient.identity_index).where(by_identity.in_(identities))
        ),
    ]
    return {(row[0], row[1]) for row in found}
