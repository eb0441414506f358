"""FHIR R4 resources, as far as they are written here.

Plain models of https://hl7.org/fhir/R4: the elements that are used, under their own names, with the
codes that their value sets require. An element that is not known is left out, never null.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[^\s]+(\s[^\s]+)*$")]
Uri = Annotated[str, StringConstraints(pattern=r"^\S+$")]
Text = Annotated[str, StringConstraints(min_length=1)]
DATE = r"\d{4}-\d\d-\d\d"
Date = Annotated[str, StringConstraints(pattern=f"^{DATE}$")]
Instant = Annotated[
    str, StringConstraints(pattern=rf"^{DATE}T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
]
"""Also where FHIR would take less, as for a `dateTime`: our times are known to the second."""


class Element(BaseModel):
    """A part of a resource; named as FHIR does, in camel case, on the wire."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    def as_json(self) -> dict[str, Any]:
        """Return what is written: no element without a value."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Coding(Element):
    system: Uri | None = None
    code: Code
    display: Text | None = None


class CodeableConcept(Element):
    coding: list[Coding] | None = Field(None, min_length=1)
    text: Text | None = None


class Identifier(Element):
    use: Literal["usual", "official", "temp", "secondary", "old"] | None = None
    system: Uri
    value: Text


class Reference(Element):
    reference: Text | None = None
    type: Uri | None = None
    identifier: Identifier | None = None
    display: Text | None = None


class Meta(Element):
    version_id: Id | None = None
    last_updated: Instant | None = None


class Payload(Element):
    content_string: Text


class HumanName(Element):
    use: Literal["usual", "official"] = "usual"
    text: Text


class ContactPoint(Element):
    system: Literal["phone", "sms", "email"]
    value: Text
    use: Literal["home", "mobile"] | None = None


class PatientLanguage(Element):
    language: CodeableConcept
    preferred: bool


class Resource(Element):
    """What has an address of its own."""

    resource_type: str
    id: Id | None = None
    meta: Meta | None = None

    def versioned(self, *, last_updated: str | None = None) -> dict[str, Any]:
        """Return the resource as JSON, with a version that changes when anything in it does."""
        told = self.as_json()
        written = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
        meta = Meta(
            version_id=hashlib.sha256(written).hexdigest()[:24], last_updated=last_updated
        ).as_json()
        return {
            "resourceType": told.pop("resourceType"),
            "id": told.pop("id"),
            "meta": meta,
            **told,
        }


class PatientLink(Element):
    """Another record of the same person: the one that goes on, or one that went into it."""

    other: Reference
    type: Literal["replaced-by", "replaces"]


class Patient(Resource):
    """A patient, with the identifier and the contact details that messages go by."""

    resource_type: Literal["Patient"] = "Patient"
    identifier: list[Identifier] | None = Field(None, min_length=1)
    active: bool = True
    name: list[HumanName] | None = Field(None, min_length=1)
    telecom: list[ContactPoint] | None = Field(None, min_length=1)
    birth_date: Date | None = None
    deceased_date_time: Instant | None = None
    communication: list[PatientLanguage] | None = Field(None, min_length=1)
    managing_organization: Reference | None = None
    link: list[PatientLink] | None = Field(None, min_length=1)


class SentPatient(Resource):
    """A patient as a hospital's system told of them, as far as it is held here."""

    resource_type: Literal["Patient"] = "Patient"
    identifier: list[Identifier] | None = Field(None, min_length=1)
    name: list[HumanName] | None = Field(None, min_length=1)
    telecom: list[ContactPoint] | None = Field(None, min_length=1)
    birth_date: Date | None = None
    deceased_boolean: bool | None = None
    communication: list[PatientLanguage] | None = Field(None, min_length=1)
    link: list[PatientLink] | None = Field(None, min_length=1)


class SentProcedure(Resource):
    """A procedure as a hospital's system told of it, as far as it is held here."""

    resource_type: Literal["Procedure"] = "Procedure"
    status: Code
    category: CodeableConcept | None = None
    code: CodeableConcept | None = None
    subject: Reference
    performed_date_time: Instant | None = None


class Participant(Element):
    actor: Reference
    status: Literal["accepted"] = "accepted"


