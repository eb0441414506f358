"""What a site sent by FHIR, read back: as it is held here, and not as it was written.

A resource that was sent is kept as facts of a person or a visit, with what other messages said of
the same since. Only keys that the site's file names read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.sites.site import EventKind, Site
from followup.fhir.codes import LANGUAGE, NHS_NUMBER
from followup.fhir.dates import instant
from followup.fhir.resources import (
    CodeableConcept,
    Coding,
    ContactPoint,
    HumanName,
    Identifier,
    Meta,
    Participant,
    PatientLanguage,
    PatientLink,
    Reference,
    Resource,
    SentAppointment,
    SentPatient,
    SentProcedure,
)
from followup.intake.feed.event import STOPPED
from followup.intake.feed.facts import Facts, fact
from followup.intake.feed.people import read_facts
from followup.intake.feed.visits import time_of
from followup.intake.fhir.requests import Search
from followup.intake.fhir.resources import ResourceKeys
from followup.store.models.feeds import FeedPerson, FeedVisit, FhirKey, FhirResource

MOST_FOUND = 200
Told = tuple[UUID, dict[str, Any]]

PROCEDURE_STATUS = {
    EventKind.BOOKED.value: "preparation",
    EventKind.ARRIVED.value: "in-progress",
    EventKind.DONE.value: "completed",
    EventKind.CANCELLED.value: "not-done",
    STOPPED: "stopped",
}
APPOINTMENT_STATUS = {
    EventKind.BOOKED.value: "booked",
    EventKind.ARRIVED.value: "arrived",
    EventKind.DONE.value: "fulfilled",
    EventKind.CANCELLED.value: "cancelled",
    STOPPED: "arrived",
}
NO_TIME = "proposed"
"""What alone FHIR lets an appointment be of which no time is known."""


def read_sent(
    session: Session, app: AppContext, site: Site, kind: str, id_: UUID
) -> dict[str, Any] | None:
    """Return a resource that the site sent; None where there is none, or its person is erased."""
    row = session.get(FhirResource, id_)
    if row is None or (row.site, row.kind) != (site.key, kind):
        return None
    return _resource(session, app, site, row)


def find_sent(
    session: Session,
    app: AppContext,
    site: Site,
    kind: str,
    *,
    ids: Iterable[UUID] | None = None,
    identifiers: Sequence[Search] = (),
    patients: Iterable[UUID] | None = None,
) -> list[Told]:
    """Return what the site sent and every condition given fits, the first first.

    `patients` are ids of resources of the kind Patient that the site sent. At most `MOST_FOUND`.
    """
    query = select(FhirResource).where(FhirResource.site == site.key, FhirResource.kind == kind)
    if ids is not None:
        query = query.where(FhirResource.id.in_(list(ids)))
    if identifiers:
        keys = ResourceKeys(app.keyring.indexes, site)
        wanted = [keys.identifier(kind, each) for each in identifiers]
        having = select(FhirKey.resource_id).where(
            FhirKey.key_index.in_(wanted), FhirKey.is_content.is_(False)
        )
        query = query.where(FhirResource.id.in_(having))
    if patients is not None:
        people = select(FhirResource.person_id).where(
            FhirResource.id.in_(list(patients)),
            FhirResource.site == site.key,
            FhirResource.kind == "Patient",
        )
        query = query.where(FhirResource.person_id.in_(people))
    rows = session.scalars(query.order_by(FhirResource.id).limit(MOST_FOUND)).all()
    found = ((row.id, _resource(session, app, site, row)) for row in rows)
    return [(id_, told) for id_, told in found if told is not None]


def _resource(
    session: Session, app: AppContext, site: Site, row: FhirResource
) -> dict[str, Any] | None:
    person = session.get_one(FeedPerson, row.person_id)
    while person.survivor_id is not None:
        person = session.get_one(FeedPerson, person.survivor_id)
    facts = read_facts(app, person)
    if not facts:
        return None
    if row.kind == "Patient":
        return _patient(session, row, person, facts).as_json()
    column = FeedVisit.visit_key if row.kind == "Procedure" else FeedVisit.appointment_key
    visit = session.scalar(
        select(FeedVisit).where(FeedVisit.site == site.key, column == f"{row.kind}/{row.id}")
    )
    if visit is None:
        return None
    subject = _subject(session, row, person, facts)
    made = _procedure if row.kind == "Procedure" else _appointment
    return made(row, visit.facts, subject).as_json()


def _meta(row: FhirResource) -> Meta:
    return Meta(version_id=str(row.version), last_updated=instant(row.changed_at))


def _patient(session: Session, row: FhirResource, person: FeedPerson, facts: Facts) -> SentPatient:
    number, name = fact(facts, "nhs_number"), fact(facts, "name")
    language, died = fact(facts, "language"), fact(facts, "died")
    # Of a merge the survivor's own resource, where one was sent.
    goes_on = None if person.id == row.person_id else _patient_of(session, person.id)
    link = PatientLink(other=Reference(reference=f"Patient/{goes_on}"), type="replaced-by")
    return SentPatient(
        id=str(row.id),
        meta=_meta(row),
        identifier=[Identifier(system=NHS_NUMBER, value=number)] if number else None,
        name=[HumanName(text=name)] if name else None,
        telecom=_telecom(facts) or None,
        birth_date=fact(facts, "date_of_birth"),
        deceased_boolean=died if isinstance(died, bool) else None,
        communication=[
            PatientLanguage(
                language=CodeableConcept(coding=[Coding(system=LANGUAGE, code=language)]),
                preferred=True,
            )
        ]
        if language
        else None,
        link=[link] if goes_on else None,
    )


def _telecom(facts: Facts) -> list[ContactPoint]:
    found = []
    if mobile := fact(facts, "mobile"):
        found.append(ContactPoint(system="phone", value=mobile, use="mobile"))
    if other := fact(facts, "other_number"):
        found.append(ContactPoint(system="phone", value=other))
    if email := fact(facts, "email"):
        found.append(ContactPoint(system="email", value=email))
    return found


def _patient_of(session: Session, person_id: UUID) -> UUID | None:
    """Return the Patient that was sent of a person, the latest one."""
    return session.scalar(
        select(FhirResource.id)
        .where(FhirResource.person_id == person_id, FhirResource.kind == "Patient")
        .order_by(FhirResource.id.desc())
        .limit(1)
    )


def _subject(session: Session, row: FhirResource, person: FeedPerson, facts: Facts) -> Reference:
    sent = _patient_of(session, row.person_id) or _patient_of(session, person.id)
    number = fact(facts, "nhs_number")
    return Reference(
        reference=f"Patient/{sent}" if sent else None,
        type="Patient",
        identifier=Identifier(system=NHS_NUMBER, value=number) if number else None,
    )


def _procedure(row: FhirResource, facts: Facts, subject: Reference) -> Resource:
    return SentProcedure(
        id=str(row.id),
        meta=_meta(row),
        status=PROCEDURE_STATUS.get(fact(facts, "status") or "", "unknown"),
        category=_concept(fact(facts, "service")),
        code=_concept(fact(facts, "procedure")),
        subject=subject,
        performed_date_time=_written(time_of(facts)),
    )


def _appointment(row: FhirResource, facts: Facts, subject: Reference) -> Resource:
    at = _written(time_of(facts))
    status = APPOINTMENT_STATUS.get(fact(facts, "status") or "", NO_TIME)
    kind, category = _concept(fact(facts, "procedure")), _concept(fact(facts, "service"))
    return SentAppointment(
        id=str(row.id),
        meta=_meta(row),
        status=status if at or status == "cancelled" else NO_TIME,
        service_category=[category] if category else None,
        service_type=[kind] if kind else None,
        start=at,
        # FHIR wants both or neither.
        end=at,
        participant=[Participant(actor=subject)],
    )


def _concept(codes: Sequence[str] | None) -> CodeableConcept | None:
    """Return codes with their systems; a plain one where it stands with none."""
    listed = [each.rpartition("|") for each in codes or ()]
    with_system = {code for system, _, code in listed if system}
    coding = [
        Coding(system=system or None, code=code)
        for system, _, code in listed
        if system or code not in with_system
    ]
    return CodeableConcept(coding=coding) if coding else None


def _written(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
