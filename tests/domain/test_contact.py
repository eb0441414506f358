"""Mobile numbers, e-mail addresses and NHS numbers: taken, refused, and masked."""

from __future__ import annotations

import itertools
import re
from random import Random

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from followup.domain import contact
from followup.domain.contact import (
    mask_email,
    mask_mobile,
    mask_name,
    mask_nhs_number,
    parse_email,
    parse_mobile,
    parse_nhs_number,
    spoken_mobile,
)
from followup.domain.errors import InvalidInput

# How some keyboards of the Far East write letters and digits.
FULL_WIDTH = {letter: letter + 0xFEE0 for letter in range(ord("!"), ord("~") + 1)}
DRAMA = st.integers(0, 999).map(lambda last: f"+447700900{last:03}")


def refusal(parse, text, **choices) -> str:
    with pytest.raises(InvalidInput) as refused:
        parse(text, **choices)
    (problem,) = refused.value.problems
    return problem.message


def attempt(parse, text) -> str | InvalidInput:
    try:
        return parse(text)
    except InvalidInput as refused:
        return refused


# ---------------------------------------------------------------------------- mobile


@pytest.mark.parametrize(
    "written",
    [
        "07700900123",
        "07700 900 123",
        " 07700-900-123 ",
        "(07700) 900.123",
        "7700900123",
        "447700900123",
        "00447700900123",
        "+44 7700 900123",
        "+44 (0)7700 900123",
        "07700 900123".translate(FULL_WIDTH),
        "\N{LEFT-TO-RIGHT EMBEDDING}+44 7700 900123\N{POP DIRECTIONAL FORMATTING}",
        "07700\N{NO-BREAK SPACE}900\N{NON-BREAKING HYPHEN}123",
        "07700 900\N{EN DASH}123",
        "07700 900\N{MINUS SIGN}123",
    ],
)
def test_a_mobile_is_taken_however_people_write_it(written):
    assert parse_mobile(written) == "+447700900123"


@pytest.mark.parametrize(
    "number",
    ["+447911123456", "+447797712345", "+447624123456", "+353861234567", "+12025550123"],
    ids=["GB", "Jersey", "Isle of Man", "Ireland", "United States"],
)
def test_a_mobile_of_another_place_is_taken(number):
    assert parse_mobile(number) == number


def test_a_national_number_is_that_of_the_clinics_country():
    assert parse_mobile("086 123 4567", region="IE") == "+353861234567"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "this is empty: give a mobile number, or leave it out"),
        ("\N{LEFT-TO-RIGHT MARK}  ", "this is empty"),
        ("n/a", "not one phone number: write it in digits"),
        ("07700 900123 ext 5", "not one phone number"),
        ("07700 900123 / 07700 900124", "not one phone number"),
        ("07700 900123 07700 900124", "not one phone number"),
        ("0800 FLOWERS", "not one phone number"),
        ("+", "not one phone number"),
        ("()", "not one phone number"),
        ("+999 123 456 789", "not one phone number"),
        ("07700 90012", "too short: check that no digit is missing"),
        ("999", "too short"),
        ("07700 900 1234", "too long: check that no digit was typed twice"),
        ("01752 437706", "can't take texts: give a mobile number, or leave it out"),
        ("0800 123 4567", "can't take texts"),
        ("070 1234 5678", "can't take texts"),
        ("07640 123456", "can't take texts"),
        ("07690 123456", "no such number is in use: check it"),
        ("0611 111 1111", "no such number is in use: check it"),
    ],
)
def test_what_is_no_mobile_is_refused_with_what_to_do(written, says):
    assert says in refusal(parse_mobile, written)


def test_the_numbers_for_drama_are_taken_and_their_unused_neighbours_are_not():
    assert parse_mobile("07700 900000") == "+447700900000"
    assert parse_mobile("07700 900999") == "+447700900999"
    assert "no such number is in use" in refusal(parse_mobile, "07700 901000")


@given(DRAMA, st.sampled_from([PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL]))
def test_a_number_comes_back_from_each_way_of_writing_it(e164, written_as):
    written = phonenumbers.format_number(phonenumbers.parse(e164), written_as)

    assert parse_mobile(written) == e164
    assert parse_mobile(parse_mobile(written)) == e164


REFUSED_MOBILES = (
    "", "n/a", "999", "07700 900 1234", "01752 437706", "0611 111 1111", "wife 07700 900123",
    "07700 900123 / 07700 900124", "07700 900123 (work)",
)  # fmt: skip
"""One for each way of being no mobile number."""


