"""People of a feed: found by how their site knows them, with the latest word on each fact."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlalchemy import select

from followup.context import AppContext, UnitOfWork
from followup.domain.clinics.clinic import Clinic
from followup.domain.sites.site import Site
from followup.intake.feed.event import FeedEvent, PersonKey
from followup.intake.feed.facts import Facts, fact
from followup.patients.records import Person, has_other_given_name, may_have_number_of
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.feeds import FeedPerson

COLUMN = "feed_people.facts"
LONGEST_CHAIN = 50


def know_person(unit: UnitOfWork, site: Site, event: FeedEvent) -> FeedPerson:
    """Return the person of whom an event tells, locked; added where they are new.

    One who was merged into another is that other. Who is known by the NHS number is the same under
    a new number of the site's own, and the other way round.
    """
    named = find_row(unit, site, event.person_key)
    if event.nhs_key is None or event.nhs_key == event.person_key:
        return survivor_of(unit, named)
    numbered = find_row(unit, site, event.nhs_key)
    # A FHIR resource names the row itself, which may be that of the NHS number.
    if named.id in {numbered.id, numbered.survivor_id}:
        return survivor_of(unit, named)
    if _is_new(named) and _is_meant(unit, numbered, event):
        _be_known_as(unit, named, survivor_of(unit, numbered))
    person = survivor_of(unit, named)
    if _is_new(numbered) or (numbered.is_alias and not _is_meant(unit, numbered, event)):
        _be_known_as(unit, numbered, person)
    return person


def _is_new(row: FeedPerson) -> bool:
    return row.survivor_id is None and row.facts_sealed is None


def _is_meant(unit: UnitOfWork, numbered: FeedPerson, event: FeedEvent) -> bool:
    """Say whether the person who is known by an NHS number is the one of whom an event tells.

    Not where the number was corrected since, nor where the name is quite another.
    """
    if _is_new(numbered):
        return False
    known = facts_of(unit, survivor_of(unit, numbered))
    if f"nhs {fact(known, 'nhs_number')}" != event.nhs_key:
        return False
    given = {name: ["", value] for name, value in event.person.items()}
    one, other = identity_in(known), identity_in(given)
    return may_have_number_of(one, other) and not has_other_given_name(one, other)


def _be_known_as(unit: UnitOfWork, alias: FeedPerson, person: FeedPerson) -> None:
    alias.survivor_id, alias.is_alias = person.id, True
    unit.session.flush()


def find_row(unit: UnitOfWork, site: Site, key: PersonKey) -> FeedPerson:
    """Return the row of this very key, whoever that was merged into."""
    if isinstance(key, UUID):
        return unit.session.get_one(FeedPerson, key, with_for_update=True)
    index = unit.app.keyring.indexes.of("feed person", f"{site.key}\0{key}")
    row = {
        "id": new_id(unit.by.real_at),
        "site": site.key,
        "key_index": index,
        "created_at": unit.by.at,
    }
    insert_new(unit.session, FeedPerson, row)
    return unit.session.scalars(
        select(FeedPerson)
        .where(FeedPerson.site == site.key, FeedPerson.key_index == index)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def survivor_of(unit: UnitOfWork, person: FeedPerson) -> FeedPerson:
    """Return whom a person was merged into in the end, locked; themselves if into nobody."""
    for _ in range(LONGEST_CHAIN):
        if person.survivor_id is None:
            return person
        person = unit.session.get_one(FeedPerson, person.survivor_id, with_for_update=True)
    raise AssertionError


def facts_of(unit: UnitOfWork, person: FeedPerson) -> Facts:
    """Return what is known of a person."""
    return read_facts(unit.app, person)


def read_facts(app: AppContext, person: FeedPerson) -> Facts:
    """Return what a row of a person says; nothing of one who was erased."""
    text = app.keyring.system.open_if(person.facts_sealed, column=COLUMN, row=person.id)
    facts: Facts = json.loads(text) if text else {}
    return facts


def keep_facts(unit: UnitOfWork, person: FeedPerson, facts: Facts) -> None:
    """Write what is known of a person."""
    person.facts_sealed = unit.app.keyring.system.seal(
        json.dumps(facts), column=COLUMN, row=person.id
    )
    unit.session.flush()


def identity_in(facts: Facts) -> Person:
    """Return who a person is by what is known, without how they are reached."""
    born = fact(facts, "date_of_birth")
    return Person(
        name=fact(facts, "name"),
        nhs_number=fact(facts, "nhs_number"),
        date_of_birth=date.fromisoformat(born) if born else None,
        mobile=None,
        email=None,
        language="",
    )


def person_of(facts: Facts, clinic: Clinic) -> Person:
    """Return a person as the feed knows them, for one clinic."""
    language = fact(facts, "language")
    return replace(
        identity_in(facts),
        mobile=fact(facts, "mobile"),
        email=fact(facts, "email"),
        language=language if language in clinic.languages else clinic.languages[0],
    )
