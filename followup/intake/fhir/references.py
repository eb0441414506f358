"""References to patients: to an entry of the Bundle, to what was sent before, by identifier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from followup.domain.sites.site import Site
from followup.fhir.codes import NHS_NUMBER
from followup.intake.fhir.elements import Reference
from followup.intake.fhir.refusal import UNUSABLE, RefusedRequest, refuse
from followup.intake.fhir.requests import FhirRequest, Search, parse_search, plain_value, split_url
from followup.intake.fhir.shapes import AppointmentSent, ProcedureSent

PATIENT = "Patient"
RESTFUL = re.compile(r"(?P<base>.+)/[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(/_history/\S+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientTarget:
    """Whom a reference means: an entry by its number, or an id of ours, or a search.

    `must_be_sent` is of a search: somebody of whom no Patient was sent is refused then.
    """

    place: str
    entry: int | None = None
    id: UUID | None = None
    search: Search | None = None
    must_be_sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a reference may lead to: the entries of its Bundle by their addresses, and ours.

    `patient_ids` are systems of identifiers that only patients have.
    """

    base: str
    patient_ids: frozenset[str]
    entries: Mapping[str, int] = field(default_factory=dict)
    is_batch: bool = False

    def patient(self, reference: Reference, *, place: str, full_url: str | None) -> PatientTarget:
        """Return whom a reference means; raise `RefusedRequest` for one that leads nowhere."""
        text = reference.reference
        if text is not None:
            return self._literal(text, reference, place=f"{place}.reference", full_url=full_url)
        named = reference.identifier
        if named is None or not named.system or not named.value:
            sentence = "name the patient: by reference, or by identifier with system and value"
            raise refuse(UNUSABLE, "required", f"{place}.reference", sentence)
        return PatientTarget(place=f"{place}.identifier", search=_search(named.system, named.value))

    def _literal(
        self, text: str, reference: Reference, *, place: str, full_url: str | None
    ) -> PatientTarget:
        if text.startswith("#"):
            sentence = "send the Patient as an entry of its own, not as contained"
            raise refuse(UNUSABLE, "not-supported", place, sentence)
        entry = self._entry(text, full_url=full_url)
        if entry is not None:
            return PatientTarget(place=place, entry=entry)
        kind, id_, query = split_url(text, base=self.base)
        if kind == PATIENT and query is not None:
            search = parse_search(query, place=place)
            return PatientTarget(place=place, search=search, must_be_sent=True)
        if kind == PATIENT and (known := _uuid(id_.partition("/")[0])):
            return PatientTarget(place=place, id=known)
        named = reference.identifier
        if named is not None and named.system and named.value:
            return PatientTarget(place=place, search=_search(named.system, named.value))
        raise self._leads_nowhere(text, kind, place=place)

    def _entry(self, text: str, *, full_url: str | None) -> int | None:
        if text in self.entries:
            return self.entries[text]
        base = RESTFUL.fullmatch(full_url or "")
        whole = text.partition("/_history/")[0]
        return self.entries.get(f"{base['base']}/{whole}") if base else None

    def _leads_nowhere(self, text: str, kind: str, *, place: str) -> RefusedRequest:
        if text.startswith("urn:"):
            told = (
                "entries of a batch can't refer to each other: send a transaction"
                if self.is_batch
                else "no entry of this Bundle has that fullUrl: send the Patient with it"
            )
            return refuse(UNUSABLE, "not-found", place, told)
        if kind in {PATIENT, "http:", "https:"}:
            return not_sent(place)
        return refuse(UNUSABLE, "value", place, "this must be a Patient")

    def patient_of(self, request: FhirRequest) -> PatientTarget:
        """Return whom a Procedure or an Appointment is about."""
        sent = request.resource
        if isinstance(sent, ProcedureSent):
            place = f"{request.place}.subject"
            return self.patient(sent.subject, place=place, full_url=request.full_url)
        assert isinstance(sent, AppointmentSent)  # noqa: S101 - the only other kind
        found = [
            (number, each.actor)
            for number, each in enumerate(sent.participant)
            if each.actor is not None and self._is_patient(each.actor, request)
        ]
        if len(found) != 1:
            sentence = "one participant must be the patient, by reference or by identifier"
            raise refuse(UNUSABLE, "required", f"{request.place}.participant", sentence)
        number, actor = found[0]
        place = f"{request.place}.participant[{number}].actor"
        return self.patient(actor, place=place, full_url=request.full_url)

    def _is_patient(self, actor: Reference, request: FhirRequest) -> bool:
        text = actor.reference or ""
        if actor.type is not None:
            return actor.type.rpartition("/")[2] == PATIENT
        if self._entry(text, full_url=request.full_url) is not None:
            return True
        if not text and actor.identifier is not None:
            return actor.identifier.system in self.patient_ids
        return split_url(text, base=self.base)[0] == PATIENT or f"/{PATIENT}/" in text

    def places_of(self, request: FhirRequest) -> list[Reference]:
        """Return where a Procedure or an Appointment takes place."""
        sent = request.resource
        if isinstance(sent, ProcedureSent):
            return [sent.location] if sent.location else []
        assert isinstance(sent, AppointmentSent)  # noqa: S101 - the only other kind
        actors = [each.actor for each in sent.participant if each.actor]
        return [
            each
            for each in actors
            if each.type == "Location" or "Location/" in (each.reference or "")
        ]


def surroundings_of(
    requests: list[FhirRequest], *, site: Site, base: str, is_batch: bool = False
) -> Surroundings:
    """Return what the references of these requests may lead to: the Patients among them."""
    entries = {
        each.full_url: number
        for number, each in enumerate(requests)
        if each.full_url is not None and each.kind == PATIENT
    }
    local_ids = site.fhir.local_ids if site.fhir else frozenset()
    return Surroundings(
        base=base,
        patient_ids=local_ids | {NHS_NUMBER},
        entries=entries,
        is_batch=is_batch,
    )


def not_sent(place: str) -> RefusedRequest:
    """Return the refusal of a reference to a Patient that nobody sent here."""
    sentence = (
        "no such Patient was sent here: send it first or in the same Bundle, or name the "
        "patient by identifier"
    )
    return refuse(UNUSABLE, "not-found", place, sentence)


def _search(system: str, value: str) -> Search:
    return Search(system=system, value=plain_value(system, value))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
