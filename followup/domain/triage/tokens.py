"""A text that came in as words: without case, accents, signs and hidden characters, slips mended.

Nothing is thrown away that could be a word: where a text holds characters that cannot be seen, it
is read twice, once as if they parted words and once as if they did not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

LONGEST_WORD = 24
"""A longer run of letters is no word that could be misspelt."""
MANY = 5
ONE_SLIP, TWO_SLIPS = 5, 9
"""From so many letters on, a word may hold one slip or two: shorter ones would become others."""

_APOSTROPHES = re.compile("['’‘`\u00b4\u02bc\uff07]")
_WITHIN = re.compile(r"(?<=\w)'(?=\w)")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-‐‑](?=[^\W\d_])")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+")
_RUN = re.compile(r"(.)\1{2,}")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written, what it may be read as, and the signs before it and after it."""

    written: str
    readings: frozenset[str]
    before: str
    after: str = ""

    @property
    def number(self) -> float | None:
        """The value of a word that is a number."""
        return float(self.written) if _NUMBER.fullmatch(self.written) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Homophone:
    """A word that is heard for another one: "week" for "weak".

    It counts as the other one unless a word of `not_after` stands before it or one of `not_before`
    behind it; where there are words in `only_after`, one of them must stand before it.
    """

    written: str
    heard: str
    only_after: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    not_before: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """How words become others by rule.

    `negatives` gives each verb its negative ("can": "cant"), which is read from the verb with any
    of `endings` (cannae, cannot) or with a word of `apart` behind it (can not). `variants` are
    other spellings of one word, `pictures` the emoji that stand for words. A whole number from 5 on
    is read as `fiveormore` too, unless one of `measures` follows.
    """

    negatives: Mapping[str, str] = field(default_factory=dict)
    endings: tuple[str, ...] = ()
    apart: frozenset[str] = frozenset()
    variants: Mapping[str, frozenset[str]] = field(default_factory=dict)
    homophones: tuple[Homophone, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    measures: frozenset[str] = frozenset()


_MARKS = frozenset("^`")
"""The signs of ASCII that stand for accents, and hide as those do."""


def readings_of(text: str) -> tuple[str, ...]:
    """Return the one or two ways to read a text that may hold characters nobody can see."""
    if text.isascii() and text.isprintable() and not _MARKS.intersection(text):
        return (_APOSTROPHES.sub("'", text).casefold(),)
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


NO_FORMS = Forms()


class Speller:
    """Finds the known words that a written one may stand for."""

    def __init__(
        self,
        known: Iterable[str],
        *,
        ordinary: Collection[str],
        listed: Collection[str] = (),
        forms: Forms = NO_FORMS,
    ) -> None:
        """Take the words to look for, and those that are right as they stand.

        Those that are `listed` are right as well where nothing that is looked for is as near.
        """
        self._forms = forms
        self._listed = frozenset(listed)
        self._known = frozenset(known)
        self._ordinary = frozenset(ordinary)
        self._negated = {
            verb + ending: negative
            for verb, negative in forms.negatives.items()
            for ending in forms.endings
        }
        self._homophones: dict[str, list[Homophone]] = {}
        for one in forms.homophones:
            self._homophones.setdefault(one.written, []).append(one)
        self._read_once = lru_cache(maxsize=8192)(self._readings)
        mixed = sorted((one for one in forms.variants if not one.isalpha()), key=len, reverse=True)
        # "b4" and "w/o" would fall apart into letters and signs.
        spellings = "|".join(map(re.escape, mixed)) or r"\Z."
        self._mixed = re.compile(rf"(?<!\w)(?:{spellings})(?!\w)")

    @cached_property
    def _near(self) -> Mapping[str, set[str]]:
        """The known words by what is left of them without a letter or two."""
        near: dict[str, set[str]] = {}
        for word in self._known:
            for shorter in _shortened(word, _slips(word)):
                near.setdefault(shorter, set()).add(word)
        return near

    def pictured(self, text: str) -> str:
        """Return the text with the emoji that stand for words written out."""
        for picture, word in self._forms.pictures.items():
            if picture in text:
                text = text.replace(picture, f" {word} ")
        return text

    def words(self, text: str) -> list[Word]:
        """Return the words of one reading of a text, in order."""
        plain = _HYPHEN.sub(" ", _WITHIN.sub("", text))
        plain = self._mixed.sub(lambda match: min(self._forms.variants[match.group()]), plain)
        found, end = list[Word](), 0
        known: dict[str, frozenset[str]] = {}
        matches = list(_TOKEN.finditer(plain))
        for place, match in enumerate(matches):
            written = match.group()
            before = plain[end : match.start()].replace(" ", "")
            end = match.end()
            following = matches[place + 1].start() if place + 1 < len(matches) else len(plain)
            after = plain[end:following].replace(" ", "")
            if written[0].isdecimal():
                written = _ascii(written)
                found.append(Word(written, frozenset({written}), before, after))
                continue
            if written not in known:
                known[written] = self._read_once(written)
            found.append(Word(written, known[written], before, after))
        return self._heard(self._counted(_with_numbers(self._joined(found))))

    def _counted(self, words: list[Word]) -> list[Word]:
        for place, word in enumerate(words):
            value = word.number
            if value is None or value < MANY or value != int(value):
                continue
            following = words[place + 1].written if place + 1 < len(words) else ""
            if following not in self._forms.measures:
                readings = word.readings | {"fiveormore"}
                words[place] = Word(word.written, readings, word.before, word.after)
        return words

    def _joined(self, words: Sequence[Word]) -> list[Word]:
        """Return the words with "can not" and "don t" as one: the negative of the verb."""
        joined: list[Word] = []
        for word in words:
            negative = self._negative_of(joined[-1], word) if joined else None
            if negative is None:
                joined.append(word)
            else:
                verb = joined.pop()
                written = f"{verb.written} {word.written}"
                joined.append(Word(written, frozenset({negative, "not"}), verb.before, word.after))
        return joined

    def _negative_of(self, verb: Word, word: Word) -> str | None:
        if word.before or word.written not in self._forms.apart:
            return None
        # Of "don t" the apostrophe was lost.
        whole = verb.written + word.written
        return self._forms.negatives.get(verb.written) or self._negated.get(whole)

    def _heard(self, words: list[Word]) -> list[Word]:
        """Return the words with what may have been heard for another word read as that too."""
        for place, word in enumerate(words):
            for one in self._homophones.get(word.written, ()):
                before = words[place - 1].readings if place else frozenset({"^"})
                behind = words[place + 1].readings if place + 1 < len(words) else frozenset({"$"})
                is_number = place > 0 and words[place - 1].number is not None
                if one.only_after and not before & one.only_after:
                    continue
                if before & one.not_after or behind & one.not_before:
                    continue
                if is_number and one.not_after:
                    continue
                readings = words[place].readings | {one.heard}
                words[place] = Word(word.written, readings, word.before, word.after)
        return words

    def _readings(self, written: str) -> frozenset[str]:
        readings = {written} | self._forms.variants.get(written, frozenset())
        if negative := self._negated.get(written):
            readings.add(negative)
        if len(readings) > 1 or written in self._known or written in self._ordinary:
            return frozenset(readings)
        shorter = {_RUN.sub(r"\1\1", written), _RUN.sub(r"\1", written)}
        if exact := shorter & self._known:
            return frozenset({written, *exact})
        bare, whole = written[:-1], written + "g"
        if written.endswith("s") and (bare in self._known or bare in self._forms.variants):
            # "Backs locked" is what is left of "back's locked".
            return frozenset({written, bare}) | self._forms.variants.get(bare, frozenset())
        if written.endswith("in") and (whole in self._known or whole in self._ordinary):
            return frozenset({written, written + "g"})
        meant = self._meant(written)
        if not meant and written.endswith("in") and written + "g" in self._listed:
            # Not of the words that are looked for: "ridin" is no slip of any of them.
            meant = {written + "g"}
        return frozenset({written, *meant})

    def _meant(self, written: str) -> set[str]:
        if not ONE_SLIP - 1 <= len(written) <= LONGEST_WORD:
            return set()
        near: set[str] = set()
        for shorter in _shortened(written, 2 if len(written) >= TWO_SLIPS - 1 else 1):
            near |= self._near.get(shorter, set())
        return {word for word in near if _is_slip(written, word)}


_UNITS = {
    "zero": 0, "oh": 0, "nought": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13,
    "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
_DIGIT = 10


def _ascii(written: str) -> str:
    digits = "".join(str(int(sign)) if sign.isdecimal() else "." for sign in written)
    return digits if len(digits) <= LONGEST_WORD else digits[:LONGEST_WORD]


def _with_numbers(words: Sequence[Word]) -> list[Word]:
    """Return the words with numbers that were spelt out or dictated in figures.

    "thirty eight point five", "38 point 5" and "38 and a half" are 38.5. A single "one" to
    "nineteen" stays a word: "the other one".
    """
    found: list[Word] = []
    place = 0
    while place < len(words):
        text, used = _number_at(words, place)
        if not used:
            found.append(words[place])
            place += 1
            continue
        first, last = words[place], words[place + used - 1]
        found.append(Word(text, frozenset({text}), first.before, last.after))
        place += used
    return found


def _number_at(words: Sequence[Word], place: int) -> tuple[str, int]:
    """Return the number that begins here and how many words it takes: more than one, or none."""
    whole, used = _whole_at(words, place)
    if not used:
        return "", 0
    said = [word.written for word in words[place + used : place + used + 3]]
    if said[:1] == ["point"] and (digits := [_digit(one) for one in said[1:3]])[:1] != [""]:
        fraction = "".join(digits[: 2 if all(digits) else 1])
        return f"{whole}.{fraction}", used + 1 + len(fraction)
    if said == ["and", "a", "half"]:
        return f"{whole}.5", used + 3
    small = used == 1 and words[place].written in _UNITS
    is_figure = words[place].number is not None
    return ("", 0) if small or (is_figure and used == 1) else (str(whole), used)


def _digit(written: str) -> str:
    value = _UNITS.get(written)
    if value is not None and value < _DIGIT:
        return str(value)
    return written if len(written) == 1 and written.isdecimal() else ""


def _whole_at(words: Sequence[Word], place: int) -> tuple[int, int]:
    written = [word.written for word in words[place : place + 5]]
    if written[0].isdecimal():
        return int(written[0]), 1
    if written[0] in {"a", "one"} and written[1:2] == ["hundred"]:
        after = 3 if written[2:3] == ["and"] else 2
        more, used = _below_hundred(written[after:])
        return (100 + more, after + used) if used else (100, 2)
    return _below_hundred(written)


def _below_hundred(written: Sequence[str]) -> tuple[int, int]:
    if not written:
        return 0, 0
    if written[0] in _TENS:
        unit = _UNITS.get(written[1], _DIGIT) if len(written) > 1 else _DIGIT
        return (_TENS[written[0]] + unit, 2) if 0 < unit < _DIGIT else (_TENS[written[0]], 1)
    return (_UNITS[written[0]], 1) if written[0] in _UNITS else (0, 0)


def _slips(word: str) -> int:
    if len(word) >= TWO_SLIPS:
        return 2
    return 1 if len(word) >= ONE_SLIP else 0


def _shortened(word: str, slips: int) -> set[str]:
    """Return the word and what is left of it after up to so many letters are taken out."""
    found = {word}
    last: Collection[str] = found
    for _ in range(slips):
        last = {one[:place] + one[place + 1 :] for one in last for place in range(len(one))}
        found |= last
    return found


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
