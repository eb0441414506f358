"""Names of CSV cells, as lists write them: surname first, in capitals, with a title, spoilt.

Stored is the name as one would write it by hand. A name in letters of both kinds is right as it
stands; its words in capitals alone are how lists mark a surname.
"""

from __future__ import annotations

import re
from itertools import takewhile

from followup.domain.identity import TITLES

SPOILT = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]")
"""A letter beyond ASCII that was saved as UTF-8 and opened as something else: Ã©."""
TITLE = rf"(?:{'|'.join(sorted(TITLES))})\.?"
IN_BRACKETS = re.compile(rf"\s*\({TITLE}\)", re.IGNORECASE)
PARTICLES = frozenset({"van", "von", "der", "den", "de", "la", "le", "bin", "ibn", "al", "el"})
AS_THEY_ARE = re.compile(r"I{2,3}|IV|[CMO]BE")
INITIALS = 2
"""So many capitals beside small letters, or without a vowel, are initials: JP Smith."""
VOWEL = re.compile("[aeiouy]", re.IGNORECASE)
FIRST_LETTER = re.compile("(?:^[^\\W\\d_]['\N{RIGHT SINGLE QUOTATION MARK}]|^|-)[^\\W\\d_]")
AFTER_MC = re.compile(r"(?<=Mc)[a-z](?=[a-z]{2})")
AFTER_SMALL = re.compile(r"(?<=[a-z])[A-Z]{2,}")


def as_name(cell: str) -> str:
    """Return a name with the given names first, in letters of both kinds, without its title.

    A title stays where only one word is left beside it. What has two commas is left as it is.
    """
    text = IN_BRACKETS.sub("", _unspoilt(cell))
    surname, _, given = (part.strip() for part in text.partition(","))
    if "," in given:
        return text
    words = _untitled(f"{given} {surname}" if surname and given else text)
    written = "".join(words)
    if written in {written.upper(), written.lower()}:
        last = len(words) - 1
        return " ".join(_in_both(word, place, last=last) for place, word in enumerate(words))
    if not given:
        words = _surname_last(words)
    return " ".join("-".join(map(_beside_small, word.split("-"))) for word in words)


def _untitled(name: str) -> list[str]:
    words = name.split()
    bare = [word for word in words if word.lower().rstrip(".") not in TITLES]
    return bare if len(bare) > 1 else words


def _surname_last(words: list[str]) -> list[str]:
    """Return the words of `SMITH John` as those of `John SMITH`."""
    marked = len(list(takewhile(_is_marked, words)))
    return [*words[marked:], *words[:marked]]


def _is_marked(word: str) -> bool:
    return word.isupper() and len(word) > INITIALS and AS_THEY_ARE.fullmatch(word) is None


def _beside_small(word: str) -> str:
    """Return a word of a name that has letters of both kinds: SMITH and McALLISTER are surnames."""
    if _is_marked(word):
        return _capitalised(word)
    return AFTER_SMALL.sub(lambda run: run[0].capitalize(), word)


def _in_both(word: str, place: int, *, last: int) -> str:
    """Return a word of a name that has letters of one kind."""
    are_initials = len(word) <= INITIALS and place < last and not VOWEL.search(word)
    if are_initials or AS_THEY_ARE.fullmatch(word):
        return word.upper()
    return word.lower() if place and word.lower() in PARTICLES else _capitalised(word)


def _capitalised(word: str) -> str:
    """Return Smith-Jones, O'Connor and McAllister."""
    first = FIRST_LETTER.sub(lambda found: found[0].upper(), word.lower())
    return AFTER_MC.sub(lambda letter: letter[0].upper(), first)


def _unspoilt(text: str) -> str:
    if SPOILT.search(text) is None:
        return text
    try:
        return b"".join(map(_byte, text)).decode()
    except UnicodeError:
        return text


def _byte(letter: str) -> bytes:
    # Five bytes mean nothing in Windows' code page, and are kept as they are.
    return letter.encode("latin-1" if "\x80" <= letter <= "\x9f" else "cp1252")
