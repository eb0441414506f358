"""Identity of a person by name: what is one name however it is written, and what is nearly one.

Theatre lists, booking systems and people at a desk write one name in several ways. What only looks
different is folded; what is nearly alike is for a person to judge.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import permutations

APOSTROPHES = re.compile(
    "[\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
    "\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}"
    "\N{MODIFIER LETTER TURNED COMMA}\N{MODIFIER LETTER REVERSED COMMA}"
    "\N{MODIFIER LETTER PRIME}\N{PRIME}\N{ACUTE ACCENT}\N{GRAVE ACCENT}"
    "\N{ARMENIAN APOSTROPHE}\N{LATIN SMALL LETTER SALTILLO}\N{FULLWIDTH APOSTROPHE}]"
)
DASHES = re.compile("[\N{HYPHEN}-\N{HORIZONTAL BAR}\N{MINUS SIGN}]")
# Letters that have no accent to take off and are written without their stroke all the same.
STROKES = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "\N{LATIN SMALL LETTER DOTLESS I}": "i", "æ": "ae"}
)

MOST_WORDS = 5
"""So many words of a name are tried in every order."""
TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "rev", "sir", "dame"})
GENERATIONS = frozenset({"jr", "jnr", "junior", "sr", "snr", "senior"})
"""What stands behind a surname, and is none."""


def fold_name(name: str) -> str:
    """Return a name as it is compared: equal for all ways to write one name.

    That is without regard to case, composed or decomposed accents, forms of the apostrophe and the
    hyphen, spaces, and the order where a comma follows the surname ("O'NEILL, SIÂN").
    """
    plain = name.replace("`", "'").casefold() if name.isascii() else _fold_letters(name)
    surname, comma, given = plain.partition(",")
    if comma and surname.strip() and given.strip() and "," not in given:
        plain = f"{given} {surname}"
    return " ".join(re.sub(r"\s*(['-])\s*", r"\1", plain).split())


def _fold_letters(name: str) -> str:
    # Before compatibility forms: of an acute accent by itself they make a space with an accent.
    plain = DASHES.sub("-", APOSTROPHES.sub("'", name))
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", plain).casefold())
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")


def names_alike(one: str, other: str) -> bool:
    """Say whether two names that are not the same may be one person's.

    Accents, apostrophes or hyphens left out, the surname first without a comma, a middle name left
    out, or one letter off.
    """
    first, second = name_words(one), name_words(other)
    few, many = sorted((set(first), set(second)), key=len)
    if len(few) > 1 and few <= many:
        return True
    return any(
        is_one_letter_off("".join(left), "".join(right))
        for left, right in ((first, second), (sorted(first), sorted(second)))
    )


def may_be_renamed(one: str, other: str) -> bool:
    """Say whether one person may have had both names: surname or given name changed, not both."""
    shared = set(without_titles(one)) & set(without_titles(other))
    return names_alike(one, other) or any(len(word) > 1 for word in shared)


def without_titles(name: str) -> list[str]:
    """Return the words of a name as `name_words` does, without Mrs or Dr, and Jnr at its end."""
    words = [word for word in name_words(name) if word not in TITLES]
    return words[:-1] if len(words) > 2 and words[-1] in GENERATIONS else words  # noqa: PLR2004 - two names


def fold_untitled(name: str) -> str:
    """Return a name as `fold_name` does, without Mrs or Dr."""
    return " ".join(word for word in fold_name(name).split() if word.rstrip(".") not in TITLES)


def letters_of(name: str) -> str:
    """Return the letters of a name with their accents and in their order, without its title."""
    return re.sub("[ '-]", "", fold_untitled(name))


def name_words(name: str) -> list[str]:
    """Return the words of a name in plain letters: no case, accent, apostrophe or hyphen."""
    apart = unicodedata.normalize("NFKD", fold_name(name))
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return re.sub("[^\\w ]", "", bare.replace("-", " ")).translate(STROKES).split()


def name_begins(name: str, beginnings: Sequence[str]) -> bool:
    """Say whether words of a name begin so, in any order: `j smith`, or run together `smithj`.

    The beginnings are in plain letters, as `name_words` returns them.
    """
    words = name_words(name)[:MOST_WORDS]
    if len(beginnings) == 1:
        orders = permutations(words)
        return any(word.startswith(beginnings[0]) for word in words) or any(
            "".join(order).startswith(beginnings[0]) for order in orders
        )
    return any(
        all(map(str.startswith, order, beginnings))
        for order in permutations(words, len(beginnings))
    )


def is_one_letter_off(one: str, other: str) -> bool:
    """Say whether at most one letter is changed, added, left out, or swapped with its neighbour."""
    same = next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )
    left, right = one[same:], other[same:]
    swapped = left[:2] == right[1::-1] and left[2:] == right[2:]
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]
