"""CapabilityStatement: what this server reads, finds and takes in."""

from __future__ import annotations

from typing import Any

from followup.fhir import CONTENT_TYPE, VERSION
from followup.fhir.search import DATES, PARAMETERS, SENT_PARAMETERS

PUBLISHED = "2026-11-29"
"""When what is stated here last changed."""

TYPES = {
    "_id": "token",
    "status": "token",
    "identifier": "token",
    "group-identifier": "token",
    "patient": "reference",
    "subject": "reference",
}
TAKEN = {
    "Appointment": "Booked, arrived, fulfilled, cancelled, noshow or entered-in-error.",
    "Patient": "Whom the others are of. A link replaced-by or replaces merges two.",
    "Procedure": "Planned, done, not done, stopped or entered-in-error.",
}
"""What hospitals send, and what is known here by that."""
CONDITIONS = (
    " What is sent is applied; the key that sent it reads it back as it is held here. If-Match and "
    "If-None-Exist are obeyed; a search of theirs is by identifier alone. An update by a search is "
    "taken in a Bundle alone."
)
OURS = ("_count", "_format", "_page")
NOTES = {
    "identifier": "By POST to _search alone: an address stands in logs.",
    "group-identifier": "The clinic's reference of an enrolment.",
}


def capability_statement(*, url: str, software: str) -> dict[str, Any]:
    """Return the statement of the server at this address."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": PUBLISHED,
        "kind": "instance",
        "software": {"name": "followup", "version": software},
        "implementation": {"description": "Follow-up messages of pain clinics", "url": url},
        "fhirVersion": VERSION,
        "format": [CONTENT_TYPE, "json"],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "description": "A bearer key, as in Authorization: Bearer fu_…: with the scope "
                    "fhir-read to read, where every read is audited, and fhir-write to send."
                },
                "resource": [_resource(kind) for kind in sorted({*PARAMETERS, *TAKEN})],
                "interaction": [
                    {"code": "transaction", "documentation": "All of it is applied, or nothing."},
                    {"code": "batch", "documentation": "Each entry is applied for itself."},
                ],
            }
        ],
    }


def _resource(kind: str) -> dict[str, Any]:
    taken = kind in TAKEN
    found_by = PARAMETERS.get(kind) or SENT_PARAMETERS[kind]
    codes = [
        "read",
        "search-type",
        *(("create", "update") if taken else ()),
    ]
    told: dict[str, Any] = {"type": kind}
    if taken:
        told["documentation"] = TAKEN[kind] + CONDITIONS
    told["interaction"] = [{"code": code} for code in codes]
    told["versioning"] = "versioned-update" if taken else "versioned"
    told["readHistory"] = False
    if taken:
        told |= {
            "updateCreate": False,
            "conditionalCreate": True,
            "conditionalUpdate": True,
            "referencePolicy": ["literal", "logical", "enforced"],
        }
    told["searchParam"] = [_parameter(kind, name) for name in found_by if name not in OURS]
    return told


def _parameter(kind: str, name: str) -> dict[str, str]:
    told = {"name": name, "type": "date" if name in DATES.get(kind, ()) else TYPES[name]}
    return told | ({"documentation": NOTES[name]} if name in NOTES else {})
