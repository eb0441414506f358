"""One person, one patient: however a name was written, and a person is asked where it is unsure."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from sqlalchemy import delete, update

from followup.consent.objections import lodge_objection
from followup.domain.errors import Conflict, InvalidInput
from followup.enrolment.bulk import enrol_all
from followup.enrolment.enrol import enrol
from followup.enrolment.pause import resume_enrolment
from followup.enrolment.same_person import say_two_people
from followup.enrolment.withdraw import withdraw_enrolment
from followup.merging.same_person import say_same_person
from followup.merging.undo import undo_merge
from followup.patients.index_people import index_people
from followup.patients.records import read_patient
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Objection, Patient, SearchKey
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import close_item
from tests.support.apps import actions, messages, rows, tick
from tests.support.people import PROCEDURE_AT, nhs_number, request

ACTOR = "cli:test"
BORN = date(1949, 8, 3)
DAY = timedelta(days=1)
SIAN = {"nhs_number": None, "name": "Siân O'Neill", "date_of_birth": BORN}
LATER = {"reference": "LATER", "procedure_at": PROCEDURE_AT - 3 * DAY}


def people(app):
    return [read_patient(one, app.keyring) for one in rows(app, Patient)]


def questions(app):
    return [one for one in rows(app, WorklistItem) if one.kind == "same-person"]


def known(app, **changes):
    """Enrol her once, and then somebody who is sent with these details."""
    enrol(app, request(1, **SIAN), actor=ACTOR)
    return enrol(app, request(1, **{**SIAN, **changes}, **LATER), actor=ACTOR)


# ---------------------------------------------------------------------------- the same


@pytest.mark.parametrize(
    "name",
    [
        "Siân O\N{RIGHT SINGLE QUOTATION MARK}Neill",
        "Siân O\N{LEFT SINGLE QUOTATION MARK}Neill",
        "Siân O\N{MODIFIER LETTER APOSTROPHE}Neill",
        "Siân O`Neill",
        "Sia\N{COMBINING CIRCUMFLEX ACCENT}n O'Neill",
        "  SIÂN   O'NEILL ",
        "Siân\N{NO-BREAK SPACE}O' Neill",
        "O'NEILL, SIÂN",
        "o\N{MODIFIER LETTER APOSTROPHE}neill ,  sia\N{COMBINING CIRCUMFLEX ACCENT}n",
        "Siân\N{ZERO WIDTH SPACE} O'Neill",
        "Siân ONeill",
        "Mrs Siân O Neill",
    ],
    ids=["right quote", "left quote", "U+02BC", "grave", "decomposed", "spaces and case",
         "no-break space", "surname first", "all of it", "zero width", "no apostrophe", "title"],
)  # fmt: skip
def test_one_name_written_in_another_way_is_one_patient(app, name):
    made = known(app, name=name)

    assert made.created
    assert not made.held
    assert [each.name for each in people(app)] == ["Siân O'Neill"]
    assert "patient.changed" not in actions(app)


@pytest.mark.parametrize("first_with", [True, False], ids=["number first", "number later"])
def test_with_and_without_an_nhs_number_it_is_one_patient_if_name_and_birthday_are(app, first_with):
    numbers = [nhs_number(7), None]
    first, second = numbers if first_with else reversed(numbers)

    enrol(app, request(1, **{**SIAN, "nhs_number": first}), actor=ACTOR)
    enrol(app, request(1, **{**SIAN, "nhs_number": second}, **LATER), actor=ACTOR)

    [person] = people(app)
    assert person.nhs_number == nhs_number(7)
    assert questions(app) == []


def test_once_a_number_was_added_both_find_the_patient(app):
    enrol(app, request(1, **SIAN), actor=ACTOR)
    for place, number in enumerate((nhs_number(7), None, nhs_number(7))):
        later = {"reference": f"R{place}", "procedure_at": PROCEDURE_AT - (place + 1) * DAY}
        enrol(app, request(1, **{**SIAN, "nhs_number": number}, **later), actor=ACTOR)

    assert len(people(app)) == 1


def test_in_one_file_too(app):
    wanted = [
        request(1, **SIAN),
        request(1, **{**SIAN, "name": "O\N{RIGHT SINGLE QUOTATION MARK}NEILL, SIÂN"}, **LATER),
        request(2),
    ]

    enrol_all(app, wanted, actor=ACTOR)

    assert len(people(app)) == 2


@pytest.mark.parametrize("enrolling", ["one", "many"])
def test_of_two_who_come_at_once_with_and_without_a_number_one_patient_is_made(app, enrolling):
    both = Barrier(2)
    wanted = [
        request(1, **{**SIAN, "nhs_number": nhs_number(7)}),
        request(1, **{**SIAN, "name": "O'NEILL, SIÂN"}, **LATER),
    ]

    def enrol_at_once(each):
        both.wait()
        if enrolling == "many":
            return enrol_all(app, [each, request(int(each.reference == "LATER") + 20)], actor=ACTOR)
        return enrol(app, each, actor=ACTOR)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(enrol_at_once, wanted))

    found = [each for each in people(app) if each.date_of_birth == BORN]
    assert [each.nhs_number for each in found] == [nhs_number(7)]


# --------------------------------------------------------------------- a person is asked


@pytest.mark.parametrize(
    "name",
    ["Sian O'Neill", "O'Neill Siân", "Sian Mary ONeill", "Siân O'Neil",
     "Siâm O'Neill", "Sinâ O'Neill", "S O'Neill", "Siân Marchbank"],
    ids=["no accent", "surname first", "middle name", "letter left out",
         "letter wrong", "letters swapped", "initial", "another surname"],
)  # fmt: skip
def test_who_is_nearly_alike_is_held_and_a_person_asked(app, name):
    made = known(app, name=name)
    tick(app)

    assert made.held
    assert {one.state for one in messages(app, made.enrolment_id)} <= {"held", "expired"}
    [item] = questions(app)
    assert (item.enrolment_id, item.detail["cause"]) == (made.enrolment_id, "nearly-alike")
    assert len(people(app)) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Mary O'Neill"},
        {"name": "Sian O'Neill", "date_of_birth": BORN + DAY, "mobile": "+447700900888"},
    ],
    ids=["a twin", "another birthday and number"],
)
def test_who_is_less_alike_than_that_is_somebody_else(app, changes):
    made = known(app, **changes)

    assert not made.held
    assert questions(app) == []
    assert len(people(app)) == 2


def test_two_numbers_and_nearly_one_name_are_two_people(app):
    enrol(app, request(1, **{**SIAN, "nhs_number": nhs_number(7)}), actor=ACTOR)
    made = enrol(
        app,
        request(1, **{**SIAN, "name": "Sian O'Neill", "nhs_number": nhs_number(8)}, **LATER),
        actor=ACTOR,
    )

    assert not made.held


def test_two_numbers_and_the_very_same_name_and_birthday_are_asked_about(app):
    enrol(app, request(1, **{**SIAN, "nhs_number": nhs_number(7)}), actor=ACTOR)
    made = enrol(app, request(1, **{**SIAN, "nhs_number": nhs_number(8)}, **LATER), actor=ACTOR)

    assert made.held
    assert len(questions(app)) == 1


def test_a_number_of_somebody_quite_different_is_refused(app):
    enrol(app, request(1, **{**SIAN, "nhs_number": nhs_number(7)}), actor=ACTOR)
    other = {"name": "Mary Other", "date_of_birth": BORN + DAY, "nhs_number": nhs_number(7)}

    with pytest.raises(Conflict, match="another name and another date of birth"):
        enrol(app, request(1, **other, **LATER), actor=ACTOR)

    assert [each.name for each in people(app)] == ["Siân O'Neill"]


def test_of_two_with_one_name_and_birthday_the_number_must_say_which(app):
    enrol(app, request(1, **{**SIAN, "nhs_number": nhs_number(7)}), actor=ACTOR)
    enrol(app, request(1, **{**SIAN, "nhs_number": nhs_number(8)}, **LATER), actor=ACTOR)
    third = {"reference": "THIRD", "procedure_at": PROCEDURE_AT - 9 * DAY}

    with pytest.raises(Conflict, match="give the NHS number"):
        enrol(app, request(1, **SIAN, **third), actor=ACTOR)


def test_a_second_procedure_of_somebody_who_is_asked_about_is_held_as_well(app):
    known(app, name="Sian O'Neill")
    again = {"reference": "THIRD", "procedure_at": PROCEDURE_AT - 9 * DAY}

    made = enrol(app, request(1, **{**SIAN, "name": "Sian O'Neill"}, **again), actor=ACTOR)

    assert made.held
    assert len(questions(app)) == 1


def test_nothing_lets_it_go_before_the_question_is_answered(app):
    made = known(app, name="Sian O'Neill")
    [item] = questions(app)

    with pytest.raises(Conflict, match="whether it is the same person"):
        resume_enrolment(app, made.enrolment_id, actor=ACTOR)
    with pytest.raises(Conflict, match="whether it is the same person"):
        close_item(app, item.id, outcome="not-needed", actor=ACTOR)


# ------------------------------------------------------------------------- the answers


def test_two_people_go_on_by_themselves(app):
    made = known(app, name="Sian O'Neill")
    [item] = questions(app)

    to_come = say_two_people(app, item.id, actor="web:a")

    assert to_come > 0
    assert {one.state for one in messages(app, made.enrolment_id)} <= {"planned", "expired"}
    [item] = questions(app)
    assert (item.state, item.outcome) == ("closed", "two-people")
    with pytest.raises(Conflict, match="closed already"):
        say_same_person(app, item.id, actor="web:a")


def test_the_same_person_goes_on_under_the_record_that_was_there_and_is_taken_back_for_a_day(app):
    made = known(app, name="Sian ONeill", mobile="+447700900001", email="new@example.com")
    [item] = questions(app)
    held = {one.id: one.state for one in messages(app, made.enrolment_id)}

    merged = say_same_person(app, item.id, actor="web:a")

    found = {one.reference: one for one in rows(app, Enrolment)}
    assert {one.patient_id for one in found.values()} == {merged.survivor_id}
    assert {one.state for one in found.values()} == {"active"}
    assert found["LATER"].id == made.enrolment_id
    kept = next(one for one in rows(app, Patient) if one.id == merged.survivor_id)
    assert read_patient(kept, app.keyring).name == "Siân O'Neill"
    assert read_patient(kept, app.keyring).email == "new@example.com"
    assert {one.reason for one in messages(app, made.enrolment_id)} >= {"newer-procedure"}

    undo_merge(app, merged.merge_id, actor="web:a")

    assert {one.id: one.state for one in messages(app, made.enrolment_id)} == held
    [item] = questions(app)
    assert (item.state, item.patient_id) == ("open", merged.duplicate_id)
    kept = next(one for one in rows(app, Patient) if one.id == merged.survivor_id)
    assert read_patient(kept, app.keyring).email != "new@example.com"


def test_where_two_numbers_contradict_each_other_whoever_merges_them_says_which_is_right(app):
    enrol(app, request(1, **{**SIAN, "nhs_number": nhs_number(7)}), actor=ACTOR)
    enrol(app, request(1, **{**SIAN, "nhs_number": nhs_number(8)}, **LATER), actor=ACTOR)
    [item] = questions(app)

    with pytest.raises(InvalidInput, match="two NHS numbers"):
        say_same_person(app, item.id, actor="web:a")

    assert questions(app)[0].state == "open"


def test_a_spelling_that_was_judged_is_not_asked_about_again(app):
    known(app, name="Sian ONeill")
    [item] = questions(app)
    survivor = say_same_person(app, item.id, actor="web:a").survivor_id
    third = {"reference": "THIRD", "procedure_at": PROCEDURE_AT - 9 * DAY}

    made = enrol(app, request(1, **{**SIAN, "name": "Sian ONeill"}, **third), actor=ACTOR)

    assert not made.held
    with app.store.read() as session:
        assert session.get_one(Enrolment, made.enrolment_id).patient_id == survivor


def test_the_same_row_again_finds_the_enrolment_where_it_went(app):
    known(app, name="Sian ONeill")
    [item] = questions(app)
    say_same_person(app, item.id, actor="web:a")

    again = enrol(app, request(1, **{**SIAN, "name": "Siân O'Neill"}, **LATER), actor=ACTOR)

    assert not again.created


def test_one_procedure_that_came_twice_is_one_again(app):
    enrol(app, request(1, **SIAN), actor=ACTOR)
    later = {"reference": "B", "procedure_at": PROCEDURE_AT + timedelta(minutes=20)}
    enrol(app, request(1, **{**SIAN, "name": "Sian ONeill"}, **later), actor=ACTOR)
    [item] = questions(app)

    say_same_person(app, item.id, actor="web:a")

    [one] = [each for each in rows(app, Enrolment) if each.state == "active"]
    ended = next(each for each in rows(app, Enrolment) if each.id != one.id)
    assert ended.merged_into == one.id


def test_objections_of_both_are_kept(app):
    known(app, name="Sian ONeill")
    [item] = questions(app)
    app.store.transact(
        lambda session: lodge_objection(
            session,
            app.by("web:a"),
            patient=session.get_one(Patient, item.patient_id),
            channel=None,
            source="staff",
        )
    )

    survivor = say_same_person(app, item.id, actor="web:a").survivor_id

    assert survivor in {one.patient_id for one in rows(app, Objection)}
    assert not [one for one in messages(app) if one.state == "planned"]
    assert tick(app) == 0


def test_of_a_patient_who_died_meanwhile_nothing_of_either_record_is_sent(app):
    known(app, name="Sian ONeill")
    [item] = questions(app)
    first = next(one for one in rows(app, Enrolment) if one.id != item.enrolment_id)
    withdraw_enrolment(app, first.id, reason="died", actor=ACTOR, deceased=True)

    say_same_person(app, item.id, actor="web:a")

    assert {one.state for one in messages(app)} <= {"cancelled", "expired"}


# --------------------------------------------------------------- patients of before this


def as_before(app, **indexes):
    """Make of all patients such as were written before names were folded."""
    with app.store.write() as session:
        session.execute(
            update(Patient).values(person_index=None, likeness_index=None, indexed_by=0, **indexes)
        )
        session.execute(delete(SearchKey))


def test_patients_of_before_are_indexed_by_a_job_and_found(app):
    enrol(app, request(1, **SIAN), actor=ACTOR)
    as_before(app, identity_index=b"by the letters of before")

    assert index_people(app) == 1
    assert index_people(app) == 0

    enrol(app, request(1, **{**SIAN, "name": "O'NEILL, SIÂN"}, **LATER), actor=ACTOR)
    assert len(people(app)) == 1


def test_two_that_were_made_of_one_before_are_left_as_they_are(app):
    enrol(app, request(1, **SIAN), actor=ACTOR)
    enrol(app, request(1, **{**SIAN, "name": "Mary Other"}, **LATER), actor=ACTOR)
    before = {one.id: one.identity_index for one in rows(app, Patient)}
    other = next(one for one in rows(app, Patient) if is_mary(app, one))
    with app.store.write() as session:
        written = session.get_one(Patient, other.id)
        sealer = app.keyring.patient(written.data_key, written.master_key_id)
        written.name_sealed = sealer.seal("O'Neill, Siân", column="patients.name")
    as_before(app)

    assert index_people(app) == 2

    assert {one.id: one.identity_index for one in rows(app, Patient)} == before
    assert len({one.person_index for one in rows(app, Patient)}) == 1


def is_mary(app, patient):
    return read_patient(patient, app.keyring).name == "Mary Other"


def test_before_the_job_has_come_by_a_plain_name_is_found(app):
    enrol(app, request(1, **{**SIAN, "name": "Ada Lovelace"}), actor=ACTOR)
    as_before(app)

    enrol(app, request(1, **{**SIAN, "name": "ADA  LOVELACE"}, **LATER), actor=ACTOR)

    assert len(people(app)) == 1
