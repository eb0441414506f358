"""Fixed phrases, and where they stand in a text: parts in order, or in any order, close together.

A phrase is written as words and groups: `cant feel {leg}` is "cant", "feel" and any wording of the
group `leg`, in that order with a few words between; `{leg} & {weak}` is both in either order.
`move~` is any form of the verb: move, moves, moved, moving.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, permutations, product
from typing import NamedTuple

from followup.domain.triage.tokens import Word

Wordings = frozenset[tuple[str, ...]]
"""The ways to word one part, each a run of words that stand together."""
_VOWELS = "aeiou"
_CLOSED = re.compile(r"[^aeiou][aeiou][^aeiouwxy]$")


class Span(NamedTuple):
    """A run of words, from `start` until just before `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """Chains of parts: in each the parts stand in order, the chains stand in any order."""

    chains: tuple[tuple[Wordings, ...], ...]
    gap: int

    @property
    def parts(self) -> tuple[Wordings, ...]:
        return tuple(part for chain in self.chains for part in chain)


class Groups:
    """Ways to word one thing, by name; wordings may name other groups, as "no {strength}" does."""

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        self.texts = groups
        self._known: dict[str, Wordings] = {}

    def wordings(self, name: str) -> Wordings:
        """Return the ways to word a word, a verb with `~`, or a group in braces.

        Raises `ValueError` for a group that is not there or that holds itself.
        """
        return self._wordings(name, within=())

    def _wordings(self, name: str, *, within: tuple[str, ...]) -> Wordings:
        if name not in self._known:
            is_group = name.startswith("{")
            self._known[name] = (
                self._group(name.strip("{}"), within=within)
                if is_group
                else frozenset((form,) for form in forms_of(name))
            )
        return self._known[name]

    def _group(self, group: str, *, within: tuple[str, ...]) -> Wordings:
        if group not in self.texts:
            raise ValueError(
                f"there is no group {group}: add it under [groups], or correct the name"
            )
        if group in within:
            raise ValueError(f"the group {group} holds itself: take it out of {within[-1]}")
        found: set[tuple[str, ...]] = set()
        for wording in self.texts[group]:
            if "{" not in wording and "~" not in wording:
                found.add(tuple(wording.split()))
                continue
            parts = [self._wordings(part, within=(*within, group)) for part in wording.split()]
            found.update(_together(parts))
        return frozenset(found)

    def run(self, text: str) -> Wordings:
        """Return the ways to word a text that stands word for word."""
        return frozenset(_together([self.wordings(part) for part in text.split()]))


def _together(parts: Iterable[Wordings]) -> Iterable[tuple[str, ...]]:
    # A file has a quarter of a million of these: put together without a step of our own.
    return map(tuple, map(chain.from_iterable, product(*parts)))


def words_of(parts: Iterable[Wordings]) -> frozenset[str]:
    """Return every word of some parts."""
    wordings = chain.from_iterable(set(parts))
    return frozenset(chain.from_iterable(wordings))


def parse_phrase(text: str, *, groups: Groups, gap: int) -> Phrase:
    """Return the phrase; raise `ValueError` where it is empty or names a group that is not there.

    `gap` is how many words may stand between two parts.
    """
    chains = tuple(
        tuple(groups.wordings(name) for name in chain.split()) for chain in text.split("&")
    )
    if not all(chains):
        raise ValueError(f"{text!r} has an empty part: write words on both sides of each &")
    return Phrase(chains, gap)


def forms_of(word: str) -> tuple[str, ...]:
    """Return a word, or the forms of a verb that is marked with `~`."""
    verb = word.removesuffix("~")
    if verb == word:
        return (word,)
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return (verb, f"{verb[:-1]}ies", f"{verb[:-1]}ied", f"{verb}ing")
    stem = verb.removesuffix("e")
    es = "es" if verb.endswith(("s", "sh", "ch", "x", "z")) else "s"
    forms = [verb, f"{verb}{es}", f"{stem}ed", f"{stem}ing", f"{stem}in"]
    if _CLOSED.search(verb):
        forms += [f"{verb}{verb[-1]}{ending}" for ending in ("ed", "ing", "in")]
    return tuple(forms)


Places = Mapping[int, Sequence[Span]]
"""Where each part stands in a text, by the number that its lexicon gave it."""


class Lexicon:
    """All parts of some phrases, so that one walk over a text finds where each of them stands."""

    def __init__(self, parts: Iterable[Wordings]) -> None:
        self._numbers: dict[Wordings, int] = {}
        self._alone: dict[str, list[int]] = {}
        # By the first word and the second: of long wordings few are left then.
        self._longer: dict[str, dict[str, dict[tuple[str, ...], tuple[int, ...]]]] = {}
        for part in parts:
            if part not in self._numbers:
                self._add(part, self._numbers.setdefault(part, len(self._numbers)))

    def _add(self, part: Wordings, number: int) -> None:
        # Nearly all of a quarter of a million wordings belong to one part: they share its tuple.
        numbers = (number,)
        for wording in part:
            if len(wording) == 1:
                self._alone.setdefault(wording[0], []).append(number)
            else:
                first, second, *_ = wording
                after = self._longer.setdefault(first, {}).setdefault(second, {})
                rest = wording[2:]
                after[rest] = after[rest] + numbers if rest in after else numbers

    def number(self, part: Wordings) -> int:
        """Return the number of a part in `places`."""
        return self._numbers[part]

    def places(self, words: Sequence[Word]) -> Places:
        """Return the spans of every part that stands in the text, in order."""
        found: dict[int, list[Span]] = {}
        for place, word in enumerate(words):
            following = words[place + 1].readings if place + 1 < len(words) else frozenset()
            third = words[place + 2].readings if place + 2 < len(words) else frozenset()
            for reading in word.readings:
                if reading in self._alone:
                    span = Span(place, place + 1)
                    for number in self._alone[reading]:
                        found.setdefault(number, []).append(span)
                longer = self._longer.get(reading)
                if not longer:
                    continue
                for second in following & longer.keys():
                    for rest, numbers in longer[second].items():
                        # Of a thousand wordings few have the third word: the rest is left soon.
                        if not rest or (rest[0] in third and _stands(rest, words, place + 2)):
                            span = Span(place, place + 2 + len(rest))
                            for number in numbers:
                                found.setdefault(number, []).append(span)
        return found


def _stands(wording: tuple[str, ...], words: Sequence[Word], place: int) -> bool:
    there = words[place : place + len(wording)]
    return len(there) == len(wording) and all(
        word in found.readings for word, found in zip(wording, there, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Sought:
    """A phrase as its lexicon numbers the parts, and all the numbers that it needs."""

    chains: tuple[tuple[int, ...], ...]
    gap: int
    needs: frozenset[int]

    @classmethod
    def of(cls, phrase: Phrase, lexicon: Lexicon) -> Sought:
        chains = tuple(tuple(map(lexicon.number, chain)) for chain in phrase.chains)
        return cls(chains, phrase.gap, frozenset(one for chain in chains for one in chain))

    def find(self, places: Places) -> tuple[Span, ...]:
        """Return where the phrase stands first: the spans of its parts; empty where it does not.

        Each part is looked at once for every word that it may follow: the work grows with the text.
        """
        if not self.needs <= places.keys():
            return ()
        chains = [
            _in_order([_alone(places[part]) for part in chain], self.gap) for chain in self.chains
        ]
        for order in permutations(chains) if len(chains) > 1 else [chains]:
            if found := _in_order(order, self.gap):
                return min(found)
        return ()


def _alone(spans: Iterable[Span]) -> list[tuple[Span, ...]]:
    return [(span,) for span in spans]


def _in_order(steps: Sequence[Sequence[tuple[Span, ...]]], gap: int) -> list[tuple[Span, ...]]:
    """Return one find for each end of the last step, with at most `gap` words between steps."""
    reached = list(steps[0])
    for step in steps[1:]:
        ends: dict[int, tuple[Span, ...]] = {}
        for found in reached:
            ends.setdefault(found[-1].end, found)
        reached = [
            (*ends[end], *spans)
            for spans in step
            if (end := _nearest(ends, spans[0].start, gap)) is not None
        ]
    return reached


def _nearest(ends: Mapping[int, object], start: int, gap: int) -> int | None:
    return next((end for end in range(start, start - gap - 1, -1) if end in ends), None)
