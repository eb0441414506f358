"""Applies a transaction of FHIR resources: all of it or nothing, each as an event of the feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from followup.context import UnitOfWork
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.sites.site import EventKind, Site
from followup.fhir.codes import NHS_NUMBER
from followup.fhir.resources import Issue
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
from followup.intake.fhir.refusal import CONFLICT, UNUSABLE, refuse
from followup.intake.fhir.requests import FhirRequest, Search
from followup.intake.fhir.resources import (
    ResourceKeys,
    find_by_id,
    find_by_keys,
    lock_keys,
    said_of,
)
from followup.intake.fhir.shapes import AppointmentSent, PatientSent, ProcedureSent
from followup.intake.fhir.versions import TakenResource, Versions, remark, several
from followup.store.models.feeds import FeedMessage, FeedPerson, FhirResource
from followup.wording.intake.feeds import FEED_STATES, feed_reason_text

REPLACED_BY, REPLACES = "replaced-by", "replaces"


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


def note_people(row: FeedMessage, taken: Sequence[TakenResource]) -> None:
    """Note whom a request was about, so that erasing them finds it.

    What it says of several is not kept once it is applied: nobody could erase one of them in it.
    """
    people = {each.person_id for each in taken}
    row.person_id = people.pop() if len(people) == 1 else None
    if people and outcome_of_all(taken).state is not FeedState.PERSON:
        row.content_sealed = None


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
        self._versions = Versions(unit, site, self._keys)

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

    def _lock(self, requests: Sequence[FhirRequest], targets: Iterable[PatientTarget]) -> None:
        wanted = {key for each in requests for key in self._keys.to_lock(each)}
        for target in targets:
            if target.search is not None:
                wanted.add(self._keys.identifier(PATIENT, target.search))
            elif target.id is not None:
                wanted.add(self._keys.id(target.id))
        lock_keys(self._unit, wanted)

    # ------------------------------------------------------------------------------- people

    def _patient(self, number: int, request: FhirRequest) -> TakenResource:
        sent = request.resource
        assert isinstance(sent, PatientSent)  # noqa: S101 - of that kind
        known = self._versions.known(request)
        if known is not None:
            person = self._unit.session.get_one(FeedPerson, known.person_id)
        else:
            person = find_row(self._unit, self._site, self._person_key(sent, request))
        self._people[number] = person.id
        taken, resource = self._versions.version(request, known, person, dict(request.told))
        if resource is None:
            return taken
        facts = person_facts(sent, site=self._site, now=self._unit.by.at)
        remarks = facts[REMARKS]
        assert isinstance(remarks, list)  # noqa: S101 - so it is read
        taken.notes += [remark(code, place=f"{request.place}.identifier") for code in remarks]
        if any(each.type == REPLACED_BY for each in sent.link or ()):
            # What it says of somebody is said by the one that stands in its place.
            return taken
        event = self._event(request, resource, EventKind.PERSON, person.id, facts)
        nhs = facts.get("nhs_number")
        self._happens(taken, replace(event, nhs_key=f"nhs {nhs}" if nhs else None))
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
        rows = (session.get_one(FeedPerson, each.person_id) for each in matches)
        people = {survivor_of(self._unit, row).id for row in rows}
        if len(people) > 1:
            raise several(target.place)
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
        known = self._versions.known(request)
        if known is not None:
            before = self._unit.session.get_one(FeedPerson, known.person_id)
            if survivor_of(self._unit, before).id != survivor_of(self._unit, person).id:
                sentence = "this belongs to another patient: send it as a new resource"
                raise refuse(CONFLICT, "conflict", target.place, sentence)
        told = _about(request.told, person.id, place=target.place, spot=request.place)
        taken, resource = self._versions.version(request, known, person, told)
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
                applied = apply_event(unit, event, self._site, message_id=self._message_id)
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


def came_to(applied: Applied) -> Issue:
    """Return what came of a resource, in words."""
    return Issue(
        severity="warning" if applied.state is FeedState.PERSON else "information",
        code="informational",
        diagnostics=f"{FEED_STATES[applied.state.value]}: {feed_reason_text(applied.code)}",
    )
