"""Finding anybody: by names in any order, their first letters, and birthdays; by keys alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import delete, update

from followup.context import AppContext
from followup.domain.errors import InvalidInput
from followup.domain.intake.on_conflict import OnConflict
from followup.enrolment.bulk import enrol_all
from followup.enrolment.enrol import enrol
from followup.enrolment.enrol_or_update import enrol_or_update
from followup.erasure.erase import erase_patient
from followup.patients.index_people import index_people
from followup.patients.search import SearchTerms, search_patients
from followup.patients.typed_search import search_ways
from followup.store.models.patients import Patient, SearchKey
from tests.support.apps import rows
from tests.support.people import CLINIC, request
from tests.support.two_records import (
    ACTOR,
    DUPLICATE,
    SURVIVOR,
    merge,
    patient_of,
    two_records,
    undo,
)

SIAN = {"name": "Siân O'Neill-Price", "date_of_birth": date(1949, 8, 3)}
ANNA = {"name": "Annabel Price", "date_of_birth": date(1957, 5, 17)}


def found(app: AppContext, wanted: str, *, clinics: Iterable[str] = (CLINIC,)) -> set[UUID]:
    """Return who is found by what was typed."""
    sought = SearchTerms(clinics=list(clinics))
    with app.store.read() as session:
        for way in search_ways(app.keyring.indexes, sought, wanted):
            if there := search_patients(session, way, limit=9):
                return {row.Patient.id for row in there}
    return set()


WANTED = {
    **dict.fromkeys(("Sian", "SIÂN", "o'neill", "ONE", "price 3.8.1949"), "S"),
    **dict.fromkeys(("Ann", "annabel price", "Price, Annabel", "pri ann", "Annabella"), "A"),
    **dict.fromkeys(("17/5/1957", "17 May 1957", "1957-05-17", "REF-2"), "A"),
    **dict.fromkeys(("price", "PRI"), "AS"),
    **dict.fromkeys(("Siobhan", "An", "price 4/8/1949", "?"), ""),
}
"""What is typed, and the first letters of those who are found."""


def test_somebody_is_found_by_names_their_first_letters_and_birthday(sqlite_app: AppContext):
    people = {
        patient_of(sqlite_app, made.enrolment_id): str(known["name"])[0]
        for serial, known in enumerate((SIAN, ANNA), start=1)
        for made in [enrol(sqlite_app, request(serial, **known), actor=ACTOR)]
    }

    who = {
        wanted: "".join(sorted(people[each] for each in found(sqlite_app, wanted)))
        for wanted in WANTED
    }

    assert who == WANTED
    assert not any(found(sqlite_app, wanted, clinics=["elsewhere"]) for wanted in WANTED)


def test_a_date_that_is_none_is_said_so(sqlite_app):
    with pytest.raises(InvalidInput, match="no such date"):
        found(sqlite_app, "price 31/2/1957")


def test_the_keys_are_those_of_who_somebody_is_now(app: AppContext):
    enrol_all(app, [request(2, **ANNA)], actor=ACTOR)
    assert found(app, "annabel")

    married = request(2, **{**ANNA, "name": "Annabel Okafor"})
    enrol_or_update(app, married, actor=ACTOR, on_conflict=OnConflict.UPDATE)

    assert found(app, "okafor")
    assert not found(app, "price")
    with app.store.write() as session:
        session.execute(delete(SearchKey))
        session.execute(update(Patient).values(indexed_by=1))
    assert not found(app, "okafor")

    assert index_people(app) == 1
    assert index_people(app) == 0
    assert found(app, "Annabel Okafor 17/5/1957")


def test_merged_records_lead_to_one_patient_until_they_are_two_again(app: AppContext):
    both = two_records(app)
    mine, theirs = str(SURVIVOR["name"]), str(DUPLICATE["name"])
    merged = merge(app, both)
    assert found(app, mine) == found(app, theirs) == {both.survivor}

    undo(app, merged)

    assert found(app, mine) == {both.survivor}
    assert found(app, f"{theirs} {DUPLICATE['date_of_birth']}") == {both.duplicate}


def test_of_whom_was_erased_no_key_is_left(app: AppContext):
    both = two_records(app)
    merge(app, both)
    assert rows(app, SearchKey)

    app.transact(ACTOR, lambda unit: erase_patient(unit, both.survivor))

    assert rows(app, SearchKey) == []
