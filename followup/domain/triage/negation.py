"""Whether a phrase that stands in a text is denied there: "no weakness", "legs are not weak".

Only plain denials count. Between the denying word and what it denies nothing may stand but small
words ("no sign of any …") and, joined by "or", other things denied ("no fever or weakness"). In
doubt nothing is denied: a person then reads in vain, where otherwise nobody would read in time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from followup.domain.triage.phrases import Span, between
from followup.domain.triage.tokens import Word

_ENDS = re.compile(r"[^,'’\"]")
"""Any sign but a comma or a quotation mark ends what a denial covers."""
_ANSWERS = re.compile(r"[:?=–-]?")
"""What may stand between a question and its "no": "numbness? no"."""
_COURSE = frozenset({"better", "change", "different", "improvement", "relief"})
"""What "no" may belong to, whatever sign stands between: "weakness - no! better"."""
OR = frozenset({"or", "nor"})
HEAD = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Negation:
    """The words of denying.

    `denying` deny what follows; `inherent` deny within a phrase ("cant feel") and nothing beyond
    it; `light` may stand in between; `nouns` are what can be listed ("no fever or weakness");
    `turns` are words after which a denial no longer holds ("not weak before but now …").
    """

    denying: frozenset[str]
    inherent: frozenset[str]
    light: frozenset[str]
    nouns: frozenset[str]
    parts_of_body: frozenset[str]
    turns: tuple[tuple[str, ...], ...]

    def last_turn(self, words: Sequence[Word]) -> int:
        """Return the place of the last words that take a denial back, or -1."""
        written = [word.written for word in words]
        return max(
            (
                place
                for place in range(len(written))
                for turn in self.turns
                if written[place] == turn[0] and tuple(written[place : place + len(turn)]) == turn
            ),
            default=-1,
        )

    def denies(self, words: Sequence[Word], spans: Sequence[Span], *, last_turn: int) -> bool:
        """Say whether what stands in these spans is plainly denied."""
        if self._holds_denial(words, spans) or last_turn >= spans[-1].end:
            return False
        return (
            self._denied_before(words, spans)
            or any(self._denied_within(words, *gap) for gap in between(spans))
            or self._denied_after(words, spans[-1])
        )

    def _holds_denial(self, words: Sequence[Word], spans: Sequence[Span]) -> bool:
        """Say whether the phrase is a denial itself, as "no feeling" is."""
        own = self.denying | self.inherent
        return any(
            words[place].readings & own for span in spans for place in range(span.start, span.end)
        )

    def _denied_before(self, words: Sequence[Word], spans: Sequence[Span]) -> bool:
        if not self._can_be_denied_before(words, spans):
            return False
        first, commas, listed = spans[0].start, 0, self._opens_list(words, spans[0])
        place = first
        while place > 0:
            before = words[place].before
            if _ENDS.search(before):
                return False
            commas += "," in before
            place -= 1
            word = words[place]
            if word.readings & self.denying:
                return commas == 0 or (listed and self._lists(words, place + 1, first))
            if word.readings & OR:
                listed = True
            elif not self._may_stand(words, place, spans):
                return False
        return False

    def _can_be_denied_before(self, words: Sequence[Word], spans: Sequence[Span]) -> bool:
        """Say no to "no … leg weak": a part of the body first, and nothing that "no" goes with."""
        if not self._head(words, spans) & self.parts_of_body:
            return True
        return any(words[span.end - 1].readings & self.nouns for span in spans)

    def _may_stand(self, words: Sequence[Word], place: int, spans: Sequence[Span]) -> bool:
        readings = words[place].readings
        if readings & self.nouns:
            after = words[place + 1]
            return bool(after.readings & OR) or "," in after.before
        if readings & self.parts_of_body:
            return bool(self._head(words, spans) & self.nouns) or self._is_listed(words, place)
        return bool(readings & self.light)

    def _is_listed(self, words: Sequence[Word], place: int) -> bool:
        return place + 1 < len(words) and bool(words[place + 1].readings & OR)

    def _head(self, words: Sequence[Word], spans: Sequence[Span]) -> frozenset[str]:
        return words[spans[0].start].readings

    def _opens_list(self, words: Sequence[Word], first: Span) -> bool:
        """Say whether the first part is a noun that "or" follows: "…, numbness or weakness"."""
        return (
            first.end - first.start == HEAD
            and bool(words[first.start].readings & self.nouns)
            and first.end < len(words)
            and not words[first.end].before
            and bool(words[first.end].readings & OR)
        )

    def _lists(self, words: Sequence[Word], start: int, end: int) -> bool:
        """Say whether every comma from here on follows a noun."""
        return all(
            bool(words[place - 1].readings & self.nouns)
            for place in range(start + 1, end + 1)
            if "," in words[place].before
        )

    def _denied_within(self, words: Sequence[Word], start: int, end: int) -> bool:
        for place in range(end - 1, start - 1, -1):
            if words[place + 1].before:
                return False
            if words[place].readings & self.denying:
                return True
            if not words[place].readings & self.light:
                return False
        return False

    def _denied_after(self, words: Sequence[Word], last: Span) -> bool:
        """Say whether a noun is followed by "no" and an end: "numbness: no, fever: no"."""
        if last.end >= len(words) or not words[last.end - 1].readings & self.nouns:
            return False
        answer = words[last.end]
        if not answer.readings & self.denying or not _ANSWERS.fullmatch(answer.before):
            return False
        if last.end + 1 == len(words):
            return True
        following = words[last.end + 1]
        return bool(following.before) and following.written not in _COURSE
