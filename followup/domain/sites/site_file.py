"""Reads a site from the content of its file, or says all that is wrong with it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator

from followup.domain.clinics.clinic_file import Language, known_zone
from followup.domain.errors import ProtocolError
from followup.domain.file_shape import Key, Line, Shape, complaints, read_shape
from followup.domain.sites.site import (
    EventKind,
    FhirSender,
    FollowUpRule,
    Merges,
    PhoneUse,
    Sender,
    Site,
    VisitFields,
)


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        raise ValueError(
            f'{text!r} is no address: write one as in "10.20.0.7", or a range as in "10.20.0.0/24"'
        ) from error
    return text


def _encoding(text: str) -> str:
    try:
        return codecs.lookup(text).name
    except LookupError as error:
        raise ValueError(
            f'{text!r} is no encoding: use a name such as "utf-8", "latin-1" or "cp1252"'
        ) from error


Path = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{2}-[1-9][0-9]?(\.[1-9][0-9]?)?$")]
"""A segment, a field and perhaps a component: PR1-3.1."""
EVENT = re.compile(r"(?:ADT|SIU)\^[A-Z][0-9]{2}")
Uri = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*:\S+$")]
"""The system of identifiers or codes, as in http://snomed.info/sct."""
Network = Annotated[str, AfterValidator(_network), WithJsonSchema({"type": "string"})]


Meaning = Literal["booked", "moved", "cancelled", "arrived", "done", "person", "merged", "ignored"]


def _events(events: dict[str, Meaning]) -> dict[str, Meaning]:
    for event in events:
        if not EVENT.fullmatch(event):
            raise ValueError(f'{event!r} is no event: write one as in "ADT^A04" or "SIU^S12"')
    return events


class SenderShape(Shape):
    """Who may send for this site."""

    facility: Line = Field(description="what its messages say in MSH-4")
    application: Line | None = Field(
        default=None, description="what they say in MSH-3, if not whatever they like"
    )


class ConnectionShape(Shape):
    """From where messages come, and how they are written."""

    addresses: list[Network] = Field(
        min_length=1, description='where connections may come from: "10.20.0.7", "10.20.0.0/24"'
    )
    senders: list[SenderShape] = Field(min_length=1, description="who may send")
    encoding: Annotated[str, AfterValidator(_encoding)] = Field(
        default="utf-8", description="how text is written where MSH-18 does not say so"
    )
    processing: list[Literal["P", "T", "D"]] = Field(
        default=["P"],
        min_length=1,
        description="which processing ids (MSH-11) are taken: P live, T training, D debugging",
    )


class IdentifiersShape(Shape):
    """Which identifiers of PID-3 count, by what stands in CX-4 or CX-5."""

    local: list[Line] = Field(description='those of the hospital, as in "MR"')
    nhs: list[Line] = Field(description='NHS numbers, as in "NHS", "NH" or "NI"')


class PhoneShape(Shape):
    """Which numbers of PID-13 are the patient's mobile. Others are sent nothing."""

    use: Line | None = Field(default=None, description="what stands in XTN-2, as in PRN")
    equipment: Line | None = Field(default=None, description="what stands in XTN-3, as in CP")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.use is None and self.equipment is None:
            raise ValueError("would make every number a mobile: say use, equipment or both")
        return self


class FieldsShape(Shape):
    """Where messages say what about a visit; of several places, the first that is filled."""

    visit: list[Path] = Field(default=["PV1-19.1"], description="the number of the visit")
    appointment: list[Path] = Field(
        default=["SCH-2.1", "SCH-1.1"], description="the number of the appointment"
    )
    procedure: list[Path] = Field(
        default=["PR1-3.1", "AIS-3.1"], description="the codes of the procedure: all places count"
    )
    service: list[Path] = Field(
        default=["PV1-10.1"], description="the codes of the service: all places count"
    )
    location: list[Path] = Field(
        default=["PV1-3.1", "AIL-3.1"], description="the codes of the place: all places count"
    )
    time: list[Path] = Field(
        default=["PR1-5", "AIS-4", "SCH-11.4", "PV1-44", "PV2-8"],
        description="the time of the procedure, the most reliable place first",
    )


class FhirShape(Shape):
    """Who sends FHIR resources of this site, and what their identifiers and codes are."""

    keys: list[Line] = Field(
        min_length=1, description="the names of the API keys that send for it, each for one site"
    )
    patient_ids: list[Uri] = Field(
        default=[],
        description="systems of the identifiers by which the hospital knows a patient; the "
        "numbers are those that HL7 messages of this site have in PID-3",
    )
    code_systems: list[Uri] = Field(
        default=[],
        description="systems whose codes follow_ups name as they are; codes of any other are "
        'named with theirs, as in "http://snomed.info/sct|231249005"',
    )


