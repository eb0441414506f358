"""Codes and systems: ours under this installation's address, the others where they are defined."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.fhir.resources import (
    CodeableConcept,
    Coding,
    EventStatus,
    Identifier,
    Payload,
    Reference,
    RequestStatus,
)
from followup.wording.failure_reasons import failure_reason_of

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
PARTICIPATION_MODE = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"
LANGUAGE = "urn:ietf:bcp:47"

MEDIA = {
    ChannelKind.SMS: Coding(system=PARTICIPATION_MODE, code="SMSWRIT", display="SMS message"),
    ChannelKind.EMAIL: Coding(system=PARTICIPATION_MODE, code="EMAILWRIT", display="email"),
}

REQUEST_STATUS: dict[State, RequestStatus] = {
    State.PLANNED: RequestStatus.ACTIVE,
    State.HELD: RequestStatus.ON_HOLD,
    State.CLAIMED: RequestStatus.ACTIVE,
    State.SENDING: RequestStatus.ACTIVE,
    State.UNKNOWN: RequestStatus.UNKNOWN,
    State.SENT: RequestStatus.COMPLETED,
    State.DELIVERED: RequestStatus.COMPLETED,
    State.FAILED: RequestStatus.REVOKED,
    State.EXPIRED: RequestStatus.REVOKED,
    State.SUPPRESSED: RequestStatus.REVOKED,
    State.CANCELLED: RequestStatus.REVOKED,
}
"""What has become of the wish to send it: `completed` is "it was sent", not "it arrived"."""

EVENT_STATUS: dict[State, EventStatus] = {
    State.SENDING: EventStatus.PREPARATION,
    State.UNKNOWN: EventStatus.UNKNOWN,
    # The carrier has it, and has not confirmed it: nothing is called done that was not done.
    State.SENT: EventStatus.IN_PROGRESS,
    State.DELIVERED: EventStatus.COMPLETED,
    State.FAILED: EventStatus.STOPPED,
}
"""What has become of the sending, of messages whose provider was called."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Systems:
    """The systems of our own codes and identifiers, which belong to one installation."""

    base: str

    def clinic(self, clinic: str) -> Identifier:
        return Identifier(system=f"{self.base}/clinics", value=clinic)

    def reference(self, clinic: str) -> str:
        """Return the system of the references that a clinic gives its enrolments."""
        return f"{self.base}/clinics/{clinic}/references"

    def enrolment(self, enrolment_id: UUID) -> Identifier:
        return Identifier(system=f"{self.base}/enrolments", value=str(enrolment_id))

    def provider(self, provider: str, provider_id: str) -> Identifier:
        return Identifier(system=f"{self.base}/providers/{provider}", value=provider_id)

    def step(self, step: str, title: str) -> CodeableConcept:
        return CodeableConcept(coding=[Coding(system=f"{self.base}/steps", code=step)], text=title)

    def reason(self, reason: str | None, channel: str) -> CodeableConcept | None:
        """Return why a message stands where it does: the code, and what it means."""
        code = " ".join((reason or "").split())
        if not code:
            return None
        words = failure_reason_of(reason, channel).happened
        return CodeableConcept(
            coding=[Coding(system=f"{self.base}/reasons", code=code)], text=words
        )


def organisation(app: AppContext, systems: Systems, clinic: str | None) -> Reference:
    """Return a clinic, which has no resource of its own here."""
    found = app.catalogue.clinics.get(clinic or "")
    return Reference(
        type="Organization",
        identifier=systems.clinic(clinic) if clinic else None,
        display=found.name if found else clinic or "not known",
    )


def patient_reference(patient_id: UUID) -> Reference:
    return Reference(reference=f"Patient/{patient_id}")


def medium(channel: str) -> list[CodeableConcept]:
    return [CodeableConcept(coding=[MEDIA[ChannelKind(channel)]])]


def payload(text: str | None) -> list[Payload] | None:
    """Return the words as they are, without characters that FHIR's strings can't hold."""
    clean = _UNPRINTABLE.sub("", text or "")
    return [Payload(content_string=clean)] if clean.strip() else None
