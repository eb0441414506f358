"""Two records of one person, locked, and what keeps them from being made one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import Conflict, NotFound
from followup.domain.merging.facts import Contact, RecordFacts
from followup.patients.match import lock_people
from followup.patients.records import Person, read_patient
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class BothRecords:
    """The record that goes on and the one that goes into it, each with who it says it is."""

    survivor: Patient
    duplicate: Patient
    survivor_person: Person
    duplicate_person: Person

    @property
    def ids(self) -> tuple[UUID, UUID]:
        """The ids of both, the survivor's first."""
        return self.survivor.id, self.duplicate.id


def find_both(
    session: Session, app: AppContext, survivor_id: UUID, duplicate_id: UUID
) -> BothRecords:
    """Return two records as they stand, to be looked at."""
    found = [session.get(Patient, each) for each in (survivor_id, duplicate_id)]
    return _opened(app, *found)


def lock_both(unit: UnitOfWork, survivor_id: UUID, duplicate_id: UUID) -> BothRecords:
    """Return two records, with their enrolments and messages locked as `cancel_unsent` says.

    Nobody enrols, sends to, or hears from either of them until this transaction ends.
    """
    session, app = unit.session, unit.app
    both = find_both(session, app, survivor_id, duplicate_id)
    lock_people(
        session,
        app.keyring.indexes,
        [
            (both.survivor.clinic, both.survivor_person),
            (both.duplicate.clinic, both.duplicate_person),
        ],
    )
    for table in (Enrolment, Message):
        session.execute(
            select(table.id)
            .where(table.patient_id.in_(both.ids))
            .order_by(table.id)
            .with_for_update(key_share=True)
        )
    locked = session.scalars(
        select(Patient)
        .where(Patient.id.in_(both.ids))
        .order_by(Patient.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    by_id = {each.id: each for each in locked}
    return _opened(app, by_id.get(survivor_id), by_id.get(duplicate_id))


def must_be_two(survivor_id: UUID, duplicate_id: UUID) -> None:
    """Raise `Conflict` where one record is named twice."""
    if survivor_id == duplicate_id:
        raise Conflict("this is one and the same record: choose the other one")


def must_be_mergeable(both: BothRecords) -> None:
    """Raise `Conflict` with what keeps two records from being made one."""
    survivor, duplicate = both.survivor, both.duplicate
    must_be_two(*both.ids)
    if survivor.clinic != duplicate.clinic:
        raise Conflict("the two records are of different clinics: each keeps its own")
    if duplicate.merged_into == survivor.id:
        raise Conflict("these two records are merged already")
    if survivor.merged_into == duplicate.id:
        message = (
            "an earlier merge went the other way: the record that should go on was merged into the "
            "other one. Nothing is left to do, unless that merge was wrong: then undo it"
        )
        raise Conflict(message)
    if survivor.merged_into or duplicate.merged_into:
        message = (
            "one of the two was merged into another record already: merge with the record in which "
            "it goes on"
        )
        raise Conflict(message)


def facts_of(patient: Patient, person: Person) -> RecordFacts:
    """Return what a record says of the person."""
    return RecordFacts(
        name=person.name,
        nhs_number=person.nhs_number,
        date_of_birth=person.date_of_birth,
        mobile=Contact(
            address=person.mobile,
            works=patient.mobile_unusable is None,
            confirmed=patient.mobile_confirmed is not None,
        )
        if person.mobile
        else None,
        email=Contact(address=person.email, works=patient.email_unusable is None)
        if person.email
        else None,
        language=person.language,
        needs=person.needs,
        deceased_at=patient.deceased_at,
    )


def enrolments_of_both(session: Session, ids: Sequence[UUID]) -> Sequence[Enrolment]:
    """Return the enrolments of both records, as they stand in the database."""
    return session.scalars(
        select(Enrolment)
        .where(Enrolment.patient_id.in_(ids))
        .order_by(Enrolment.id)
        .execution_options(populate_existing=True)
    ).all()


def _opened(app: AppContext, survivor: Patient | None, duplicate: Patient | None) -> BothRecords:
    if survivor is None or duplicate is None:
        raise NotFound("there is no such patient")
    one, other = read_patient(survivor, app.keyring), read_patient(duplicate, app.keyring)
    if one is None or other is None:
        raise Conflict("the data of one of the two was erased: there is nothing to merge")
    return BothRecords(
        survivor=survivor, duplicate=duplicate, survivor_person=one, duplicate_person=other
    )