@given(st.text())
def test_whatever_is_typed_gives_an_e164_number_or_a_refusal_that_does_not_repeat_it(text):
    outcome = attempt(parse_mobile, text)

    if isinstance(outcome, InvalidInput):
        (problem,) = outcome.problems
        assert problem.field == "patient.mobile"
        # Fixed sentences. `text` may well be in one of them, as "number" is.
        assert problem.message in {refusal(parse_mobile, one) for one in REFUSED_MOBILES}
    else:
        assert re.fullmatch(r"\+[1-9]\d{7,14}", outcome)
        assert parse_mobile(outcome) == outcome


# ---------------------------------------------------------------------------- e-mail


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada.King@EXAMPLE.com\n", "Ada.King@example.com"),
        ("ada@clinic.test", "ada@clinic.test"),
        ("ada+clinic@example.co.uk", "ada+clinic@example.co.uk"),
        ("ada@münchen.example.de", "ada@xn--mnchen-3ya.example.de"),
        ("ada@example.com\N{ZERO WIDTH SPACE}", "ada@example.com"),
        ("ada@example.com".translate(FULL_WIDTH), "ada@example.com"),
    ],
)
def test_an_address_is_taken_and_normalised(written, address):
    assert parse_email(written) == address
    assert parse_email(address) == address


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@localhost",
        "ada@example.com, bob@example.com",
        "Ada King <ada@example.com>",
        "ada king@example.com",
        "ada@example,com",
        "ada@example.com.",
        "ada@[127.0.0.1]",
        "ädä@example.com",
        "ada@example.com\nBcc: all@example.com",
    ],
)
def test_what_is_no_address_is_refused_with_how_to_write_one(written):
    assert (
        refusal(parse_email, written)
        == "this is not an e-mail address: write it as name@example.com, or leave it out"
    )


# ---------------------------------------------------------------------------- NHS number


def check_digit(nine: str) -> int | None:
    """Work out modulus 11 as the NHS Data Dictionary tells it; None where it gives 10."""
    total = sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True))
    return {11: 0, 10: None}.get(11 - total % 11, 11 - total % 11)


def numbers_from(first: int, last: int) -> st.SearchStrategy[str]:
    """Return valid numbers between two, of which only nine digits count."""
    nine = st.integers(first // 10, last // 10).map(lambda number: f"{number:09}")
    right = nine.filter(lambda digits: check_digit(digits) is not None)
    return right.map(lambda digits: f"{digits}{check_digit(digits)}").filter(
        lambda number: len(set(number)) > 1
    )


@pytest.mark.parametrize(
    "written",
    ["9990000018", "999 000 0018", "999-000-0018", " 9990000018 ", "9 9 9 0000018"],
)
def test_an_nhs_number_is_taken_however_people_write_it(written):
    assert parse_nhs_number(written) == "9990000018"


@given(
    st.one_of(
        numbers_from(3_000_000_000, 4_999_999_999),
        numbers_from(6_000_000_000, 7_999_999_999),
        numbers_from(9_990_000_000, 9_999_999_999),
    )
)
def test_every_valid_number_of_a_range_in_use_is_taken(number):
    assert parse_nhs_number(number) == number


@given(
    st.one_of(
        numbers_from(0, 99_999_999),
        numbers_from(5_000_000_000, 5_999_999_999),
        numbers_from(8_000_000_000, 8_999_999_999),
    )
)
def test_no_number_of_a_range_that_is_not_in_use_is_taken(number):
    assert "no NHS number like this was ever issued" in refusal(parse_nhs_number, number)


@given(numbers_from(4_000_000_000, 4_999_999_999), st.integers(0, 9), st.integers(1, 9))
def test_one_mistyped_digit_is_always_noticed(number, place, by):
    wrong = f"{number[:place]}{(int(number[place]) + by) % 10}{number[place + 1 :]}"

    with pytest.raises(InvalidInput):
        parse_nhs_number(wrong)


@given(numbers_from(4_000_000_000, 4_999_999_999), st.integers(0, 8))
def test_two_digits_that_changed_places_are_always_noticed(number, place):
    swapped = f"{number[:place]}{number[place + 1]}{number[place]}{number[place + 2 :]}"
    assume(swapped != number)

    with pytest.raises(InvalidInput):
        parse_nhs_number(swapped)


def test_a_number_of_scotland_begins_with_a_date_of_birth():
    assert parse_nhs_number("0101010001") == "0101010001"
    assert "was ever issued" in refusal(parse_nhs_number, "0113010001")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "this is not an NHS number: it has ten digits, as 999 000 0018"),
        ("999000001", "it has ten digits"),
        ("99900000180", "it has ten digits"),
        ("AB 123456 C", "it has ten digits"),
        ("999000001²x", "it has ten digits"),
        ("9990000019", "enter a valid NHS number"),
        ("9991234560", "enter a valid NHS number"),
        ("9999999999", "one digit ten times stands for none: leave the number out"),
        ("0000000000", "one digit ten times stands for none: leave the number out"),
    ],
)
def test_what_is_no_nhs_number_is_refused_with_what_to_do(written, says):
    assert says in refusal(parse_nhs_number, written)


