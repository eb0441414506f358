"""CapabilityStatement: what this server reads and finds."""

from __future__ import annotations

from typing import Any

from followup.fhir import CONTENT_TYPE, VERSION
from followup.fhir.search import DATES, PARAMETERS

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
OURS = ("_count", "_format", "_page")
NOTES = {
    "identifier": "An NHS number. By POST to _search alone: an address stands in logs.",
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
                    "description": "A bearer key with the scope fhir-read, as in "
                    "Authorization: Bearer fu_…; every read is audited."
                },
                "resource": [_resource(kind) for kind in sorted(PARAMETERS)],
            }
        ],
    }


def _resource(kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": False,
        "searchParam": [_parameter(kind, name) for name in PARAMETERS[kind] if name not in OURS],
    }


def _parameter(kind: str, name: str) -> dict[str, str]:
    told = {"name": name, "type": "date" if name in DATES[kind] else TYPES[name]}
    return told | ({"documentation": NOTES[name]} if name in NOTES else {})
