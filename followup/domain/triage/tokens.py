"""A text that came in as words: without case, accents, signs and hidden characters, slips mended.

Nothing is thrown away that could be a word: where a text holds characters that cannot be seen, it
is read twice, once as if they parted words and once as if they did not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations

LONGEST_WORD = 24
"""A longer run of letters is no word that could be misspelt."""
ONE_SLIP, TWO_SLIPS = 5, 8
"""From so many letters on, a word may hold one slip or two: shorter ones would become others."""

_APOSTROPHES = re.compile("['’‘`\u00b4\u02bc\uff07]")
_WITHIN = re.compile(r"(?<=\w)'(?=\w)")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+")
_RUN = re.compile(r"(.)\1{2,}")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written, what it may be read as, and the signs that stand before it."""

    written: str
    readings: frozenset[str]
    before: str


def readings_of(text: str) -> tuple[str, ...]:
    """Return the one or two ways to read a text that may hold characters nobody can see."""
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("'", text).casefold())
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    parted = "".join(" " if _is_hidden(sign) else sign for sign in plain)
    joined = "".join(sign for sign in plain if not _is_hidden(sign))
    return (parted,) if parted == joined else (parted, joined)


def _is_hidden(sign: str) -> bool:
    # Line breaks part words as spaces do; all other controls, emoji and their joiners may not.
    return sign not in "\n\r\t" and unicodedata.category(sign) in {
        "Cc", "Cf", "Cn", "Co", "Cs", "So", "Sk",
    }  # fmt: skip


class Speller:
    """Finds the known words that a written one may stand for."""

    def __init__(self, known: Iterable[str], *, ordinary: Collection[str]) -> None:
        """Take the words to look for, and those that are right as they stand."""
        self._known = frozenset(known)
        self._ordinary = frozenset(ordinary)
        self._near: dict[str, set[str]] = {}
        for word in self._known:
            for shorter in _shortened(word, _slips(word)):
                self._near.setdefault(shorter, set()).add(word)

    def words(self, text: str) -> list[Word]:
        """Return the words of one reading of a text, in order."""
        plain, found, end = _WITHIN.sub("", text), [], 0
        known: dict[str, frozenset[str]] = {}
        for match in _TOKEN.finditer(plain):
            written = match.group()
            before = plain[end : match.start()].replace(" ", "")
            if written not in known:
                known[written] = self._readings(written)
            found.append(Word(written, known[written], before))
            end = match.end()
        return found

    def _readings(self, written: str) -> frozenset[str]:
        if written in self._known or written in self._ordinary:
            return frozenset({written})
        shorter = {_RUN.sub(r"\1\1", written), _RUN.sub(r"\1", written)}
        if exact := shorter & self._known:
            return frozenset({written, *exact})
        return frozenset({written, *self._meant(written)})

    def _meant(self, written: str) -> set[str]:
        if not ONE_SLIP - 1 <= len(written) <= LONGEST_WORD:
            return set()
        near: set[str] = set()
        for shorter in _shortened(written, 2 if len(written) >= TWO_SLIPS - 1 else 1):
            near |= self._near.get(shorter, set())
        return {word for word in near if _is_slip(written, word)}


def _slips(word: str) -> int:
    if len(word) >= TWO_SLIPS:
        return 2
    return 1 if len(word) >= ONE_SLIP else 0


def _shortened(word: str, slips: int) -> set[str]:
    """Return the word and what is left of it after up to so many letters are taken out."""
    places = range(len(word))
    return {word} | {
        "".join(word[place] for place in places if place not in taken)
        for count in range(1, slips + 1)
        for taken in combinations(places, count)
    }


def _is_slip(written: str, word: str) -> bool:
    same_start = written[0] == word[0] or written[:2] == word[1::-1]
    return same_start and distance(written, word) <= _slips(word)


def distance(one: str, other: str) -> int:
    """Return how many letters were left out, added, changed or swapped with the next."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            swapped = i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted
            row.append(min(cost, earlier[j - 2] + 1) if swapped else cost)
    return row[-1]
