"""Who is one patient, who is two, and about whom a person is asked: in the store, as they match."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

import pytest

from followup.domain.errors import Conflict, ContentDiffers
from followup.domain.intake.on_conflict import OnConflict
from followup.enrolment.bulk import enrol_all
from followup.enrolment.enrol import enrol
from followup.enrolment.enrol_or_update import enrol_or_update
from followup.enrolment.same_person import say_two_people
from followup.merging.merge import MergeRequest, merge_patients
from followup.merging.same_person import say_same_person
from followup.merging.undo import undo_merge
from followup.patients.match import match_person
from followup.patients.records import add_patient, read_patient
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from tests.support.apps import messages, rows
from tests.support.people import CLINIC, ENROLLED_AT, PROCEDURE_AT, SMS, nhs_number, person, request

ACTOR = "cli:test"
BORN = date(1947, 3, 12)
BOB = {"name": "Robert Hale", "date_of_birth": BORN, "nhs_number": None, "email": None}
ONE, TWO, ASK = "one", "two", "ask"
OTHER_MOBILE = {"mobile": "+447700900777"}
NUMBER = {"nhs_number": nhs_number(7)}

NO_MOBILE = {"mobile": None, "email": "a@example.com"}
SWAPPED = "9990000581"
"""A valid number of the same digits as the other one."""
MISTYPED = [date(1947, 3, 13), date(1941, 3, 12), date(1947, 12, 3), date(1946, 3, 12),
            date(1974, 3, 12), date(1947, 3, 21), date(1948, 3, 12), date(1977, 3, 12)]  # fmt: skip
CASES: list[tuple[str, Mapping[str, object], Mapping[str, object]]] = [
    # A birth date mistyped, with one name and mobile; and what else may be one of these.
    *((ASK, {}, {"date_of_birth": born}) for born in MISTYPED),
    (ASK, {}, {"date_of_birth": date(1951, 8, 29)}),
    (ASK, {}, {"date_of_birth": date(1941, 3, 12), "name": "Bob Hale"}),
    (ASK, {}, {"date_of_birth": date(1941, 3, 12), "name": "Robert James Hale"}),
    (TWO, {}, {"date_of_birth": date(1972, 8, 29)}),
    (TWO, {}, {"date_of_birth": date(1951, 8, 29), "name": "Mary Hale"}),
    (TWO, {}, {"date_of_birth": date(1947, 3, 13), "name": "Mary Hale"}),
    # One name and a birth date mistyped: whether or not anything else is known of them.
    *(
        (ASK, {**number, **before}, {"date_of_birth": born, **after})
        for number in ({}, NUMBER)
        for born in MISTYPED
        for before, after in (
            ({}, OTHER_MOBILE), ({}, NO_MOBILE), (NO_MOBILE, {}), (NO_MOBILE, {"mobile": None}),
        )
    ),
    (ASK, {"name": "Mr Robert Hale"}, {"date_of_birth": MISTYPED[0], **OTHER_MOBILE}),
    (ASK, {"name": "ROBERT HALE"}, {"date_of_birth": MISTYPED[0], **OTHER_MOBILE}),
    *((TWO, {}, {"date_of_birth": born, **OTHER_MOBILE})
      for born in (date(1951, 8, 29), date(1936, 3, 12), date(1947, 4, 15), date(1974, 12, 3))),
    *((TWO, {}, {"name": name, "date_of_birth": MISTYPED[0], **OTHER_MOBILE})
      for name in ("Roberta Hale", "Robert Fenn", "Robert James Hale")),
    # Two valid numbers are two people, unless the one is the other in another order.
    *((TWO, NUMBER, {"nhs_number": nhs_number(8), "date_of_birth": born, **mobile})
      for born in MISTYPED[:3] for mobile in ({}, OTHER_MOBILE)),
    *((ASK, NUMBER, {"nhs_number": SWAPPED, **changes})
      for changes in ({}, {"date_of_birth": MISTYPED[0]}, {"name": "Bob Hale"})),
    # A short or other form of the given name, of one birthday.
    *(
        (ASK, {"name": f"{full} Hale"}, {"name": f"{short} Hale", **mobile})
        for full, short in (
            ("Robert", "Bob"), ("Elizabeth", "Liz"), ("Margaret", "Peggy"), ("Mohammed", "Mohd"),
            ("Catherine", "Kathryn"), ("Tony", "Anthony"),
        )
        for mobile in ({}, OTHER_MOBILE)
    ),
    # Other spellings that sound alike.
    *(
        (ASK, {"name": f"{one} Hale"}, {"name": f"{other} Hale", **mobile})
        for one, other in (
            ("Alasdair", "Alistair"), ("Catriona", "Katryna"), ("Gwendalyn", "Gwendelin"),
            ("Steven", "Stephen"), ("Shaun", "Sean"), ("Ian", "Iain"), ("Claire", "Clare"),
        )
        for mobile in ({}, OTHER_MOBILE)
    ),
    *((TWO, {"name": f"{one} Hale"}, {"name": f"{other} Hale", **OTHER_MOBILE})
      for one, other in (("Alistair", "Alan"), ("Martin", "Marion"), ("Joan", "Jane"))),
    (ASK, {"name": "Elizabeth Hale"}, {"name": "Liz Fenn"}),
    (TWO, {"name": "Elizabeth Hale"}, {"name": "Liz Fenn", **OTHER_MOBILE}),
    (TWO, {}, {"name": "William Hale"}),
    # Accents and spellings, without a mobile or with another.
    *(
        (ASK, {"name": name, **before}, {"name": again, **after})
        for name, again in (
            ("Zoë Núñez", "Zoe Nunez"), ("Mohamed Hussain", "Mohammed Hussein"),
            ("Łukasz Nowak", "Lukasz Nowak"), ("Jon Smith", "John Smyth"),
            ("Ann Lee-Jones", "Ann Lee Jones"), ("Siân O'Neill", "Oneill Sian"),
        )
        for before, after in (({}, OTHER_MOBILE), ({"mobile": None, "email": "a@example.com"}, {}))
    ),
    (ASK, {}, {"name": "R Hale", **OTHER_MOBILE}),
    (TWO, {}, {"name": "Robert Marchbank", **OTHER_MOBILE}),
    # A number on one side only.
    (ONE, NUMBER, {}),
    (ONE, {}, NUMBER),
    (ASK, NUMBER, {"mobile": None, "email": "a@example.com"}),
    (ASK, NUMBER, {"mobile": None}),
    (ONE, {**NUMBER, "mobile": None}, {"mobile": None}),
    (ONE, {**NUMBER, "email": "A@example.com"}, {"email": "a@example.com", **OTHER_MOBILE}),
    (ASK, NUMBER, OTHER_MOBILE),
    (ASK, {}, {**NUMBER, **OTHER_MOBILE}),
    (ASK, {}, OTHER_MOBILE),
    (ASK, {}, {"mobile": None}),
    (ONE, {"email": "a@example.com"}, {"mobile": None, "email": "A@example.com"}),
    (TWO, NUMBER, {"nhs_number": nhs_number(8), "name": "Bob Hale"}),
    # One number: another surname, a short form or a spelling is hers; another given name is asked.
    *((ONE, NUMBER, {**NUMBER, "name": name}) for name in (
        "Bob Hale", "Robert Fenn", "R Hale", "Robert J Hale", "Hale Robert", "Rupert Robert Hale")),
    *((ASK, NUMBER, {**NUMBER, "name": name}) for name in (
        "Mary Hale", "Roland Hale", "Hale Mary", "William Rupert Hale")),
    # One number: another birth date is a slip, or a namesake's record; a missing one says nothing.
    *((ASK, NUMBER, {**NUMBER, "date_of_birth": born})
      for born in (*MISTYPED[:3], date(1972, 8, 29))),
    *((ASK, {**NUMBER, "mobile": None}, {**NUMBER, "date_of_birth": MISTYPED[1], **mobile})
      for mobile in ({}, OTHER_MOBILE, {"mobile": None})),
    (ONE, NUMBER, {**NUMBER, "date_of_birth": None, **OTHER_MOBILE}),
    # A hyphen, an apostrophe, a space or a title, with one birth date and one number or address.
    *(
        (wanted, {"name": name, **before}, {"name": again, **after})
        for name, again in (
            ("Ann Lee-Jones", "Ann Lee Jones"), ("Anne-Marie Hale", "Annemarie Hale"),
            ("Zoë D'Arcy", "Zoë DArcy"), ("Zoë D'Arcy", "Zoë D Arcy"),
            ("Iain McAllister", "Iain Mc Allister"), ("Pieter van der Berg", "Pieter Vanderberg"),
            ("Robert Hale", "Mr Robert Hale"),
        )
        for wanted, before, after in (
            (ONE, {}, {}), (ONE, NUMBER, {}), (ONE, {}, NUMBER), (ASK, {}, OTHER_MOBILE),
            (ASK, NUMBER, {"nhs_number": nhs_number(8)}),
            (TWO, {}, {"date_of_birth": date(1972, 8, 29)}),
        )
    ),
    *(
        (ONE, {**NUMBER, "name": name}, {**NUMBER, "name": again})
        for name, again in (
            ("Zoë D'Arcy", "Zoe Darcy"), ("Li Wei", "Wei Li"), ("Ann Lee-Jones", "ANN LEE JONES"),
            ("Łukasz Nowak", "Nowak Lukasz"),
        )
    ),
    # One name in other letters or another order is for a person to judge.
    *((ASK, {"name": name, **NUMBER}, {"name": again})
      for name, again in (("Zoë D'Arcy", "Zoe D'Arcy"), ("Li Wei", "Wei Li"))),
    # Junior and senior, and another surname with a mobile that is one digit off.
    *((ASK, {}, {"name": f"Robert Hale {behind}", "date_of_birth": None})
      for behind in ("Jnr", "Sr")),
    (ASK, {"name": "Robert Hale Snr"}, {"name": "Robert Hale Junior"}),
    (TWO, {}, {"name": "Robert Hale Jr", "date_of_birth": date(1972, 8, 29)}),
    (TWO, {}, {"name": "Mary Hale Jr", "date_of_birth": None}),
    *((ASK, {**number, "mobile": "+447700900113"}, {"name": "Robert Fenn", "mobile": mobile})
      for number in ({}, NUMBER)
      for mobile in ("+447700900183", "+447700900131", "+447701900113")),
    *((TWO, {"mobile": "+447700900113"}, {"name": name, "mobile": mobile})
      for name, mobile in (("Robert Fenn", "+447700900184"), ("Mary Fenn", "+447700900183"))),
    (TWO, {"mobile": "+447700900113"},
     {"name": "Robert Fenn", "mobile": "+447700900183", "date_of_birth": MISTYPED[0]}),
]  # fmt: skip


def test_what_two_that_are_sent_come_to(sqlite_app):
    app, wrong = sqlite_app, []
    for wanted, before, after in CASES:
        known, given = (person(1, **{**BOB, **changes}) for changes in (before, after))
        for first, second in ((known, given), (given, known)):
            with app.store.read() as session:
                there = add_patient(session, app.keyring, first, clinic=CLINIC, at=ENROLLED_AT)
                session.flush()
                match = match_person(session, app.keyring, second, clinic=CLINIC)
                found = ONE if match.patient is there else ASK if match.alike is there else TWO
                session.rollback()
            if found != wanted:
                both = [
                    (one.name, str(one.date_of_birth), one.nhs_number, one.mobile)
                    for one in (first, second)
                ]
                wrong.append((wanted, found, both))

    assert not wrong, "\n".join(map(str, wrong))


def questions(app):
    return [one for one in rows(app, WorklistItem) if one.kind == "same-person"]


def send(app, place, *changes):
    """Enrol somebody of these details for a procedure of another day each time."""
    at = PROCEDURE_AT.replace(day=PROCEDURE_AT.day - 3 * place)
    details = {key: value for each in (BOB, *changes) for key, value in each.items()}
    return enrol(
        app,
        request(1, reference=f"R{place}", procedure_at=at, channels=(SMS,), **details),
        actor=ACTOR,
    )


TWIN = {**NUMBER, "name": "Mary Hale"}


def test_a_twin_under_the_wrong_number_is_held_and_renames_nobody(sqlite_app):
    app = sqlite_app
    send(app, 0, NUMBER)

    made = send(app, 1, TWIN)

    assert made.held
    assert {one.state for one in messages(app, made.enrolment_id)} <= {"held", "expired"}
    people = [read_patient(one, app.keyring) for one in rows(app, Patient)]
    assert [(one.name, one.nhs_number) for one in people] == [
        ("Robert Hale", nhs_number(7)), ("Mary Hale", None),
    ]  # fmt: skip
    assert not send(app, 1, TWIN).created
    say_two_people(app, questions(app)[0].id, actor="web:a")
    # Who sends the wrong number again is asked again, about the twin who is there by now.
    assert send(app, 2, TWIN).held
    assert len(rows(app, Patient)) == 2


def test_a_new_given_name_that_was_judged_is_not_asked_about_again(sqlite_app):
    app = sqlite_app
    send(app, 0, NUMBER)
    send(app, 1, TWIN)
    [item] = questions(app)

    survivor = say_same_person(app, item.id, actor="web:a").survivor_id

    assert not send(app, 2, TWIN).held
    with app.store.read() as session:
        kept = read_patient(session.get_one(Patient, survivor), app.keyring)
    assert (kept.name, kept.nhs_number) == ("Robert Hale", nhs_number(7))


def test_another_given_name_without_a_birthday_is_refused(sqlite_app):
    send(sqlite_app, 0, NUMBER)

    with pytest.raises(Conflict, match="another given name"):
        send(sqlite_app, 1, TWIN, {"date_of_birth": None})


def test_two_of_one_name_and_birthday_are_told_apart_by_how_they_are_reached(sqlite_app):
    app = sqlite_app
    send(app, 0, NUMBER)
    assert send(app, 1, OTHER_MOBILE).held
    say_two_people(app, questions(app)[0].id, actor="web:a")

    for place, mobile in ((2, {}), (3, OTHER_MOBILE)):
        assert not send(app, place, mobile).held
    assert len(rows(app, Patient)) == 2
    with pytest.raises(Conflict, match="give the NHS number"):
        send(app, 4, {"mobile": "+447700900778"})


def test_two_of_one_name_and_birthday_without_a_number_are_kept_apart_and_changed_alone(sqlite_app):
    app = sqlite_app
    send(app, 0)
    other = send(app, 1, OTHER_MOBILE)
    assert other.held
    [item] = questions(app)
    say_two_people(app, item.id, actor="web:a")

    again = request(
        1, reference="R1", procedure_at=PROCEDURE_AT.replace(day=PROCEDURE_AT.day - 3),
        channels=(SMS,), **{**BOB, "mobile": "+447700900779"},
    )  # fmt: skip
    changed = enrol_or_update(app, again, actor=ACTOR, on_conflict=OnConflict.UPDATE)

    assert changed.updated == ("patient.mobile",)
    people = sorted(read_patient(one, app.keyring).mobile for one in rows(app, Patient))
    assert people == ["+447700900001", "+447700900779"]
    assert not send(app, 2, {"mobile": "+447700900779"}).held
    # Somebody else without an identity is not in the way of an undo.
    send(app, 3, {"name": "Mary Fenn"})
    send(app, 4, {"name": "Mary Fenn"}, OTHER_MOBILE)
    assert [one.patient_id for one in rows(app, Enrolment)].count(item.patient_id) == 2

    wanted = MergeRequest(
        survivor_id=UUID(item.detail["alike"]), duplicate_id=item.patient_id, reason="one person"
    )
    undo_merge(app, merge_patients(app, wanted, actor=ACTOR).merge_id, actor=ACTOR)

    assert not [one for one in rows(app, Patient) if one.merged_into]


@pytest.mark.parametrize(
    ("known", "given"),
    [("Alasdair Hale", "Alistair Hale"), ("Bill Hale", "William Hale"), ("Siân Hale", "Sian Hale")],
)
def test_another_form_of_the_name_under_one_reference_is_a_correction_that_is_asked_about(
    sqlite_app, known, given
):
    send(sqlite_app, 0, {"name": known})

    with pytest.raises(ContentDiffers, match="another name"):
        send(sqlite_app, 0, {"name": given})

    assert len(rows(sqlite_app, Patient)) == 1


@pytest.mark.parametrize("other", [{"name": "Mary Hale"}, {"name": "Rupert Hale"}])
def test_another_person_under_one_reference_is_refused(sqlite_app, other):
    send(sqlite_app, 0)

    with pytest.raises(Conflict, match="of another patient"):
        send(sqlite_app, 0, other)


@pytest.mark.parametrize("changed", [OTHER_MOBILE, {"date_of_birth": MISTYPED[1]}])
def test_of_the_same_procedure_another_birth_date_or_mobile_is_a_correction(sqlite_app, changed):
    send(sqlite_app, 0, NUMBER)
    corrected = {**BOB, **NUMBER, **changed, "nhs_number": NUMBER["nhs_number"]}
    if changed is OTHER_MOBILE:
        corrected["nhs_number"] = None

    with pytest.raises(ContentDiffers, match=next(iter(changed))):
        enrol(sqlite_app, request(1, reference=None, channels=(SMS,), **corrected), actor=ACTOR)

    assert len(rows(sqlite_app, Patient)) == 1


def test_in_one_list_too(app):
    sent = (
        BOB,
        {**BOB, "date_of_birth": MISTYPED[0]},
        {**BOB, "name": "Bob Hale", **OTHER_MOBILE},
        {**BOB, "name": "Mary Fenn", "date_of_birth": MISTYPED[1]},
    )
    wanted = [
        request(1, reference=f"R{place}", channels=(SMS,), **who) for place, who in enumerate(sent)
    ]

    made = enrol_all(app, wanted, actor=ACTOR)

    assert [one.held for one in made] == [False, True, True, False]
