"""Details of a person, as a feed corrects them: written to the patients that it enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import select

from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.enrolment.contact_details import correct_contacts_in, remove_contact_in
from followup.intake.feed.facts import Facts, fact
from followup.intake.feed.inbox import FeedState
from followup.intake.feed.outcome import Applied
from followup.patients import records as patients
from followup.patients.records import Person
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import FeedVisit
from followup.store.models.patients import Patient

CONTACTS = {"mobile": ChannelKind.SMS, "email": ChannelKind.EMAIL}
IDENTITY = frozenset({"name", "nhs_number", "date_of_birth"})


def patients_of(unit: UnitOfWork, visits: Sequence[FeedVisit]) -> Sequence[Patient]:
    """Return the patients whom a feed's visits enrolled, the first first."""
    enrolments = [visit.enrolment_id for visit in visits if visit.enrolment_id is not None]
    return unit.session.scalars(
        select(Patient)
        .where(
            Patient.id.in_(
                select(Enrolment.patient_id).where(Enrolment.id.in_(enrolments)).distinct()
            )
        )
        .order_by(Patient.id)
    ).all()


def known_contacts(unit: UnitOfWork, visit: FeedVisit, person: Person, *, clinic: str) -> Person:
    """Return a person with the contact details that stand in their record at the clinic, if any."""
    siblings = unit.session.scalars(
        select(FeedVisit).where(
            FeedVisit.person_id == visit.person_id, FeedVisit.enrolment_id.is_not(None)
        )
    ).all()
    for patient in patients_of(unit, siblings):
        here = patients.read_patient(patient, unit.app.keyring)
        if patient.clinic == clinic and here is not None:
            return replace(person, mobile=here.mobile, email=here.email)
    return person


def correct_details(
    unit: UnitOfWork, facts: Facts, changed: frozenset[str], visits: Sequence[FeedVisit]
) -> list[Applied]:
    """Write what changed to each patient that the feed enrolled; return what came of it."""
    outcomes: list[Applied] = []
    if not changed & (IDENTITY | CONTACTS.keys()):
        return outcomes
    for patient in patients_of(unit, visits):
        before = patients.read_patient(patient, unit.app.keyring)
        if before is None:
            continue
        news = _news(facts, changed, before)
        indexes = unit.app.keyring.indexes
        if patients.find_another(unit.session, indexes, patient, before=before, after=news):
            outcomes.append(_of(patient, FeedState.PERSON, "two-records"))
            continue
        if _correct(unit, patient, news, facts=facts, changed=changed):
            outcomes.append(_of(patient, FeedState.CHANGED, "details"))
    return outcomes


def _news(facts: Facts, changed: frozenset[str], before: Person) -> Person:
    """Return who a patient is by now: of their identity nothing is ever taken away."""
    said = {name: fact(facts, name) for name in changed & IDENTITY}
    born = said.get("date_of_birth")
    return replace(
        before,
        name=said.get("name") or before.name,
        nhs_number=said.get("nhs_number") or before.nhs_number,
        date_of_birth=date.fromisoformat(born) if born else before.date_of_birth,
    )


def _correct(
    unit: UnitOfWork,
    patient: Patient,
    news: Person,
    *,
    facts: Facts,
    changed: frozenset[str],
) -> bool:
    wrote = False
    # A name that is only written otherwise stays as it is.
    if fields := patients.update_patient(unit.session, patient, unit.app.keyring, news):
        record_event(
            unit.session,
            unit.by,
            AuditEntry(
                action="patient.changed",
                clinic=patient.clinic,
                patient_id=patient.id,
                detail={"fields": list(fields)},
            ),
        )
        unit.session.flush()
        wrote = True
    given = {name: fact(facts, name) for name in CONTACTS if name in changed}
    kept = {name: value for name, value in given.items() if value is not None}
    if kept:
        mobile, email = kept.get("mobile"), kept.get("email")
        wrote |= bool(correct_contacts_in(unit, patient.id, mobile=mobile, email=email))
    for name in given.keys() - kept.keys():
        wrote |= remove_contact_in(unit, patient.id, CONTACTS[name])
    return wrote


def _of(patient: Patient, state: FeedState, reason: str) -> Applied:
    return Applied(state=state, code=reason, clinic=patient.clinic, patient_id=patient.id)
