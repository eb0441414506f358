"""Names as they come in: what is one person's name, and how one would write it by hand.

Whoever sends a name, it is read here: a list, a form, the API or a hospital's system.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

from followup.domain.errors import InvalidInput
from followup.domain.identity import TITLES

TWO_PEOPLE = (
    "this may name more than one person: enter each patient separately, under their own name (on a "
    "list, one row for each patient)"
)
NOT_THEIRS = "this says whose relative somebody is: write the patient's own name"
NO_NAME = (
    "this holds more than a name, or none: write the patient's name alone, and leave out a row "
    "that is nobody's"
)
LOST = (
    "letters of this name were lost or changed on the way: write the name again, and save a list "
    "as CSV UTF-8"
)
OF_ONE_PERSON = frozenset({"mr", "mrs", "ms", "miss", "mx"})
"""Titles of which nobody has two; a doctor may be Mrs as well."""
TOGETHER = re.compile(
    r"[&+/\\;|]|(?<=\s)and(?=\s)|\b(?:twins?|triplets?|family|messrs)\b|(?-i:(?<=\s)or(?=\s))",
    re.IGNORECASE,
)
_RELATION = (
    "(?:baby|infant|newborn|child|son|daughter|mother|mum|father|dad|wife|husband|widow|partner|"
    "parent|carer|guardian)"
)
SUSPECT = re.compile(
    rf"[^a-z' -]|\b(?:and|or|of|twins?|triplets?|family|messrs|baby|{'|'.join(OF_ONE_PERSON)})\b",
    re.IGNORECASE | re.ASCII,
)
"""What nearly no name has: only where there is some of it, a name is looked at more closely."""
RELATIVE = re.compile(
    rf"\b{_RELATION}\s+(?:(?:boy|girl)\s+)?of\b|\bbaby\s+(?:boy|girl)\b|\({_RELATION}\b",
    re.IGNORECASE,
)
NOTE = re.compile(
    r"\b(?:do not|don'?t|dnr|(?-i:DNA|NBM|RIP|TBC|UTA)|patients|[ap]m list|deceased|"
    r"cancel+ed|postponed|interpreter|wheelchair|allerg\w+|as above|ditto|unknown|see notes?)\b",
    re.IGNORECASE,
)
"""What lists have beside a name, or in its place."""
NO_LETTERS = "?¿¡§¶¦†‡‰•…\N{REPLACEMENT CHARACTER}"
LEFT_OVER = re.compile("(?<=[a-z])[ÂÃÄÅ]")
"""The first half of a letter whose other half was lost."""
SIGNS = frozenset({"So", "Sm", "Sc", "No"})
"""Kinds of characters that stand in no name, but for letters that were read by the wrong table."""

MISREAD = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]")
"""A letter beyond ASCII that was saved as UTF-8 and opened as something else: Ã©."""
LETTERS_BEYOND = re.compile(
    "[\u00c0-\u017f\u0218-\u021b\u1e00-\u1eff\u2010-\u2014\u2018\u2019\N{NO-BREAK SPACE}]"
)
"""What such a letter can have been, in a name in Latin letters."""

PARTICLES = frozenset(
    {"van", "von", "der", "den", "'t", "de", "la", "le", "bin", "ibn", "al", "el"}
)
AS_THEY_ARE = re.compile(r"I{2,3}|IV|[CMO]BE")
INITIALS = 2
"""So many capitals beside small letters, or without a vowel, are initials: JP Smith."""
VOWELS = frozenset("aeiouy")
FIRST_LETTER = re.compile("(?:^[^\\W\\d_]['\N{RIGHT SINGLE QUOTATION MARK}]|^|-)[^\\W\\d_]")
AFTER_MC = re.compile(r"(?<=Mc)[a-z](?=[a-z]{2})")
AFTER_SMALL = re.compile(r"(?<=[a-z])[A-Z]{2,}")


def written_name(text: str) -> str:
    """Return one person's name as one writes it by hand: without title, no capitals throughout.

    Raises `InvalidInput` for what is no name of one person, or has lost letters.
    """
    name = " ".join(mended(text).split())
    if fault := name_fault(name):
        raise InvalidInput.of("name", fault)
    return in_letters_of_both_kinds(untitled(name))


def name_fault(name: str) -> str | None:
    """Return why a name can't be that of one person, and what to write."""
    if NOTE.search(name):
        return NO_NAME
    if SUSPECT.search(name) is None:
        return None
    titles = [word for word in name.lower().replace(".", " ").split() if word in OF_ONE_PERSON]
    if TOGETHER.search(name) or len(titles) > 1:
        return TWO_PEOPLE
    if RELATIVE.search(name):
        return NOT_THEIRS
    return LOST if LEFT_OVER.search(name) or any(map(_is_no_letter, name)) else None


def _is_no_letter(sign: str) -> bool:
    return sign in NO_LETTERS or (not sign.isascii() and unicodedata.category(sign) in SIGNS)


def mended(text: str) -> str:
    """Return a text with the letters that programs wrote otherwise, where that is certain.

    `SiÃ¢n` can only be Siân, and `O&#39;Neill` O'Neill.
    """
    if "&" in text and ";" in text:
        text = html.unescape(text)
    if MISREAD.search(text) is None:
        return text
    try:
        found = b"".join(map(_byte, text)).decode()
    except UnicodeError:
        return text
    beyond = (letter for letter in found if not letter.isascii())
    return found if all(map(LETTERS_BEYOND.match, beyond)) else text


def _byte(letter: str) -> bytes:
    # Five bytes mean nothing in Windows' code page, and are kept as they are.
    return letter.encode("latin-1" if "\x80" <= letter <= "\x9f" else "cp1252")


def untitled(name: str) -> list[str]:
    """Return the words of a name without its title, which stays beside a single word."""
    words = name.split()
    bare = [word for word in words if word.lower().rstrip(".") not in TITLES]
    return bare if len(bare) > 1 else words


def in_letters_of_both_kinds(words: Sequence[str]) -> str:
    """Return the words of a name in capitals throughout, or in none, as one would write it.

    A name in letters of both kinds is right as it stands, but for words in capitals alone, which
    is how lists mark a surname.
    """
    written = "".join(words)
    if written in {written.upper(), written.lower()}:
        last = len(words) - 1
        return " ".join(_in_both(word, place, last=last) for place, word in enumerate(words))
    return " ".join("-".join(map(_beside_small, word.split("-"))) for word in words)


def is_marked(word: str) -> bool:
    """Say whether a word beside small letters is in capitals because it is a surname."""
    return word.isupper() and len(word) > INITIALS and AS_THEY_ARE.fullmatch(word) is None


def _beside_small(word: str) -> str:
    """Return a word of a name that has letters of both kinds: SMITH and McALLISTER are surnames."""
    if is_marked(word):
        return _capitalised(word)
    return AFTER_SMALL.sub(lambda run: run[0].capitalize(), word)


def _in_both(word: str, place: int, *, last: int) -> str:
    """Return a word of a name that has letters of one kind."""
    if place and word.lower() in PARTICLES:
        return word.lower()
    are_initials = (
        len(word) <= INITIALS
        and place < last
        and VOWELS.isdisjoint(unicodedata.normalize("NFD", word.lower()))
    )
    if are_initials or AS_THEY_ARE.fullmatch(word):
        return word.upper()
    return _capitalised(word)


def _capitalised(word: str) -> str:
    """Return Smith-Jones, O'Connor and McAllister."""
    first = FIRST_LETTER.sub(lambda found: found[0].upper(), word.lower())
    return AFTER_MC.sub(lambda letter: letter[0].upper(), first)
