"""What an API key opens."""

from __future__ import annotations

from enum import StrEnum


class ApiScope(StrEnum):
    """A key has one or more of these; the words are those of the command line."""

    ENROLMENTS = "enrolments"
    """The JSON API: enrols, changes and ends enrolments, reads their messages, takes bounces in."""
    FHIR_READ = "fhir-read"
    """Reads patients, and what was and will be sent to them, as FHIR resources."""
    FHIR_WRITE = "fhir-write"
    """Sends patients, appointments and procedures as FHIR resources, for the site that names it."""
