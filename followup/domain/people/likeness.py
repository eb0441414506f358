"""Likeness of two people: whether a careful person would ask if they are one.

Never joined for it, only asked about. Families share a telephone, a surname, and twins a birthday:
these alone are no likeness.
"""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Protocol

from followup.domain.identity import (
    fold_untitled,
    is_one_letter_off,
    letters_of,
    may_be_renamed,
    name_words,
    names_alike,
    without_titles,
)
from followup.domain.people.given_names import are_forms_of_one

GENERATION = 15
"""So many years apart two of one name and telephone are parent and child."""
LONG_ENOUGH = 4
"""Shorter names that are one letter apart are two names: Tim and Tom."""
SOUNDS = str.maketrans(
    "aeiouybfpvcgjkqsxzdtlmnr", "000000" + "1111" + "22222222" + "33" + "4" + "55" + "6", "hw"
)
"""What letters sound like: digits, none for those that are hardly heard."""


class Described(Protocol):
    """What of somebody is compared; the mobile is E.164."""

    @property
    def name(self) -> str | None: ...

    @property
    def date_of_birth(self) -> date | None: ...

    @property
    def mobile(self) -> str | None: ...

    @property
    def email(self) -> str | None: ...


def is_one_written_otherwise(known: Described, given: Described) -> bool:
    """Say whether two are one person, in spite of a hyphen, an apostrophe, a space or a title.

    That is with one birth date and one number or address.
    """
    return (
        known.name is not None
        and given.name is not None
        and known.date_of_birth is not None
        and known.date_of_birth == given.date_of_birth
        and contacts_agree(known, given)
        and letters_of(known.name) == letters_of(given.name)
    )


def may_be_one(known: Described, given: Described) -> bool:
    """Say whether two who have not two different NHS numbers may be one person."""
    if not (known.name and given.name):
        return False
    one, other = known.date_of_birth, given.date_of_birth
    share_mobile = known.mobile is not None and known.mobile == given.mobile
    same_birthday = one is not None and one == other
    if same_birthday and share_mobile:
        return may_be_one_person(known.name, given.name) or _sound_alike(known.name, given.name)
    nearly = one is not None and other is not None and is_nearly_birthday(one, other)
    if not (same_birthday or share_mobile):
        # However they are reached: of whom little is known, a mistyped birth date is the likeliest.
        return nearly and fold_untitled(known.name) == fold_untitled(given.name)
    if same_birthday or one is None or other is None or nearly:
        return is_one_name_in_two_forms(known.name, given.name) or (
            same_birthday
            and (
                _is_renamed_with_nearly_one_mobile(known, given)
                or _sound_alike(known.name, given.name)
            )
        )
    of_one_age = abs(one.year - other.year) < GENERATION
    return of_one_age and sorted(name_words(known.name)) == sorted(name_words(given.name))


def may_be_one_person(one: str, other: str) -> bool:
    """Say whether two names of one birthday and mobile may be one person's.

    Alike, or the given names are forms of one; or a word is the same and the given names begin with
    the same letter: cut short, an initial, another surname. Twins whose names begin alike are asked
    about, too.
    """
    if given_names_agree(one, other):
        return True
    initials = {name[:1] for each in (one, other) for name in without_titles(each)[:1]}
    return may_be_renamed(one, other) if len(initials) == 1 else names_alike(one, other)


def given_names_agree(one: str, other: str) -> bool:
    """Say whether the given name of one may be a given name of the other: Bob, or A., or cut."""
    if names_alike(one, other):
        return True
    first, second = _given(one), _given(other)
    return any(_are_akin(first[0], name) for name in second if first) or any(
        _are_akin(second[0], name) for name in first if second
    )


def is_nearly_birthday(one: date, other: date) -> bool:
    """Say whether one date is the other, mistyped.

    One digit wrong, two neighbouring ones swapped, day and month swapped, or a day or a year off.
    """
    swapped = (one.year, one.month, one.day) == (other.year, other.day, other.month)
    same_day = (one.month, one.day) == (other.month, other.day)
    return (
        swapped
        or (same_day and abs(one.year - other.year) == 1)
        or abs((one - other).days) == 1
        or is_one_letter_off(f"{one:%Y%m%d}", f"{other:%Y%m%d}")
        or is_one_letter_off(f"{one:%d%m%Y}", f"{other:%d%m%Y}")
    )


def numbers_agree(one: str | None, other: str | None) -> bool:
    """Say whether two valid NHS numbers may be one person's.

    That is where one is missing, or where they have the same digits in another order.
    """
    return not (one and other) or sorted(one) == sorted(other)


def contacts_agree(known: Described, given: Described) -> bool:
    """Say whether two people are reached under one number or address."""
    return any(one == other for one, other in _contacts(known, given))


def is_reached_alike(known: Described, given: Described) -> bool:
    """Say whether two people are reached under one number or address, or neither under any."""
    addresses = (known.mobile, known.email, given.mobile, given.email)
    return contacts_agree(known, given) or not any(addresses)


def _contacts(known: Described, given: Described) -> list[tuple[str, str]]:
    pairs = [(known.mobile, given.mobile), (known.email, given.email)]
    return [(one.casefold(), other.casefold()) for one, other in pairs if one and other]


def _is_renamed_with_nearly_one_mobile(known: Described, given: Described) -> bool:
    """Say whether the given name is the same, and one digit of the mobile is not."""
    one, other = _given(known.name or ""), _given(given.name or "")
    if not (known.mobile and given.mobile and one and other):
        return False
    return one[0] == other[0] and is_one_letter_off(known.mobile, given.mobile)


def is_one_name_in_two_forms(one: str, other: str) -> bool:
    """Say whether names are alike, or surnames are (nearly) the same and given names forms of one.

    Of whom nothing more is known, another surname or another name of the same initial is somebody
    else.
    """
    if names_alike(one, other):
        return True
    first, second = without_titles(one), without_titles(other)
    if len(first) <= 1 or len(second) <= 1:
        return False
    surnames_fit = first[-1] == second[-1] or (
        min(len(first[-1]), len(second[-1])) >= LONG_ENOUGH
        and is_one_letter_off(first[-1], second[-1])
    )
    return (surnames_fit or are_forms_of_one(first[-1], second[-1])) and given_names_agree(
        one, other
    )


def _sound_alike(one: str, other: str) -> bool:
    """Say whether the surname is the same, and the given names sound alike: Alasdair, Alistair.

    Names of few consonants sound like many others.
    """
    first, second = without_titles(one), without_titles(other)
    sounds = {_sound(words[0]) for words in (first, second) if len(words) > 1}
    return first[-1:] == second[-1:] and len(sounds) == 1 and min(map(len, sounds)) >= LONG_ENOUGH


def _sound(word: str) -> str:
    """Return a word as Soundex hears it, to its end and whichever letter its first sound has.

    https://www.archives.gov/research/census/soundex
    """
    heard = [sound for sound, _ in groupby(word.translate(SOUNDS))]
    return "".join(heard[:1] + [sound for sound in heard[1:] if sound != "0"])


def _given(name: str) -> list[str]:
    words = without_titles(name)
    return words[:-1] or words


def _are_akin(one: str, other: str) -> bool:
    """Say whether two words may be one given name: the same, cut short, an initial, mistyped."""
    short, long = sorted((one, other), key=len)
    return (
        long.startswith(short)
        or are_forms_of_one(one, other)
        or (len(short) >= LONG_ENOUGH and is_one_letter_off(one, other))
    )