# ---------------------------------------------------------------------------- fields


@pytest.mark.parametrize(
    ("parse", "field"),
    [
        (parse_mobile, "patient.mobile"),
        (parse_email, "patient.email"),
        (parse_nhs_number, "patient.nhs_number"),
    ],
)
def test_a_refusal_names_the_field_that_the_caller_gave(parse, field):
    for named, choices in ((field, {}), ("line 7.contact", {"field": "line 7.contact"})):
        with pytest.raises(InvalidInput) as refused:
            parse("x", **choices)
        assert refused.value.problems[0].field == named


# ---------------------------------------------------------------------------- masks


def test_masks_show_just_enough_to_recognise_someone_by():
    assert mask_mobile("+447700900123") == "07… …123"
    assert mask_mobile("+353861234567") == "+… …567"
    assert mask_email("ada.king@gmail.com") == "a…@gmail.com"
    assert mask_email("ada@king-family.co.uk") == "a…@….uk"
    assert mask_nhs_number("9990000018") == "… …018"
    assert mask_name("Ada King Lovelace") == "A… L…"
    assert mask_name("Ada") == "A…"
    assert mask_name("  ") == "…"
    assert mask_name("E\N{COMBINING ACUTE ACCENT}mile Ng") == "É… N…"


@given(st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True))
def test_a_masked_number_shows_its_last_three_digits_and_no_others(number):
    shown = "".join(re.findall(r"\d", mask_mobile(number).removeprefix("07")))

    assert shown == number[-3:]


@given(st.from_regex(r"[0-9]{10}", fullmatch=True))
def test_a_masked_nhs_number_shows_its_last_three_digits_and_no_others(number):
    assert "".join(re.findall(r"\d", mask_nhs_number(number))) == number[-3:]


@given(st.emails())
def test_a_masked_address_shows_one_letter_of_the_person_and_no_domain_of_their_own(address):
    local, _, domain = address.rpartition("@")

    masked = mask_email(address)

    assert masked.partition("…")[0] == local[:1]
    assert masked == f"{local[:1]}…@….{domain.rpartition('.')[2]}"


@given(st.lists(st.from_regex(r"[A-Za-z]{2,12}", fullmatch=True), max_size=4))
def test_a_masked_name_shows_at_most_two_letters_which_never_stand_together(words):
    masked = mask_name(" ".join(words))

    letters = [letter for letter in masked if letter.isalpha()]
    assert len(letters) <= 2
    assert not any(pair.isalpha() for pair in map("".join, itertools.pairwise(masked)))
    assert letters == [word[0] for word in (words[:1] + words[1:][-1:])]


@pytest.mark.parametrize(
    ("number", "spoken"),
    [("+447700900123", "07700 900123"), ("+33612345678", "+33 6 12 34 56 78")],
    ids=["british", "foreign"],
)
def test_a_number_is_grouped_for_reading_out(number: str, spoken: str):
    assert spoken_mobile(number) == spoken


def test_what_is_read_without_the_library_is_what_the_library_reads(monkeypatch):
    shuffled = Random(7)
    digits = ("".join(shuffled.choices("0123456789", k=9)) for _ in range(300))
    written = [f"{start}7{nine[:3]} {nine[3:]}" for nine in digits for start in ("0", "+44 ")]

    quick = [_read(each) for each in written]
    monkeypatch.setattr(contact, "USUAL_MOBILE", re.compile("(?!)"))

    assert quick == [_read(each) for each in written]
    assert len(set(quick)) > 100


def _read(text: str) -> str | None:
    try:
        return contact.parse_mobile(text)
    except InvalidInput:
        return None
