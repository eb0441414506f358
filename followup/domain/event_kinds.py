"""Events that other systems are told of: their groups, and what an event carries."""

from __future__ import annotations

from enum import StrEnum


class EventGroup(StrEnum):
    """What a subscription asks for, one or more; the first word of an event's type."""

    ENROLMENT = "enrolment"
    MESSAGE = "message"
    WORKLIST = "worklist"
    PATIENT = "patient"
    AUDIT = "audit"
    """Signed heads of the audit trail, to be kept elsewhere."""


class EventContent(StrEnum):
    """How much of what it tells of an event carries."""

    IDS = "ids"
    """Identifiers and codes: whoever wants more asks for it, with a key."""
    FHIR = "fhir"
    """Of messages the FHIR resource as well: a patient's words, and ours to them."""
