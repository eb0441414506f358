"""Fixed phrases, and where they stand in a text: parts in order, or in any order, close together.

A phrase is written as words and groups: `cant feel {leg}` is "cant", "feel" and any wording of the
group `leg`, in that order with a few words between; `{leg} & {weak}` is both in either order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

from followup.domain.triage.tokens import Word

Wordings = frozenset[tuple[str, ...]]
"""The ways to word one part, each a run of words that stand together."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A run of words, from `start` until just before `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """Chains of parts: in each the parts stand in order, the chains stand in any order."""

    chains: tuple[tuple[Wordings, ...], ...]
    gap: int
    firsts: tuple[frozenset[str], ...]
    """For each part the words with which it may begin: a text without them is soon done with."""

    @property
    def words(self) -> Iterator[str]:
        for chain in self.chains:
            for part in chain:
                for wording in part:
                    yield from wording


def parse_phrase(text: str, *, groups: Mapping[str, Sequence[str]], gap: int) -> Phrase:
    """Return the phrase; raise `ValueError` where it is empty or names a group that is not there.

    `gap` is how many words may stand between two parts.
    """
    chains = tuple(
        tuple(_part(name, groups) for name in chain.split()) for chain in text.split("&")
    )
    if not all(chains):
        raise ValueError(f"{text!r} has an empty part: write words on both sides of each &")
    parts = [part for chain in chains for part in chain]
    return Phrase(chains, gap, tuple(frozenset(words[0] for words in part) for part in parts))


def _part(name: str, groups: Mapping[str, Sequence[str]]) -> Wordings:
    if not name.startswith("{"):
        return frozenset({(name,)})
    group = name.strip("{}")
    if group not in groups:
        raise ValueError(f"there is no group {name}: add it under [groups], or correct the name")
    return frozenset(tuple(wording.split()) for wording in groups[group])


class Finder:
    """Finds phrases in one text; what it found of a part is kept for other phrases."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self._found: dict[Wordings, list[Span]] = {}
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            for reading in word.readings:
                self._places.setdefault(reading, []).append(place)
        self._here = frozenset(self._places)

    def find(self, phrase: Phrase) -> Iterator[tuple[Span, ...]]:
        """Yield the places of a phrase: the spans of its parts, in the order of the text."""
        if any(first.isdisjoint(self._here) for first in phrase.firsts):
            return
        chains = [self._chain(chain, phrase.gap) for chain in phrase.chains]
        if not all(chains):
            return
        if len(chains) == 1:
            yield from chains[0]
            return
        for order in permutations(chains):
            yield from _joined(order, phrase.gap)

    def _chain(self, parts: Sequence[Wordings], gap: int) -> list[tuple[Span, ...]]:
        found: list[list[tuple[Span, ...]]] = [
            [(span,) for span in self._part(part)] for part in parts
        ]
        return list(_joined(found, gap)) if all(found) else []

    def _part(self, wordings: Wordings) -> list[Span]:
        if wordings not in self._found:
            self._found[wordings] = sorted(
                Span(place, place + len(wording))
                for wording in wordings
                for place in self._places.get(wording[0], ())
                if self._stands(wording, place)
            )
        return self._found[wordings]

    def _stands(self, wording: tuple[str, ...], place: int) -> bool:
        there = self._words[place : place + len(wording)]
        return len(there) == len(wording) and all(
            word in found.readings for word, found in zip(wording, there, strict=True)
        )


def _joined(
    found: Sequence[list[tuple[Span, ...]]], gap: int, so_far: tuple[Span, ...] = ()
) -> Iterator[tuple[Span, ...]]:
    """Yield every way to take one of each, in order, with at most `gap` words between."""
    if not found:
        yield so_far
        return
    first = bisect_left(found[0], so_far[-1].end, key=_start) if so_far else 0
    for spans in found[0][first:]:
        if so_far and spans[0].start - so_far[-1].end > gap:
            return
        yield from _joined(found[1:], gap, (*so_far, *spans))


def _start(spans: tuple[Span, ...]) -> int:
    return spans[0].start


def between(spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Yield the gaps of a find: from where each part ends to where the next begins."""
    for one, other in pairwise(spans):
        yield one.end, other.start
