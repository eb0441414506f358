"""What is provably harmless: a reply made of nothing but clauses from a closed list.

A clause is written like a phrase, but stands word for word: `{im} {very}* {well}` is "I am fine",
"im feeling really good". `?` marks a part that may be left out, `*` one that may come any number
of times, `@name` one of the names in a list, such as whoever signs; a `.` at the end says that
a sign must follow, or nothing more ("No, all good", and not "no better"). A sentence is harmless
where clauses and courtesies cover every word of it; one word more, and nobody knows.

Denials are such clauses too ("no {new}* {sign} {or-sign}*"): they count in a whole sentence of
closed form alone. "No weakness, all good" denies; "no weakness like this before" does not.

A frame is a looser clause, `{asking}* {activity} {asking}*`: a topic among words of a closed
vocabulary, in any order and with signs between. A vocabulary holds no word for a part of the body,
a complaint, a loss, a contrast or a negation, so whatever its words say together is harmless. A
frame takes nothing back, but for rules that only name a thing ("walked"): it counts only where no
other phrase was found.

Everyday talk is looser still: words that join (`Everyday.joins`) and at least one topic of daily
life ("the dog", "parking", "Leeds") in each sentence, in any order, beside clauses and frames. It
counts where frames do, and only if a second net finds nothing to doubt either (decision 0030).

An idiom names what it does not mean: "fell asleep", "spring in my step", "toilet roll". It joins
in everyday talk, and no phrase is found in its words, whatever else the sentence holds.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain

from followup.domain.triage.phrases import Groups, Lexicon, Places, Span, Wordings
from followup.domain.triage.tokens import Word

MOST_WORDS = 60
"""Words of a sentence that can still be harmless: a longer one says more than that."""
MOST_NAMES = 5
"""Words that somebody signs with: "Mrs Mary A Smith"."""
_ENDS = re.compile(r"[.!?;\n…]")
_LIST_SIGNS = re.compile(r"[,/&+]?")
_FRAME_SIGNS = re.compile(r"""[-,/&+:()*'"‘’“”–—=~]*""")
NAME_GROUP = "@name"
_INITIAL = re.compile(r"[a-z]")
_NUMBERS_TO_CALL = frozenset({"999", "111", "112", "911", "116", "85258"})
"""Whoever names one of these may be in need."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a clause; of a `name`, the wordings are empty."""

    wordings: Wordings
    optional: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class Clause:
    """Parts in order; after one that `pauses` a sign must follow, or the end of the text."""

    parts: tuple[Part, ...]
    pauses: bool


NumberedPart = tuple[int | None, bool, bool]
"""A part by its number, none of a name; whether it is optional, and whether it repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A clause as it is looked for, from one of the parts that it may begin with."""

    parts: tuple[NumberedPart, ...]
    pauses: bool
    is_frame: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyday:
    """Words of daily life: that join, that ask, topics, of which each sentence has one, idioms."""

    joins: Wordings = frozenset()
    asks: Wordings = frozenset()
    topics: Wordings = frozenset()
    idioms: Wordings = frozenset()


NO_EVERYDAY = Everyday()


NOTHING_SAID = Word("", frozenset(), "")


class Looseness(IntEnum):
    """How loosely a sentence may be covered: each lets in what those before it do."""

    CLAUSES = 0
    FRAMES = 1
    EVERYDAY = 2


ByPlace = Mapping[int, Mapping[int, Sequence[Span]]]
"""Where parts stand: for the place where each begins and its number, the spans."""


def parse_clause(text: str, *, groups: Groups) -> Clause:
    """Return the clause; raise `ValueError` where it names a group that is not there.

    Some part must be there in any case: no reply is proved harmless by what it leaves out.
    """
    parts = []
    pauses = text.endswith(" .")
    for written in text.removesuffix(" .").split():
        name = written.rstrip("?*")
        wordings = frozenset[tuple[str, ...]]() if name == NAME_GROUP else groups.wordings(name)
        parts.append(Part(wordings, written != name, written.endswith("*")))
    if not parts[0].wordings:
        raise ValueError(f"{text!r} must begin with words, not with a name")
    if all(part.optional for part in parts):
        raise ValueError(f"{text!r} must have a part that is there, with neither ? nor *")
    return Clause(tuple(parts), pauses)


def sentences(words: Sequence[Word]) -> list[tuple[int, int]]:
    """Return where each sentence starts and ends."""
    starts = [0, *(place for place in range(1, len(words)) if _ENDS.search(words[place].before))]
    return list(zip(starts, [*starts[1:], len(words)], strict=True)) if words else []


class Sentence:
    """A sentence, where the parts of clauses stand in it, and what was found of it already."""

    __slots__ = ("_covered", "_listed", "at", "words")

    def __init__(self, words: Sequence[Word], *, listed: Harmless) -> None:
        self.words, self._listed = words, listed
        self.at = listed.places(words)
        self._covered: dict[tuple[bool, Looseness], bool] = {}

    def is_covered(
        self, *, questions: bool = True, looseness: Looseness = Looseness.CLAUSES
    ) -> bool:
        """Say whether it is nothing but what is harmless: see `Harmless.covers`."""
        asked = questions, looseness
        if asked not in self._covered:
            self._covered[asked] = self._listed.covers(
                self.words, at=self.at, questions=questions, looseness=looseness
            )
        return self._covered[asked]

    def signs(self) -> bool:
        return self._listed.signs(self.words)

    def said(self) -> list[Word]:
        """Return the words, those of idioms as what no phrase finds."""
        words = list(self.words)
        for span in self._listed.idioms(self.at):
            if any(word.before for word in self.words[span.start + 1 : span.end]):
                continue
            words[span.start : span.end] = [NOTHING_SAID] * (span.end - span.start)
        return words


class Harmless:
    """The closed list of clauses and frames, and the courtesies that may stand between them."""

    def __init__(
        self,
        clauses: Collection[Clause],
        *,
        questions: Collection[Clause],
        frames: Collection[Clause] = (),
        asking_frames: Collection[Clause] = (),
        everyday: Everyday = NO_EVERYDAY,
        courtesies: Collection[str],
        names: Collection[str],
    ) -> None:
        """Take the clauses, the words that say nothing, and the names that people have."""
        self._courtesies = frozenset(courtesies)
        self._names = frozenset(names)
        every = [
            *((one, False, False) for one in clauses),
            *((one, True, False) for one in questions),
            *((one, False, True) for one in frames),
            *((one, True, True) for one in asking_frames),
        ]
        loose = (everyday.joins | everyday.idioms, everyday.asks, everyday.topics, everyday.idioms)
        self._lexicon = Lexicon(
            [
                *(part.wordings for clause, *_ in every for part in clause.parts if part.wordings),
                *(wordings for wordings in loose if wordings),
            ]
        )
        self._joins, self._asks, self._topics, self._idioms = (
            self._lexicon.number(wordings) if wordings else None for wordings in loose
        )
        # By what may be there, questions and frames, so that no clause is looked at in vain.
        self._by_first: dict[tuple[bool, bool], dict[int, list[Numbered]]] = {
            (questions, loose): {} for questions in (False, True) for loose in (False, True)
        }
        for clause, asks, is_frame in every:
            self._add(clause, asks=asks, is_frame=is_frame)

    def _add(self, clause: Clause, *, asks: bool, is_frame: bool) -> None:
        """File a clause under each part that it may begin with: up to the first that must be."""
        parts = tuple(self._numbered(part) for part in clause.parts)
        first = [optional for _, optional, _ in parts].index(False)
        beginnings = [
            (place, number, repeats)
            for place, (number, _, repeats) in enumerate(parts[: first + 1])
            if number is not None
        ]
        for place, number, repeats in beginnings:
            begun = ((number, False, repeats), *parts[place + 1 :])
            one = Numbered(parts=begun, pauses=clause.pauses, is_frame=is_frame)
            for (questions, loose), by_first in self._by_first.items():
                if asks <= questions and is_frame <= loose:
                    by_first.setdefault(number, []).append(one)

    def _numbered(self, part: Part) -> NumberedPart:
        number = self._lexicon.number(part.wordings) if part.wordings else None
        return number, part.optional, part.repeats

    def places(self, words: Sequence[Word]) -> ByPlace:
        """Return where the parts of clauses stand in a sentence."""
        return _by_place(self._lexicon.places(words)) if len(words) <= MOST_WORDS else {}

    def covers(
        self,
        words: Sequence[Word],
        *,
        at: ByPlace,
        questions: bool = True,
        looseness: Looseness = Looseness.CLAUSES,
    ) -> bool:
        """Say whether a sentence is nothing but harmless clauses and courtesies.

        Where not even `questions` may be there, it asks for nothing. Frames and everyday talk
        count only where nothing else was found in the text: see `Looseness`. `at` is what `places`
        says of them.
        """
        if not words or len(words) > MOST_WORDS:
            return False
        everyday = looseness is Looseness.EVERYDAY and self._has_topic(at)
        joining = {self._joins, self._topics} | ({self._asks} if questions else set())
        by_first = self._by_first[questions, looseness > Looseness.CLAUSES]
        reached = {0}
        for place, word in enumerate(words):
            if place not in reached:
                continue
            if word.readings & self._courtesies or (everyday and self._is_known(word)):
                reached.add(place + 1)
            for number, spans in at.get(place, {}).items():
                if everyday and number in joining:
                    reached.update(span.end for span in spans)
                for clause in by_first.get(number, ()):
                    reached |= self._ends(clause, words, place, at)
        return len(words) in reached

    def signs(self, words: Sequence[Word]) -> bool:
        """Say whether a sentence is how somebody signs: names, initials and courtesies alone.

        Behind a harmless sentence it says no more. "D. Pascoe" is two such sentences.
        """
        return len(words) <= MOST_NAMES and all(
            self._names_somebody(words, place) or word.readings & self._courtesies
            for place, word in enumerate(words)
        )

    def idioms(self, at: ByPlace) -> Iterator[Span]:
        """Yield where idioms stand in a sentence."""
        if self._idioms is None:
            return iter(())
        number = self._idioms
        return chain.from_iterable(parts.get(number, ()) for parts in at.values())

    def _has_topic(self, at: ByPlace) -> bool:
        return any(self._topics in parts for parts in at.values())

    def _is_known(self, word: Word) -> bool:
        """Say whether a word is a number or a name: neither says anything by itself."""
        is_number = word.number is not None and word.written not in _NUMBERS_TO_CALL
        return is_number or word.written in self._names

    def _ends(self, clause: Numbered, words: Sequence[Word], place: int, at: ByPlace) -> set[int]:
        """Return where the clause may end that begins here."""
        reached = {place}
        loose = clause.is_frame
        for number, optional, repeats in clause.parts:
            signs = _FRAME_SIGNS if loose else _LIST_SIGNS if repeats else None
            after = self._after(number, words, reached, start=place, at=at, signs=signs)
            if repeats:
                signs = _FRAME_SIGNS if loose else _LIST_SIGNS
                more = after
                while more := (
                    self._after(number, words, more, start=place, at=at, signs=signs) - after
                ):
                    after |= more
            reached = after | reached if optional else after
            if not reached:
                break
        if clause.pauses:
            return {end for end in reached if end == len(words) or words[end].before}
        return reached

    def _after(
        self,
        number: int | None,
        words: Sequence[Word],
        places: set[int],
        *,
        start: int,
        at: ByPlace,
        signs: re.Pattern[str] | None,
    ) -> set[int]:
        if number is None:
            return {place + 1 for place in places if self._is_name(words, place, start=start)}
        return {
            span.end
            for place in places
            for span in at.get(place, {}).get(number, ())
            if self._is_joined(words, span, start=start, signs=signs)
        }

    def _is_joined(
        self, words: Sequence[Word], span: Span, *, start: int, signs: re.Pattern[str] | None
    ) -> bool:
        """Say whether no sign but `signs` parts these words from those of the clause before."""
        before = words[span.start].before
        joined = (
            span.start == start
            or not before
            or (signs is not None and signs.fullmatch(before) is not None)
        )
        return joined and all(not word.before for word in words[span.start + 1 : span.end])

    def _is_name(self, words: Sequence[Word], place: int, *, start: int) -> bool:
        if place >= len(words) or place == start:
            return False
        joined = _LIST_SIGNS.fullmatch(words[place].before) is not None
        return joined and self._names_somebody(words, place)

    def _names_somebody(self, words: Sequence[Word], place: int) -> bool:
        """Say whether a word is a name that people have, or the initial of one: not "A&E"."""
        if words[place].written in self._names:
            return True
        after = words[place + 1 : place + 2]
        is_initial = _INITIAL.fullmatch(words[place].written) is not None
        return is_initial and (
            after[0].written in self._names
            if after
            else place == 0 or _INITIAL.fullmatch(words[place - 1].written) is None
        )


def _by_place(places: Places) -> ByPlace:
    found: dict[int, dict[int, list[Span]]] = {}
    for number, spans in places.items():
        for span in spans:
            found.setdefault(span.start, {}).setdefault(number, []).append(span)
    return found