class SentAppointment(Resource):
    """An appointment as a hospital's system told of it; of its end nothing is held."""

    resource_type: Literal["Appointment"] = "Appointment"
    status: Code
    service_category: list[CodeableConcept] | None = Field(None, min_length=1)
    service_type: list[CodeableConcept] | None = Field(None, min_length=1)
    start: Instant | None = None
    end: Instant | None = None
    participant: list[Participant]


class RequestStatus(StrEnum):
    """What has become of a request: of http://hl7.org/fhir/request-status those that we use."""

    ACTIVE = "active"
    ON_HOLD = "on-hold"
    REVOKED = "revoked"
    COMPLETED = "completed"
    UNKNOWN = "unknown"


class EventStatus(StrEnum):
    """How an event goes: of http://hl7.org/fhir/event-status those that we use."""

    PREPARATION = "preparation"
    IN_PROGRESS = "in-progress"
    STOPPED = "stopped"
    COMPLETED = "completed"
    UNKNOWN = "unknown"


class CommunicationRequest(Resource):
    """A message as it is planned: when, on which channel, and in which words."""

    resource_type: Literal["CommunicationRequest"] = "CommunicationRequest"
    replaces: list[Reference] | None = Field(None, min_length=1)
    group_identifier: Identifier | None = None
    status: RequestStatus
    status_reason: CodeableConcept | None = None
    category: list[CodeableConcept] | None = Field(None, min_length=1)
    medium: list[CodeableConcept] | None = Field(None, min_length=1)
    subject: Reference
    payload: list[Payload] | None = Field(None, min_length=1)
    occurrence_date_time: Instant
    authored_on: Instant
    recipient: list[Reference] = Field(min_length=1)
    sender: Reference


class Communication(Resource):
    """A message that was handed to a carrier, or a text that a patient sent."""

    resource_type: Literal["Communication"] = "Communication"
    identifier: list[Identifier] | None = Field(None, min_length=1)
    based_on: list[Reference] | None = Field(None, min_length=1)
    in_response_to: list[Reference] | None = Field(None, min_length=1)
    status: EventStatus
    status_reason: CodeableConcept | None = None
    category: list[CodeableConcept] | None = Field(None, min_length=1)
    medium: list[CodeableConcept] | None = Field(None, min_length=1)
    subject: Reference
    sent: Instant | None = None
    received: Instant | None = None
    recipient: list[Reference] = Field(min_length=1)
    sender: Reference
    payload: list[Payload] | None = Field(None, min_length=1)


IssueSeverity = Literal["fatal", "error", "warning", "information"]
IssueType = Literal[
    "invalid",
    "structure",
    "required",
    "value",
    "invariant",
    "security",
    "login",
    "forbidden",
    "processing",
    "not-supported",
    "duplicate",
    "multiple-matches",
    "not-found",
    "deleted",
    "too-long",
    "code-invalid",
    "too-costly",
    "business-rule",
    "conflict",
    "transient",
    "exception",
    "informational",
]


class Issue(Element):
    severity: IssueSeverity = "error"
    code: IssueType
    diagnostics: Text | None = None
    expression: list[Text] | None = Field(None, min_length=1)


class OperationOutcome(Resource):
    """Why a request was refused, one issue for each thing that is wrong."""

    resource_type: Literal["OperationOutcome"] = "OperationOutcome"
    issue: list[Issue] = Field(min_length=1)


class BundleLink(Element):
    relation: Literal["self", "next"]
    url: Uri


class BundleSearch(Element):
    mode: Literal["match", "include", "outcome"] = "match"


class EntryResponse(Element):
    """What came of one entry of a transaction or batch."""

    status: Text
    location: Uri | None = None
    etag: Text | None = None
    last_modified: Instant | None = None
    outcome: dict[str, Any] | None = None


class ResponseEntry(Element):
    resource: dict[str, Any] | None = None
    response: EntryResponse


class ResponseBundle(Resource):
    """The answer to a transaction or batch, an entry for each of its entries, in their order."""

    resource_type: Literal["Bundle"] = "Bundle"
    type: Literal["transaction-response", "batch-response"]
    entry: list[ResponseEntry] | None = Field(None, min_length=1)


class BundleEntry(Element):
    full_url: Uri
    resource: dict[str, Any]
    search: BundleSearch


class Bundle(Resource):
    """A page of a search."""

    resource_type: Literal["Bundle"] = "Bundle"
    type: Literal["searchset"] = "searchset"
    link: list[BundleLink] = Field(min_length=1)
    entry: list[BundleEntry] | None = Field(None, min_length=1)
