"""Made-up FHIR resources, and a hospital that sends them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from followup.context import AppContext
from followup.domain.sites.site import Site
from followup.intake.fhir.take import FhirClient, take_transaction
from followup.intake.fhir.versions import TakenResource
from tests.support.hl7 import COMPLETE, site
from tests.support.people import nhs_number

KEY = "hospital"
"""The name of the key that sends for the made-up hospital."""
NHS = "https://fhir.nhs.uk/Id/nhs-number"
LOCAL = "https://fhir.made-up.nhs.uk/Id/hospital-number"
VISITS = "https://fhir.made-up.nhs.uk/Id/visit"
OPCS = "https://fhir.hl7.org.uk/CodeSystem/OPCS-4"
SNOMED = "http://snomed.info/sct"
VERIFICATION = (
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
)
AT = "2026-10-19T14:30:00+01:00"

Json = dict[str, Any]


def fhir_site(**changes: object) -> Site:
    """Return the made-up hospital, which sends FHIR as well."""
    sender = {"keys": [KEY], "patient_ids": [LOCAL], "code_systems": [OPCS]}
    return site(**{"fhir": sender, **changes})


def patient(serial: int = 1, **changes: Any) -> Json:
    """Return the person of that serial as UK Core has them; None leaves an element out."""
    born = f"195{serial % 10}-05-12"
    told = {
        "resourceType": "Patient",
        "identifier": [
            {"use": "usual", "system": LOCAL, "value": f"{serial:06d}"},
            nhs(nhs_number(serial)),
        ],
        "name": [
            {"use": "nickname", "text": "Tess"},
            {"use": "official", "family": f"Patient-{serial:05d}", "given": ["Test"]},
        ],
        "telecom": [
            {"system": "phone", "value": "01752 202082", "use": "home"},
            {"system": "phone", "value": f"07700 900{serial % 1000:03d}", "use": "mobile"},
        ],
        "gender": "female",
        "birthDate": born,
    }
    return without_none({**told, **changes})


def nhs(number: str, *, status: str = "01") -> Json:
    """Return an NHS number with its verification status."""
    coding = {
        "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus",
        "code": status,
    }
    return {
        "extension": [{"url": VERIFICATION, "valueCodeableConcept": {"coding": [coding]}}],
        "system": NHS,
        "value": number,
    }


def procedure(
    subject: str | Json, serial: int = 1, *, code: str = COMPLETE, **changes: Any
) -> Json:
    """Return a procedure that was done, of somebody by a reference or an identifier."""
    told = {
        "resourceType": "Procedure",
        "identifier": [{"system": VISITS, "value": f"P{serial}"}],
        "status": "completed",
        "code": {"coding": [{"system": OPCS, "code": code}]},
        "subject": {"reference": subject} if isinstance(subject, str) else subject,
        "performedDateTime": AT,
    }
    return without_none({**told, **changes})


def appointment(
    subject: str | Json, serial: int = 1, *, code: str = COMPLETE, start: str = AT, **changes: Any
) -> Json:
    """Return a booked appointment."""
    actor = {"reference": subject} if isinstance(subject, str) else subject
    told = {
        "resourceType": "Appointment",
        "identifier": [{"system": VISITS, "value": f"A{serial}"}],
        "status": "booked",
        "serviceType": [{"coding": [{"system": OPCS, "code": code}]}],
        "start": start,
        "end": start.replace(":30:00", ":50:00"),
        "participant": [
            {"actor": {"reference": "Practitioner/1"}, "status": "accepted"},
            {"actor": actor, "status": "accepted"},
        ],
    }
    return without_none({**told, **changes})


def without_none(told: Json) -> Json:
    """Return the elements that have a value."""
    return {key: each for key, each in told.items() if each is not None}


def entry(
    resource: Json, *, url: str | None = None, full_url: str | None = None, **request: Any
) -> Json:
    """Return an entry that creates a resource, or with `url` puts it there."""
    method = "POST" if url is None else "PUT"
    asked = {"method": method, "url": url or resource["resourceType"], **request}
    told = {"resource": resource, "request": asked}
    return told if full_url is None else {"fullUrl": full_url, **told}


def transaction(*entries: Json, type: str = "transaction") -> Json:  # noqa: A002 - FHIR's word
    """Return a Bundle of these entries."""
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


def patient_and(make: Any, serial: int = 1, *, about: Json | None = None, **changes: Any) -> Json:
    """Return a transaction of somebody and a procedure or appointment of theirs."""
    address = f"urn:uuid:{uuid4()}"
    return transaction(
        entry(make(address, serial, **changes)),
        entry(patient(serial) if about is None else about, full_url=address),
    )


def client_of(app: AppContext) -> FhirClient:
    """Return whoever sends for the first site of the app."""
    [one] = app.catalogue.sites.values()
    return FhirClient(name=KEY, actor=f"api:{KEY}", site=one)


def take(app: AppContext, bundle: Json) -> list[TakenResource]:
    """Take in a Bundle as the web process does."""
    return take_transaction(app, client_of(app), bundle)


def send(app: AppContext, resource: Json, **asked: Any) -> TakenResource:
    """Take in one resource, or with `url` another version of it."""
    [taken] = take(app, transaction(entry(resource, **asked)))
    return taken


def address_of(taken: TakenResource) -> str:
    """Return the address of a resource."""
    return f"{taken.kind}/{taken.id}"


def version_of(taken: TakenResource, resource: Json) -> Json:
    """Return another version of a resource that is there."""
    return {**resource, "id": str(taken.id)}


def update(app: AppContext, taken: TakenResource, resource: Json, **asked: Any) -> TakenResource:
    """Put another version of a resource."""
    return send(app, version_of(taken, resource), url=address_of(taken), **asked)


def codes(*taken: TakenResource) -> list[tuple[str, str]]:
    """Return what came of resources, as state and code of the ledger."""
    return [(one.state.value, one.code) for each in taken for one in each.outcomes]
