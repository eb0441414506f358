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
from followup.patients.find import find_patients
from followup.patients.index_people import index_people
from followup.patients.records import INDEXED_BY
from followup.patients.search import SearchTerms
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
JOHN = {"name": "John Smith", "date_of_birth": date(1983, 9, 9)}
ANN = {"name": "Ann MacDonald", "date_of_birth": date(1945, 5, 8)}


def in_order(app: AppContext, wanted: str, *, clinics: Iterable[str] = (CLINIC,)) -> list[UUID]:
    """Return who is found by what was typed, the likeliest first."""
    sought = SearchTerms(clinics=list(clinics))
    with app.store.read() as session:
        found = find_patients(session, app.keyring, sought, wanted, limit=9)
    return [row.Patient.id for row in found.rows]


def found(app: AppContext, wanted: str, *, clinics: Iterable[str] = (CLINIC,)) -> set[UUID]:
    """Return who is found by what was typed."""
    return set(in_order(app, wanted, clinics=clinics))


WANTED = {
    **dict.fromkeys(
        ("Sian", "SIÂN", "o'neill", "ONE", "price 3.8.1949", "o neill", "S Price"), "S"
    ),
    **dict.fromkeys(("annabel price", "Price, Annabel", "pri ann", "annab"), "A"),
    **dict.fromkeys(("17/5/1957", "17 May 1957", "1957-05-17", "REF-2", "ref-2", "17/5/57"), "A"),
    **dict.fromkeys(("170557", "17051957", "May 17th, 1957", "17may57", "pri 17 5 57"), "A"),
    **dict.fromkeys(("J Smith", "smith j", "Mr J. Smith", "smithjohn", "johnsm", "jsmith"), "J"),
    **dict.fromkeys(("9 sept 83", "Smith dob 09/09/83", "smit joh", "Jo Smith"), "J"),
    **dict.fromkeys(("8th of May 1945", "mac donald", "Mrs MacDonald", "8-5-45"), "M"),
    **dict.fromkeys(("ann", "Ann", "Annabella"), "AM"),
    "K Smith": "J",
    **dict.fromkeys(("price", "PRI"), "AS"),
    **dict.fromkeys(("Siobhan", "An", "price 4/8/1949", "?", "999999"), ""),
}
"""What is typed, and the letters of those who are found: Siân, Annabel, John, and M for Ann."""


def test_somebody_is_found_by_names_their_first_letters_and_birthday(sqlite_app: AppContext):
    people = {
        patient_of(sqlite_app, made.enrolment_id): letter
        for serial, (letter, known) in enumerate(zip("SAJM", (SIAN, ANNA, JOHN, ANN), strict=True))
        for made in [enrol(sqlite_app, request(serial + 1, **known), actor=ACTOR)]
    }

    who = {
        wanted: "".join(people[each] for each in in_order(sqlite_app, wanted)) for wanted in WANTED
    }

    assert {wanted: "".join(sorted(each)) for wanted, each in who.items()} == WANTED
    assert who["ann"] == "MA", "she whose whole name it is comes first"
    assert not any(found(sqlite_app, wanted, clinics=["elsewhere"]) for wanted in WANTED)


def test_a_date_that_is_none_is_said_so(sqlite_app):
    with pytest.raises(InvalidInput, match="no such date"):
        found(sqlite_app, "price 31/2/57")


def test_the_keys_are_those_of_who_somebody_is_now(app: AppContext):
    enrol_all(app, [request(2, **ANNA)], actor=ACTOR)
    assert found(app, "annabel")

    married = request(2, **{**ANNA, "name": "Annabel Okafor"})
    enrol_or_update(app, married, actor=ACTOR, on_conflict=OnConflict.UPDATE)

    assert found(app, "okafor")
    assert not found(app, "price")
    with app.store.write() as session:
        session.execute(delete(SearchKey))
        session.execute(update(Patient).values(indexed_by=INDEXED_BY - 1))
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
