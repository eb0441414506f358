"""Names as they are compared: what is one name, and what is nearly one."""

from __future__ import annotations

import pytest

from followup.domain.identity import fold_name, names_alike
from followup.domain.intake.on_conflict import OnConflict
from followup.domain.people.likeness import may_be_one_person


@pytest.mark.parametrize(
    "written",
    [
        "Zoë D'Arcy",
        "ZOË D\N{RIGHT SINGLE QUOTATION MARK}ARCY",
        "Zoe\N{COMBINING DIAERESIS} D\N{MODIFIER LETTER APOSTROPHE}Arcy",
        "Zoë  D\N{ACUTE ACCENT}Arcy",
        "D'ARCY, ZOË",
        "Zoë D\N{PRIME} Arcy",
        "Zo\N{SOFT HYPHEN}ë D'Arcy",
    ],
    ids=["plain", "capitals", "decomposed", "acute", "comma", "prime", "soft hyphen"],
)
def test_ways_to_write_one_name_are_one_name(written):
    assert fold_name(written) == "zoë d'arcy"


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Anne\N{EN DASH}Marie Lee", "anne-marie lee"),
        ("Anne - Marie Lee", "anne-marie lee"),
        ("Lee, Ann, MBE", "lee, ann, mbe"),
        ("Lee,", "lee,"),
        (", Ann", ", ann"),
        ("Straße", "strasse"),
        ("", ""),
    ],
    ids=["dash", "spaced hyphen", "two commas", "no given name", "no surname", "sharp s", "empty"],
)
def test_what_is_not_a_surname_and_a_given_name_keeps_its_order(written, folded):
    assert fold_name(written) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë D'Arcy", "Zoe DArcy"),
        ("Łukasz Nowak", "Lukasz Nowak"),
        ("Ann Lee-Jones", "Ann Lee Jones"),
        ("Ann Lee", "Lee Ann"),
        ("Ann Mary Lee", "Ann Lee"),
        ("Ann Lee", "Anne Lee"),
        ("Ann Lee", "An Lee"),
        ("Ann Lee", "Amn Lee"),
        ("Brian Lee", "Brain Lee"),
        ("Ann Lee", "Ann Leek"),
    ],
)
def test_names_that_may_be_one_persons(one, other):
    assert names_alike(one, other)
    assert names_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann Lee", "Mary Lee"), ("Ann Lee", "Ann Long"), ("Ann", "Ann Lee"), ("Ann Lee", "Enn Leek")],
)
def test_names_of_two_people(one, other):
    assert not names_alike(one, other)
    assert not names_alike(other, one)


def test_each_choice_asks_for_what_those_before_it_do():
    assert OnConflict.REOPEN.allows(OnConflict.UPDATE)
    assert OnConflict.UPDATE.allows(OnConflict.UPDATE)
    assert not OnConflict.UPDATE.allows(OnConflict.REOPEN)
    assert not OnConflict.REFUSE.allows(OnConflict.UPDATE)
    assert not OnConflict.REOPEN.allows(None)


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("Mr T Hale", "Thomas Hale", True),
        ("Adam Hale", "Adele Hale", True),
        ("Lucy Hale", "Lucy Fenn", True),
        ("Siân Hale", "Sian Hale", True),
        ("Ann Hale", "Mary Hale", False),
        ("Ann Hale", "Amy Fenn", False),
        ("Mr Hale", "Mrs Fenn", False),
    ],
)
def test_names_of_one_birthday_and_mobile_are_asked_about_unless_they_are_of_two(
    one, other, wanted
):
    assert may_be_one_person(one, other) is wanted
    assert may_be_one_person(other, one) is wanted
