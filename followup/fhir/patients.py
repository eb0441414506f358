"""Patients as FHIR: the NHS number as UK Core has it, and how messages reach them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from followup.context import AppContext
from followup.fhir.codes import LANGUAGE, NHS_NUMBER, Systems, organisation, patient_reference
from followup.fhir.dates import instant
from followup.fhir.resources import (
    CodeableConcept,
    Coding,
    ContactPoint,
    HumanName,
    Identifier,
    Patient,
    PatientLanguage,
    PatientLink,
)
from followup.patients.records import Person
from followup.store.models.patients import Patient as PatientRow


def patient_resource(
    app: AppContext,
    systems: Systems,
    row: PatientRow,
    person: Person,
    *,
    merged: Sequence[UUID] = (),
) -> dict[str, Any]:
    """Return a patient; `person` is who they are, opened.

    `merged` are other records of the same person, which went into this one.
    """
    return Patient(
        id=str(row.id),
        identifier=[Identifier(use="official", system=NHS_NUMBER, value=person.nhs_number)]
        if person.nhs_number
        else None,
        # A record that went into another one is in use no more.
        active=row.merged_into is None,
        name=[HumanName(text=person.name)] if person.name else None,
        telecom=_telecom(person) or None,
        birth_date=person.date_of_birth.isoformat() if person.date_of_birth else None,
        deceased_date_time=instant(row.deceased_at) if row.deceased_at else None,
        communication=[
            PatientLanguage(
                language=CodeableConcept(coding=[Coding(system=LANGUAGE, code=person.language)]),
                preferred=True,
            )
        ],
        managing_organization=organisation(app, systems, row.clinic),
        link=_links(row, merged) or None,
    ).versioned()


def _telecom(person: Person) -> list[ContactPoint]:
    found = []
    if person.mobile:
        found.append(ContactPoint(system="phone", value=person.mobile, use="mobile"))
    if person.email:
        found.append(ContactPoint(system="email", value=person.email))
    return found


def _links(row: PatientRow, merged: Sequence[UUID]) -> list[PatientLink]:
    links = [PatientLink(other=patient_reference(each), type="replaces") for each in merged]
    if row.merged_into is not None:
        links.append(PatientLink(other=patient_reference(row.merged_into), type="replaced-by"))
    return links
