"""Other systems: what an API key opens, and which events a webhook tells of."""

from __future__ import annotations

from followup.domain.api_scope import ApiScope
from followup.domain.event_kinds import EventContent, EventGroup
from followup.wording.terms import Term

API_SCOPES: dict[ApiScope, Term] = {
    ApiScope.ENROLMENTS: Term(
        "Enrolments", "enrols, changes and ends enrolments, and reads their messages"
    ),
    ApiScope.FHIR_READ: Term("Read FHIR", "reads patients and what is sent to them"),
    ApiScope.FHIR_WRITE: Term("Write FHIR", "sends patients, appointments and procedures"),
}

EVENT_GROUPS: dict[EventGroup, str] = {
    group: group.value.capitalize().replace("-", " ") for group in EventGroup
}

EVENT_CONTENTS: dict[EventContent, Term] = {
    EventContent.IDS: Term("Identifiers and codes only", "nothing that names a patient"),
    EventContent.FHIR: Term("FHIR resources", "with what was written to and by patients"),
}
