"""Numbers that are words: a temperature of 39, a blood sugar of 27, ketones of 4.

Nothing is judged: a number between two limits of the clinic's file, with a word beside it that says
what it is, counts as that word does. A temperature needs no such word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from followup.domain.triage.tokens import Word

_MONEY, _SHARE = re.compile(r"[£$€]"), re.compile(r"%")
_JOINS = re.compile(r"[:/-]")
"""Between two numbers these make another thing of them: a time, a mark out of ten, a date."""
_NONE = Word("", frozenset(), "")
CUE_REACH = 6
"""So many words off, "ketones" still says what a number is."""
MG_PER_MMOL = 18
"""Outside the United Kingdom blood sugar is told in mg/dL: a mmol/L is 18 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """From which number a fever is meant: in degrees Celsius with or without a word for it.

    In Fahrenheit one of the `cues` must be there, or a decimal. A number with one of `units` behind
    it or one of `not_after` before it is another thing; a whole number counts where the text ends
    after it, or one of the cues or of `followed_by` is there.
    """

    celsius: tuple[float, float]
    fahrenheit: tuple[float, float]
    cues: frozenset[str]
    followed_by: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sugar:
    """When a number is a blood sugar (mmol/L), and from which ones on it is grave.

    One of `cues` says what it is; of ketones, one of `ketone_cues`.
    """

    cues: frozenset[str]
    readings: tuple[float, float]
    grave_from: float
    grave_below: float
    ketone_cues: frozenset[str]
    ketones_grave_from: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What numbers of a reply may mean."""

    temperature: Temperature
    sugar: Sugar
    units: frozenset[str]
    not_after: frozenset[str]

    def fevers(self, words: Sequence[Word]) -> Iterator[int]:
        """Yield the places of numbers that are a fever."""
        limits = self.temperature
        said = {reading for word in words for reading in word.readings}
        cued, sugar = bool(said & limits.cues), bool(said & self.sugar.cues)
        for place, value in self._values(words):
            low, high = limits.celsius
            is_whole = value == int(value)
            if low <= value <= high:
                if not is_whole or cued or sugar or self._stands_alone(words, place):
                    yield place
                continue
            in_fahrenheit = limits.fahrenheit[0] <= value <= limits.fahrenheit[1]
            if in_fahrenheit and (cued or not (is_whole or sugar)):
                yield place

    def _stands_alone(self, words: Sequence[Word], place: int) -> bool:
        following = words[place + 1].readings if place + 1 < len(words) else frozenset[str]()
        ends = place + 1 == len(words) or bool(re.search(r"[.,!?;\n]", words[place].after))
        return ends or bool(following & self.temperature.followed_by)

    def sugars(
        self, words: Sequence[Word], *, expected: bool = False
    ) -> Iterator[tuple[int, bool]]:
        """Yield the places of numbers that are a blood sugar or ketones, and whether it is grave.

        `expected` says that the patient was asked to look at their sugar: then no word is needed,
        but for a number that no meter shows and a thermometer does.
        """
        limits = self.sugar
        low_fever, high_fever = self.temperature.celsius
        cues = [place for place, word in enumerate(words) if word.readings & limits.cues]
        ketones = [place for place, word in enumerate(words) if word.readings & limits.ketone_cues]
        for place, value in self._values(words):
            if any(
                -1 <= place - cue <= CUE_REACH for cue in ketones[:CUE_REACH] + ketones[-CUE_REACH:]
            ):
                yield place, value >= limits.ketones_grave_from
                continue
            if not cues and (not expected or low_fever <= value <= high_fever):
                continue
            low, high = limits.readings
            if low <= value <= high:
                yield place, value >= limits.grave_from or value < limits.grave_below
            elif MG_PER_MMOL * high / 2 <= value <= MG_PER_MMOL * high:
                yield place, value >= MG_PER_MMOL * limits.grave_from

    def _values(self, words: Sequence[Word]) -> Iterator[tuple[int, float]]:
        for place, word in enumerate(words):
            value = word.number
            if value is None or _MONEY.search(word.before) or _SHARE.match(word.after):
                continue
            before = words[place - 1] if place else _NONE
            following = words[place + 1] if place + 1 < len(words) else _NONE
            if before.number is not None and _JOINS.fullmatch(word.before):
                continue
            if following.number is not None and _JOINS.fullmatch(word.after):
                continue
            if not word.after and following.readings & self.units:
                continue
            if word.before or not before.readings & self.not_after:
                yield place, value
