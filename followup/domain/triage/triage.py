"""Sorting replies by fixed phrases, so that each finds the right person in time.

Nothing here scores, diagnoses or advises: a phrase of a file that people wrote, reviewed and
versioned stands in the text or does not. What holds none of them is `unclear` and goes to a person
like everything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from followup.domain.triage.intent import ReplyIntent, reply_intent
from followup.domain.triage.negation import Negation
from followup.domain.triage.phrases import Finder, Phrase, Span
from followup.domain.triage.tokens import Speller, Word, readings_of


class ReplyClass(StrEnum):
    """What a reply is about, the gravest first. An emergency is a red flag as well."""

    RED_FLAG = "red-flag"
    EMERGENCY = "emergency"
    WOUND = "wound"
    SUGAR = "sugar"
    DECEASED = "deceased"
    WRONG_PERSON = "wrong-person"
    PAIN = "pain"
    HELP = "help"
    STOP = "stop"
    START = "start"
    THANKS = "thanks"
    UNCLEAR = "unclear"


ORDER = tuple(ReplyClass)
ENTIRE = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Phrases that mean one thing. Those of `whole` count where they are all that was written.

    `yields` says that words which another rule has found count for that one alone: the "pain" of
    "pain in my chest".
    """

    code: str
    classes: tuple[ReplyClass, ...]
    phrases: tuple[Phrase, ...]
    whole: frozenset[tuple[str, ...]]
    can_be_denied: bool
    yields: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a reply is about: its classes, the gravest first, the rules and the words found."""

    classes: tuple[ReplyClass, ...]
    codes: tuple[str, ...]
    phrases: tuple[str, ...]
    version: str

    @property
    def gravest(self) -> ReplyClass:
        return self.classes[0]


class Triage:
    """The phrases of one language. Immutable, and safe to share between threads."""

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        language: str,
        version: str,
        negation: Negation,
        courtesies: Iterable[str],
        ordinary: Iterable[str],
    ) -> None:
        self.rules = tuple(rules)
        self.language, self.version = language, version
        self._negation = negation
        self._courtesies = frozenset(courtesies)
        known = {word for rule in rules for phrase in rule.phrases for word in phrase.words}
        known |= {word for rule in rules for words in rule.whole for word in words}
        right = {*ordinary, *negation.denying, *negation.light, *self._courtesies}
        self._speller = Speller(known, ordinary=right - known)

    @property
    def key(self) -> str:
        """The language: there is one file of each."""
        return self.language

    def sort(self, text: str, *, opt_out_type: str | None = None) -> Found:
        """Return what a reply is about.

        `opt_out_type` is what the provider made of it: STOP, START or HELP. Of a text with
        characters that cannot be seen, everything counts that either way to read it shows.
        """
        found: dict[str, tuple[Rule, str]] = {}
        bare = True
        for reading in readings_of(text):
            words = self._speller.words(reading)
            for rule, phrase in self._look(words):
                found.setdefault(rule.code, (rule, phrase))
            bare = bare and self._only_courtesies(words, found)
        classes = {each for rule, _ in found.values() for each in rule.classes}
        classes |= _requests(text, opt_out_type=opt_out_type)
        if not classes - {ReplyClass.THANKS} and not (classes and bare):
            classes.add(ReplyClass.UNCLEAR)
        return Found(
            classes=tuple(sorted(classes, key=ORDER.index)),
            codes=tuple(found),
            phrases=tuple(dict.fromkeys(phrase for _, phrase in found.values())),
            version=f"{self.language}/{self.version}",
        )

    def _look(self, words: Sequence[Word]) -> list[tuple[Rule, str]]:
        finder, taken = Finder(words), set[int]()
        found: list[tuple[Rule, str]] = []
        for rule in sorted(self.rules, key=lambda rule: rule.yields):
            spans = self._whole(rule, words) or self._first(rule, finder, words, taken=taken)
            if spans:
                found.append((rule, _as_written(words, spans)))
        return found

    def _whole(self, rule: Rule, words: Sequence[Word]) -> tuple[Span, ...]:
        """Return the span of a text that is nothing but a phrase of the rule, and courtesies."""
        meant = {word for wanted in rule.whole for word in wanted}
        places = [
            place
            for place, word in enumerate(words)
            if word.written not in self._courtesies or word.readings & meant
        ]
        readings = [words[place].readings for place in places]
        for wanted in rule.whole:
            if len(wanted) == len(readings) and all(
                word in found for word, found in zip(wanted, readings, strict=True)
            ):
                return (Span(places[0], places[-1] + 1),)
        return ()

    def _first(
        self, rule: Rule, finder: Finder, words: Sequence[Word], *, taken: set[int]
    ) -> tuple[Span, ...]:
        """Return the first phrase of the rule that stands there undenied, and take its words."""
        first: tuple[Span, ...] = ()
        last_turn = self._negation.last_turn(words)
        for phrase in rule.phrases:
            for spans in finder.find(phrase):
                if rule.can_be_denied and self._negation.denies(words, spans, last_turn=last_turn):
                    continue
                places = {place for span in spans for place in range(span.start, span.end)}
                if rule.yields and places & taken:
                    continue
                taken |= places
                first = first or spans
                break
            if rule.yields and first:
                break
        return first

    def _only_courtesies(self, words: Sequence[Word], found: dict[str, tuple[Rule, str]]) -> bool:
        """Say whether nothing stands there but thanks and courtesies."""
        thanks = {
            word
            for rule, _ in found.values()
            if rule.classes == (ReplyClass.THANKS,)
            for phrase in rule.phrases
            for word in phrase.words
        }
        return all(word.readings & (thanks | self._courtesies) for word in words)


def _requests(text: str, *, opt_out_type: str | None) -> set[ReplyClass]:
    """Return the requests to stop and to start, which no file can switch off."""
    meaning = reply_intent(text, opt_out_type=opt_out_type)
    if meaning in {ReplyIntent.STOP, ReplyIntent.STOP_AND_MORE}:
        return {ReplyClass.STOP}
    if meaning is ReplyIntent.START:
        return {ReplyClass.START}
    return {ReplyClass.HELP} if opt_out_type == "HELP" else set()


def _as_written(words: Sequence[Word], spans: Sequence[Span]) -> str:
    return " ".join(word.written for span in spans for word in words[span.start : span.end])


def sort_reply(files: Iterable[Triage], text: str, *, opt_out_type: str | None = None) -> Found:
    """Return what a reply is about in any of the languages: what one finds counts."""
    each = [triage.sort(text, opt_out_type=opt_out_type) for triage in files]
    classes = {one for found in each for one in found.classes}
    if not each:
        # Without any phrases everything goes to a person, but for the requests.
        classes = _requests(text, opt_out_type=opt_out_type) or {ReplyClass.UNCLEAR}
    elif classes - {ReplyClass.UNCLEAR, ReplyClass.THANKS}:
        classes.discard(ReplyClass.UNCLEAR)
    return Found(
        classes=tuple(sorted(classes, key=ORDER.index)),
        codes=tuple(dict.fromkeys(code for found in each for code in found.codes)),
        phrases=tuple(dict.fromkeys(phrase for found in each for phrase in found.phrases)),
        version=" ".join(found.version for found in each),
    )