class FollowUpShape(Shape):
    """Which visits are followed up, by which protocol, at which clinic."""

    procedure: list[Line] | None = Field(
        default=None, min_length=1, description="any of these procedure codes"
    )
    service: list[Line] | None = Field(
        default=None, min_length=1, description="and any of these service codes"
    )
    location: list[Line] | None = Field(
        default=None, min_length=1, description="and any of these places"
    )
    clinic: Key = Field(description="the clinic that follows them up")
    protocol: Key = Field(description="by which protocol")
    answers: dict[str, bool] = Field(
        default={},
        description="questions of the protocol that these codes answer by themselves",
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.procedure is None and self.service is None and self.location is None:
            raise ValueError("would follow up every visit: name procedure, service or location")
        return self


class SiteShape(Shape):
    """One hospital's feed."""

    key: Key = Field(description="its name in the ledger and on the command line")
    name: Line = Field(description="its name for people")
    zone: Annotated[str, AfterValidator(known_zone)] = Field(
        description='the time zone of times without an offset, as in "Europe/London"'
    )
    starts_at: Literal["booked", "arrived", "done"] = Field(
        default="booked",
        description="the first event by which a visit is followed up: with booked, somebody who "
        "stays away without a word would get messages all the same",
    )
    merges: Literal["ask", "apply"] = Field(
        default="ask",
        description="where two patients here are said to be one: with ask, a person compares their "
        "records; with apply they are merged, unless they contradict each other",
    )
    connection: ConnectionShape | None = Field(
        default=None, description="from where HL7 v2 messages come, if it sends any"
    )
    events: Annotated[dict[str, Meaning], AfterValidator(_events)] = Field(
        default={}, description='what each event means, as in "SIU^S12" = "booked"'
    )
    identifiers: IdentifiersShape | None = Field(
        default=None, description="which identifiers of HL7 v2 messages count"
    )
    fhir: FhirShape | None = Field(
        default=None, description="who sends FHIR resources, if anybody does"
    )
    mobiles: list[PhoneShape] = Field(
        default=[], description="which phones are mobiles; without any, no number is texted"
    )
    death_codes: list[Line] = Field(
        default=[], description="codes of PV1-36 by which a discharge is a death"
    )
    languages: dict[str, Language] = Field(
        default={}, description='what codes of PID-15 mean, as in CY = "cy"'
    )
    fields: FieldsShape = Field(
        default=FieldsShape(),
        description="where messages say what about a visit",
        json_schema_extra={"default": {}},
    )
    follow_ups: list[FollowUpShape] = Field(
        min_length=1, description="which visits are followed up; the first that fits counts"
    )

    @model_validator(mode="after")
    def _comes_by_something(self) -> Self:
        if self.connection is None and self.fhir is None:
            raise ValueError("nothing can be sent: add [connection] for HL7 v2, [fhir], or both")
        if self.connection and not (self.events and self.identifiers):
            raise ValueError("[connection] for HL7 v2 needs [events] and [identifiers] as well")
        return self

    def value(self) -> Site:
        where, sent = self.fields, self.connection
        return Site(
            key=self.key,
            name=self.name,
            zone=ZoneInfo(self.zone),
            addresses=tuple(map(ip_network, sent.addresses)) if sent else (),
            senders=tuple(Sender(it.facility, it.application) for it in sent.senders)
            if sent
            else (),
            encoding=sent.encoding if sent else "utf-8",
            processing=frozenset(sent.processing) if sent else frozenset(),
            starts_at=EventKind(self.starts_at),
            merges=Merges(self.merges),
            events={event: EventKind(kind) for event, kind in self.events.items()},
            local_ids=frozenset(self.identifiers.local if self.identifiers else ()),
            nhs_ids=frozenset(self.identifiers.nhs if self.identifiers else ()),
            mobiles=tuple(PhoneUse(it.use, it.equipment) for it in self.mobiles),
            death_codes=frozenset(self.death_codes),
            languages=dict(self.languages),
            fields=VisitFields(
                visit=tuple(where.visit),
                appointment=tuple(where.appointment),
                procedure=tuple(where.procedure),
                service=tuple(where.service),
                location=tuple(where.location),
                time=tuple(where.time),
            ),
            rules=tuple(
                FollowUpRule(
                    clinic=it.clinic,
                    protocol=it.protocol,
                    procedure=_codes(it.procedure),
                    service=_codes(it.service),
                    location=_codes(it.location),
                    answers=dict(it.answers),
                )
                for it in self.follow_ups
            ),
            fhir=_fhir(self.fhir) if self.fhir else None,
        )


def _fhir(shape: FhirShape) -> FhirSender:
    return FhirSender(
        keys=frozenset(shape.keys),
        local_ids=frozenset(shape.patient_ids),
        code_systems=frozenset(shape.code_systems),
    )


def _codes(listed: list[str] | None) -> frozenset[str] | None:
    return None if listed is None else frozenset(listed)


def parse_site(data: Mapping[str, object], *, file: str) -> Site:
    """Return the site, or raise `ProtocolError` with a line for everything that is wrong."""
    shape, problems = read_shape(SiteShape, data)
    if shape is None:
        raise ProtocolError(complaints(problems, file=file))
    return shape.value()
