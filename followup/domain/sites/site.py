"""Site: one hospital's feed, and what its events, codes, identifiers and phones mean here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from zoneinfo import ZoneInfo


class EventKind(StrEnum):
    """What an event of a feed means, in the product's own words."""

    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    ARRIVED = "arrived"
    DONE = "done"
    PERSON = "person"
    """Details of a person changed; a visit that is known takes on what it says."""
    MERGED = "merged"
    IGNORED = "ignored"


class Merges(StrEnum):
    """What is done where a feed says that two patients are one, and both are known here."""

    ASK = "ask"
    APPLY = "apply"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who may send: a facility, and one application of it or any."""

    facility: str
    application: str | None = None

    def is_it(self, application: str, facility: str) -> bool:
        """Say whether a message that names these comes from this sender."""
        return facility == self.facility and self.application in {None, application}


@dataclass(frozen=True, slots=True)
class PhoneUse:
    """A use (XTN-2) and equipment (XTN-3) by which a number is a mobile; None is any."""

    use: str | None = None
    equipment: str | None = None

    def is_it(self, use: str, equipment: str) -> bool:
        """Say whether a number that is marked so is one of these."""
        return self.use in {None, use} and self.equipment in {None, equipment}


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFields:
    """Where a message says what about a visit: paths such as PR1-3.1, the first that is filled."""

    visit: tuple[str, ...]
    appointment: tuple[str, ...]
    procedure: tuple[str, ...]
    service: tuple[str, ...]
    location: tuple[str, ...]
    time: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpRule:
    """Which codes lead to which protocol at which clinic; codes that are None are any."""

    clinic: str
    protocol: str
    procedure: frozenset[str] | None = None
    service: frozenset[str] | None = None
    location: frozenset[str] | None = None
    answers: Mapping[str, bool] = field(default_factory=dict)

    def covers(
        self, *, procedure: Collection[str], service: Collection[str], location: Collection[str]
    ) -> bool:
        """Say whether a visit with these codes is followed up by this rule."""
        asked = ((self.procedure, procedure), (self.service, service), (self.location, location))
        return all(codes is None or not codes.isdisjoint(given) for codes, given in asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirSender:
    """Who sends this site's FHIR resources, and what their identifiers and codes are.

    `keys` are the names of API keys; the others are systems, as URIs: of identifiers by which the
    hospital knows a patient, and of codes that rules name without a system.
    """

    keys: frozenset[str]
    local_ids: frozenset[str]
    code_systems: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One feed. `starts_at` is the first event by which a visit is followed up.

    A hospital sends HL7 v2 from `addresses`, FHIR as `fhir` says, or both.
    """

    key: str
    name: str
    zone: ZoneInfo
    addresses: tuple[IPv4Network | IPv6Network, ...]
    senders: tuple[Sender, ...]
    encoding: str
    processing: frozenset[str]
    starts_at: EventKind
    events: Mapping[str, EventKind]
    local_ids: frozenset[str]
    nhs_ids: frozenset[str]
    mobiles: tuple[PhoneUse, ...]
    death_codes: frozenset[str]
    languages: Mapping[str, str]
    fields: VisitFields
    rules: tuple[FollowUpRule, ...]
    merges: Merges = Merges.ASK
    fhir: FhirSender | None = None

    def admits(self, address: str) -> bool:
        """Say whether a connection from this address may send messages of this site."""
        at = ip_address(address)
        # A socket that listens on both kinds shows the old kind inside the new.
        at = getattr(at, "ipv4_mapped", None) or at
        return any(at.version == network.version and at in network for network in self.addresses)

    def knows(self, application: str, facility: str) -> bool:
        """Say whether this application of this facility is one of the site's."""
        return any(sender.is_it(application, facility) for sender in self.senders)

    def rule_for(
        self, *, procedure: Collection[str], service: Collection[str], location: Collection[str]
    ) -> FollowUpRule | None:
        """Return the first rule that covers a visit with these codes."""
        for rule in self.rules:
            if rule.covers(procedure=procedure, service=service, location=location):
                return rule
        return None
