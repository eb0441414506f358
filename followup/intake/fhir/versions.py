"""Versions of FHIR resources: which one a request is about, and whether it makes a new one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from followup.context import UnitOfWork
from followup.domain.sites.site import Site
from followup.fhir.resources import Issue, IssueSeverity
from followup.intake.feed.outcome import Applied
from followup.intake.fhir.json_text import Json
from followup.intake.fhir.refusal import CONFLICT, PRECONDITION, UNUSABLE, RefusedRequest, refuse
from followup.intake.fhir.requests import FhirRequest, unknown_id
from followup.intake.fhir.resources import (
    ResourceKeys,
    content_of_resource,
    ever_said,
    find_by_id,
    find_by_keys,
    is_older,
    keep_keys,
    said_of,
)
from followup.store.engine.types import new_id
from followup.store.models.feeds import FeedPerson, FhirResource
from followup.wording.intake.feeds import feed_reason_text

AHEAD = timedelta(days=1)
"""By how much the clock of a sender may be ahead before its versions are refused."""

Said = tuple[datetime | None, int | None]
"""When its sender says that a version was written, and its number there."""


@dataclass(slots=True, kw_only=True)
class TakenResource:
    """What came of one request. `told` is the resource as it was sent."""

    kind: str
    told: Json
    id: UUID
    person_id: UUID
    version: int
    changed_at: datetime
    created: bool = False
    changed: bool = False
    outcomes: list[Applied] = field(default_factory=list)
    notes: list[Issue] = field(default_factory=list)


class Versions:
    """The resources of one site, as one transaction brings them on."""

    def __init__(self, unit: UnitOfWork, site: Site, keys: ResourceKeys) -> None:
        self._unit, self._site, self._keys = unit, site, keys
        self._touched: set[UUID] = set()

    def known(self, request: FhirRequest) -> FhirResource | None:
        """Return the resource that a request is about; None where it makes a new one."""
        if request.id is not None:
            found = find_by_id(self._unit, self._site, request.kind, request.id)
            if found is None:
                raise unknown_id(request.kind, place=request.place)
            return found
        search = request.search or request.if_none_exist
        if search is None:
            return self._sent_before(request)
        matches = find_by_keys(self._unit, [self._keys.identifier(request.kind, search)])
        if len(matches) > 1:
            raise several(request.place)
        return matches[0] if matches else None

    def _sent_before(self, request: FhirRequest) -> FhirResource | None:
        own = self._keys.own_identifiers(request)
        matches = find_by_keys(self._unit, own) if own else ()
        return matches[0] if matches else None

    def version(
        self, request: FhirRequest, known: FhirResource | None, person: FeedPerson, told: Json
    ) -> tuple[TakenResource, FhirResource | None]:
        """Return what a request comes to, and the resource where it has a new version by it."""
        content = self._keys.content(request.kind, content_of_resource(told))
        said = said_of(request.resource.meta)
        if said[0] is not None and said[0] > self._unit.by.at + AHEAD:
            place = f"{request.place}.meta.lastUpdated"
            raise refuse(UNUSABLE, "value", place, "this lies ahead: correct the sender's clock")
        if known is None and request.is_create and not self._keys.own_identifiers(request):
            # Without a number of its own it is known by what it says.
            known = next(iter(find_by_keys(self._unit, [content])), None)
        if known is not None and known.content_index == content:
            # Also where If-Match names the version before: then the answer to it was lost.
            known.said_at = max(filter(None, (known.said_at, said[0])), default=None)
            known.said_version = max(filter(None, (known.said_version, said[1])), default=None)
            return _taken(request, known), None
        if request.version is not None and (known is None or known.version != request.version):
            now = f'W/"{known.version}"' if known else "none"
            sentence = f"the version that is here is {now}: look at it before you send it again"
            raise refuse(PRECONDITION, "conflict", request.place, sentence)
        if known is None:
            return self._created(request, person, content, said)
        taken = _taken(request, known)
        older = request.version is None and is_older(known, said)
        if request.is_create:
            self._must_not_differ(request, known, content, older=older, said=said, taken=taken)
            return taken, None
        if older:
            taken.notes.append(remark("older", place=request.place))
            return taken, None
        return self._updated(request, known, content, said, taken)

    def _must_not_differ(
        self,
        request: FhirRequest,
        known: FhirResource,
        content: bytes,
        *,
        older: bool,
        said: Said,
        taken: TakenResource,
    ) -> None:
        """Refuse to make a second one; what it said once is what was sent then, again."""
        address = f"{known.kind}/{known.id}"
        newer = said[0] is not None and known.said_at is not None and said[0] > known.said_at
        if request.if_none_exist is not None:
            if not ever_said(self._unit, known, content):
                sentence = f"{address} is here with other content: PUT it there to change that"
                note = Issue(severity="warning", code="informational", diagnostics=sentence)
                taken.notes.append(note)
        elif older or (ever_said(self._unit, known, content) and not newer):
            taken.notes.append(remark("sent-before", place=request.place, severity="information"))
        else:
            sentence = f"{address} has this identifier, with other content: PUT it there instead"
            raise refuse(CONFLICT, "duplicate", request.place, sentence)

    def _created(
        self,
        request: FhirRequest,
        person: FeedPerson,
        content: bytes,
        said: Said,
    ) -> tuple[TakenResource, FhirResource]:
        by = self._unit.by
        resource = FhirResource(
            id=new_id(by.real_at),
            site=self._site.key,
            kind=request.kind,
            person_id=person.id,
            version=1,
            changed_at=by.at,
            content_index=content,
            said_at=said[0],
            said_version=said[1],
        )
        self._unit.session.add(resource)
        taken = _taken(request, resource)
        taken.created = True
        return self._kept(request, resource, taken)

    def _updated(
        self,
        request: FhirRequest,
        known: FhirResource,
        content: bytes,
        said: Said,
        taken: TakenResource,
    ) -> tuple[TakenResource, FhirResource]:
        known.version += 1
        known.changed_at, known.content_index = self._unit.by.at, content
        known.said_at, known.said_version = said[0] or known.said_at, said[1]
        taken.version, taken.changed_at = known.version, known.changed_at
        return self._kept(request, known, taken)

    def _kept(
        self, request: FhirRequest, resource: FhirResource, taken: TakenResource
    ) -> tuple[TakenResource, FhirResource]:
        if resource.id in self._touched:
            sentence = "another entry changes this resource as well: send it once"
            raise refuse(UNUSABLE, "duplicate", request.place, sentence)
        self._touched.add(resource.id)
        self._unit.session.flush()
        keep_keys(self._unit, resource, identifiers=self._keys.identifiers(request).values())
        taken.changed = True
        return taken, resource


def _taken(request: FhirRequest, resource: FhirResource) -> TakenResource:
    return TakenResource(
        kind=request.kind,
        told=request.told,
        id=resource.id,
        person_id=resource.person_id,
        version=resource.version,
        changed_at=resource.changed_at,
    )


def several(place: str) -> RefusedRequest:
    """Return the refusal of a search that finds more than one."""
    sentence = "several have this identifier: name the one by its id"
    return refuse(PRECONDITION, "multiple-matches", place, sentence)


def remark(code: str, *, place: str, severity: IssueSeverity = "warning") -> Issue:
    """Return what is told beside the outcome, in the words of the ledger."""
    return Issue(
        severity=severity,
        code="informational",
        diagnostics=feed_reason_text(code),
        expression=[place],
    )
