"""Applies a transaction of FHIR resources: all of it or nothing, each as an event of the feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from followup.context import UnitOfWork
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.sites.site import EventKind, Site
from followup.fhir.codes import NHS_NUMBER
from followup.fhir.resources import Issue, IssueType
from followup.intake.feed.apply import apply_event, ask_what_came, take_note
from followup.intake.feed.event import REMARKS, Fact, FeedEvent, PersonKey, VisitKeys, stamp_of
from followup.intake.feed.facts import fact
from followup.intake.feed.inbox import FeedState
from followup.intake.feed.outcome import Applied, weightiest
from followup.intake.feed.people import facts_of, find_row, survivor_of
from followup.intake.fhir.json_text import Json
from followup.intake.fhir.read_event import (
    in_force,
    person_facts,
    valid_nhs_number,
    visit_facts,
)
from followup.intake.fhir.references import (
    PATIENT,
    PatientTarget,
    Surroundings,
    not_sent,
    surroundings_of,
)
from followup.intake.fhir.refusal import CONFLICT, PRECONDITION, UNUSABLE, RefusedRequest, refuse
from followup.intake.fhir.requests import FhirRequest, Search, unknown_id
from followup.intake.fhir.resources import (
    ResourceKeys,
    content_of_resource,
    ever_said,
    find_by_id,
    find_by_keys,
    is_older,
    keep_keys,
    lock_keys,
    said_of,
)
from followup.intake.fhir.shapes import AppointmentSent, PatientSent, ProcedureSent
from followup.store.engine.types import new_id
from followup.store.models.feeds import FeedPerson, FhirResource
from followup.wording.feeds import FEED_STATES, feed_reason_text

AHEAD = timedelta(days=1)
"""By how much the clock of a sender may be ahead before its versions are refused."""
REPLACED_BY, REPLACES = "replaced-by", "replaces"


@dataclass(slots=True, kw_only=True)
class TakenResource:
    """What came of one request. `told` is the resource as it was sent."""

    kind: str
    told: Json
    id: UUID
    version: int
    changed_at: datetime
    created: bool = False
    changed: bool = False
    outcomes: list[Applied] = field(default_factory=list)
    notes: list[Issue] = field(default_factory=list)


def apply_requests(
    unit: UnitOfWork,
    requests: Sequence[FhirRequest],
    site: Site,
    *,
    base: str,
    message_id: UUID,
    is_batch: bool = False,
) -> list[TakenResource]:
    """Apply a transaction, within one of the database; return what came of each request.

    Raises `RefusedRequest`: then roll back. `message_id` is the message in the ledger.
    """
    around = surroundings_of([*requests], site=site, base=base, is_batch=is_batch)
    return _Application(unit, site, around, message_id).apply(requests)


def outcome_of_all(taken: Sequence[TakenResource]) -> Applied:
    """Return what the ledger says of a transaction."""
    # What came of visits tells more than that somebody is not known here yet.
    ordered = sorted(taken, key=lambda each: each.kind == PATIENT)
    return weightiest([*(one for each in ordered for one in each.outcomes), NOTHING_NEW])


NOTHING_NEW = Applied(state=FeedState.IGNORED, code="nothing-new")


class _Application:
    def __init__(
        self, unit: UnitOfWork, site: Site, around: Surroundings, message_id: UUID
    ) -> None:
        self._unit, self._site, self._around = unit, site, around
        self._message_id = message_id
        self._keys = ResourceKeys(unit.app.keyring.indexes, site)
        self._people: dict[int, UUID] = {}
        self._touched: set[UUID] = set()

    def apply(self, requests: Sequence[FhirRequest]) -> list[TakenResource]:
        patients = [n for n, each in enumerate(requests) if each.kind == PATIENT]
        others = [n for n, each in enumerate(requests) if each.kind != PATIENT]
        targets = {number: self._around.patient_of(requests[number]) for number in others}
        self._lock(requests, targets.values())
        taken = {number: self._patient(number, requests[number]) for number in patients}
        for number in patients:
            if taken[number].changed:
                self._merge(requests[number], taken[number])
        for number in others:
            taken[number] = self._visit(requests[number], targets[number])
        return [taken[number] for number in range(len(requests))]

    def _lock(self, requests: Sequence[FhirRequest], targets: object) -> None:
        wanted = set()
        for each in requests:
            searches = [one for one in (each.search, each.if_none_exist) if one]
            wanted |= set(self._keys.to_lock(each, searches, [each.id] if each.id else []))
        for target in targets:  # type: ignore[attr-defined]
            if target.search is not None:
                wanted.add(self._keys.identifier(PATIENT, target.search))
        lock_keys(self._unit, wanted)

    # ------------------------------------------------------------------------------- people

    def _patient(self, number: int, request: FhirRequest) -> TakenResource:
        sent = request.resource
        assert isinstance(sent, PatientSent)  # noqa: S101 - of that kind
        known = self._known(request)
        if known is not None:
            person = self._unit.session.get_one(FeedPerson, known.person_id)
        else:
            person = find_row(self._unit, self._site, self._person_key(sent, request))
        self._people[number] = person.id
        taken, resource = self._version(request, known, person, dict(request.told))
        if resource is None:
            return taken
        facts = person_facts(sent, site=self._site, now=self._unit.by.at)
        remarks = facts[REMARKS]
        assert isinstance(remarks, list)  # noqa: S101 - so it is read
        taken.notes += [
            _note("warning", code, place=f"{request.place}.identifier") for code in remarks
        ]
        if any(each.type == REPLACED_BY for each in sent.link or ()):
            # What it says of somebody is said by the one that stands in its place.
            return taken
        self._happens(taken, self._event(request, resource, EventKind.PERSON, person.id, facts))
        return taken

    def _person_key(self, sent: PatientSent, request: FhirRequest) -> PersonKey:
        local = self._site.fhir.local_ids if self._site.fhir else frozenset()
        now = self._unit.by.at
        for each in in_force(sent.identifier, now=now):
            if each.system in local and each.value:
                return f"local {each.value.strip()}"
        facts = person_facts(sent, site=self._site, now=now)
        number = facts.get("nhs_number")
        if number:
            return f"nhs {number}"
        name, born = facts.get("name"), facts.get("date_of_birth")
        if isinstance(name, str) and isinstance(born, str):
            return f"person {name.casefold()} {born}"
        known = ", ".join([*sorted(local), NHS_NUMBER])
        raise refuse(
            UNUSABLE,
            "required",
            f"{request.place}.identifier",
            f"give an identifier of one of these systems, or name and birth date: {known}",
        )

    def _merge(self, request: FhirRequest, taken: TakenResource) -> None:
        sent = request.resource
        assert isinstance(sent, PatientSent)  # noqa: S101 - of that kind
        resource = self._unit.session.get_one(FhirResource, taken.id)
        for number, link in enumerate(sent.link or ()):
            if link.type not in {REPLACED_BY, REPLACES}:
                continue
            place = f"{request.place}.link[{number}].other"
            target = self._around.patient(link.other, place=place, full_url=request.full_url)
            other = self._person(target)
            survivor, gone = (
                (other.id, resource.person_id)
                if link.type == REPLACED_BY
                else (resource.person_id, other.id)
            )
            event = self._event(request, resource, EventKind.MERGED, survivor, {})
            self._happens(taken, replace(event, merged_key=gone), place=place)

    def _person(self, target: PatientTarget) -> FeedPerson:
        """Return whom a reference means, whoever they were merged into."""
        session = self._unit.session
        if target.entry is not None:
            return session.get_one(FeedPerson, self._people[target.entry])
        if target.id is not None:
            found = find_by_id(self._unit, self._site, PATIENT, target.id)
            if found is None:
                raise not_sent(target.place)
            return session.get_one(FeedPerson, found.person_id)
        assert target.search is not None  # noqa: S101 - one of the three it is
        matches = find_by_keys(self._unit, [self._keys.identifier(PATIENT, target.search)])
        # Two records of one person are no riddle.
        people = {each.person_id for each in matches}
        if len(people) > 1:
            raise _several(target.place)
        if people:
            return session.get_one(FeedPerson, people.pop())
        if target.must_be_sent:
            raise not_sent(target.place)
        return self._person_by_number(target.search, place=target.place)

    def _person_by_number(self, search: Search, *, place: str) -> FeedPerson:
        """Return somebody of whom no Patient was sent: known by a number alone."""
        local = self._site.fhir.local_ids if self._site.fhir else frozenset()
        if search.system in local:
            return find_row(self._unit, self._site, f"local {search.value}")
        number = valid_nhs_number(search.value) if search.system == NHS_NUMBER else None
        if number is None:
            raise not_sent(place)
        return find_row(self._unit, self._site, f"nhs {number}")

    # ------------------------------------------------------------------------------- visits

    def _visit(self, request: FhirRequest, target: PatientTarget) -> TakenResource:
        sent = request.resource
        assert isinstance(sent, ProcedureSent | AppointmentSent)  # noqa: S101 - of those kinds
        person = self._person(target)
        known = self._known(request)
        if known is not None:
            before = self._unit.session.get_one(FeedPerson, known.person_id)
            if survivor_of(self._unit, before).id != survivor_of(self._unit, person).id:
                sentence = "this belongs to another patient: send it as a new resource"
                raise refuse(CONFLICT, "conflict", target.place, sentence)
        told = _about(request.told, person.id, place=target.place, spot=request.place)
        taken, resource = self._version(request, known, person, told)
        if resource is None:
            return taken
        places = self._around.places_of(request)
        facts = visit_facts(sent, site=self._site, others=places)
        key = f"{request.kind}/{resource.id}"
        keys = (
            VisitKeys(visit=key) if isinstance(sent, ProcedureSent) else VisitKeys(appointment=key)
        )
        status = facts.get("status")
        kind = EventKind(status) if status in set(EventKind) else EventKind.PERSON
        event = self._event(request, resource, kind, person.id, self._by_number(target))
        survivor = facts_of(self._unit, survivor_of(self._unit, person))
        remarks = tuple(fact(survivor, REMARKS) or ())
        self._happens(taken, replace(event, visit=keys, facts=facts, remarks=remarks))
        return taken

    def _by_number(self, target: PatientTarget) -> dict[str, Fact]:
        """Return what the number says by which a reference names somebody."""
        search = target.search
        number = valid_nhs_number(search.value) if search else None
        if search is None or search.system != NHS_NUMBER or number is None:
            return {}
        return {"nhs_number": number}

    # ----------------------------------------------------------------------------- versions

    def _known(self, request: FhirRequest) -> FhirResource | None:
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
            raise _several(request.place)
        return matches[0] if matches else None

    def _sent_before(self, request: FhirRequest) -> FhirResource | None:
        own = self._keys.own_identifiers(request)
        matches = find_by_keys(self._unit, own) if own else ()
        return matches[0] if matches else None

    def _version(
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
        if request.version is not None and (known is None or known.version != request.version):
            now = f'W/"{known.version}"' if known else "none"
            sentence = f"the version that is here is {now}: look at it before you send it again"
            raise refuse(PRECONDITION, "conflict", request.place, sentence)
        if known is None:
            return self._created(request, person, content, said)
        taken = _taken(request, known)
        if known.content_index == content:
            known.said_at = max(filter(None, (known.said_at, said[0])), default=None)
            known.said_version = max(filter(None, (known.said_version, said[1])), default=None)
            return taken, None
        older = request.version is None and is_older(known, said)
        if request.is_create:
            self._must_not_differ(request, known, content, older=older, said=said, taken=taken)
            return taken, None
        if older:
            taken.notes.append(_note("warning", "older", place=request.place))
            return taken, None
        return self._updated(request, known, content, said, taken)

    def _must_not_differ(
        self,
        request: FhirRequest,
        known: FhirResource,
        content: bytes,
        *,
        older: bool,
        said: tuple[datetime | None, int | None],
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
            taken.notes.append(_note("information", "sent-before", place=request.place))
        else:
            sentence = f"{address} has this identifier, with other content: PUT it there instead"
            raise refuse(CONFLICT, "duplicate", request.place, sentence)

    def _created(
        self,
        request: FhirRequest,
        person: FeedPerson,
        content: bytes,
        said: tuple[datetime | None, int | None],
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
        said: tuple[datetime | None, int | None],
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

    # ------------------------------------------------------------------------------- events

    def _event(
        self,
        request: FhirRequest,
        resource: FhirResource,
        kind: EventKind,
        person: UUID,
        facts: dict[str, Fact],
    ) -> FeedEvent:
        now = self._unit.by.at
        said_at, _ = said_of(request.resource.meta)
        # Whoever names the version that is here has seen it, whatever their clock says.
        happened = said_at if said_at is not None and request.version is None else now
        return FeedEvent(
            kind=kind,
            stamp=stamp_of(
                happened,
                sent_at=now,
                sequence=str(resource.version),
                control_id=str(self._message_id),
            ),
            person_key=person,
            person=facts,
        )

    def _happens(self, taken: TakenResource, event: FeedEvent, *, place: str | None = None) -> None:
        """Apply an event; where it clashes with what is here, keep it and ask a person."""
        unit = self._unit
        try:
            with unit.session.begin_nested():
                applied = apply_event(unit, event, self._site)
        except (Conflict, InvalidInput, NotFound) as error:
            with unit.session.begin_nested():
                take_note(unit, event, self._site)
            code = "conflict" if isinstance(error, Conflict) else "not-possible"
            clinic = self._site.rules[0].clinic
            applied = Applied(state=FeedState.PERSON, code=code, clinic=clinic)
        if applied.state is FeedState.REFUSED:
            sentence = feed_reason_text(applied.code)
            raise refuse(CONFLICT, "business-rule", place or taken.kind, sentence)
        ask_what_came(unit, applied, message_id=self._message_id)
        taken.outcomes.append(applied)


def _taken(request: FhirRequest, resource: FhirResource) -> TakenResource:
    return TakenResource(
        kind=request.kind,
        told=request.told,
        id=resource.id,
        version=resource.version,
        changed_at=resource.changed_at,
    )


def _about(told: Json, person: UUID, *, place: str, spot: str) -> Json:
    """Return a resource with its patient named in one way, however it was referred to."""
    inner = place.removeprefix(f"{spot}.")
    named = {"patient": str(person)}
    if inner.startswith("subject"):
        return {**told, "subject": named}
    number = int(inner.partition("[")[2].partition("]")[0])
    participants = [
        {**each, "actor": named} if index == number else each
        for index, each in enumerate(told["participant"])
    ]
    return {**told, "participant": participants}


def _several(place: str) -> RefusedRequest:
    sentence = "several have this identifier: name the one by its id"
    return refuse(PRECONDITION, "multiple-matches", place, sentence)


def _note(severity: str, code: str, *, place: str) -> Issue:
    kind: IssueType = "informational"
    return Issue(
        severity="warning" if severity == "warning" else "information",
        code=kind,
        diagnostics=feed_reason_text(code),
        expression=[place],
    )


def came_to(applied: Applied) -> Issue:
    """Return what came of a resource, in words."""
    return Issue(
        severity="warning" if applied.state is FeedState.PERSON else "information",
        code="informational",
        diagnostics=f"{FEED_STATES[applied.state.value]}: {feed_reason_text(applied.code)}",
    )
