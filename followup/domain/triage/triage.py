"""Sorting replies so that it fails safe: what is not provably harmless is treated with care.

A closed list of clauses says what is harmless (`followup.domain.triage.harmless`). Whatever holds
more than those goes to a person, and its sender is told the warning signs. On top of that, fixed
phrases only raise how soon somebody looks and what is answered. Nothing here scores, diagnoses or
advises: a phrase of a file that people wrote, reviewed and versioned stands in the text or not.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import chain
from operator import itemgetter
from types import MappingProxyType

from followup.domain.triage.harmless import (
    Clause,
    Everyday,
    Harmless,
    Looseness,
    Sentence,
    sentences,
)
from followup.domain.triage.intent import ReplyIntent, reply_intent
from followup.domain.triage.other_language import is_unreadable
from followup.domain.triage.own_words import NO_TEXTS, OurTexts, Own, own_words
from followup.domain.triage.phrases import Lexicon, Phrase, Places, Sought, Span, Wordings, words_of
from followup.domain.triage.readings import Numbers
from followup.domain.triage.second_net import FEWEST_WORDS, SecondNet, features_of
from followup.domain.triage.tokens import Forms, Speller, Word, readings_of


class ReplyClass(StrEnum):
    """What a reply is about, the gravest first. An emergency and a crisis are red flags as well."""

    CRISIS = "crisis"
    EMERGENCY = "emergency"
    SUGAR_EMERGENCY = "sugar-emergency"
    RED_FLAG = "red-flag"
    OTHER_LANGUAGE = "other-language"
    """Not in a language that the phrases know: it may be anything."""
    WOUND = "wound"
    SUGAR = "sugar"
    DECEASED = "deceased"
    WRONG_PERSON = "wrong-person"
    PAIN = "pain"
    HELP = "help"
    STOP = "stop"
    START = "start"
    UNCLEAR = "unclear"
    """Not provably harmless, and no phrase says more."""
    QUESTION = "question"
    """About the practical side alone: when, where, with whom. What one may do, a person answers."""
    THANKS = "thanks"
    BENIGN = "benign"


ORDER = tuple(ReplyClass)
GRAVE_CLASSES = frozenset(ORDER[: ORDER.index(ReplyClass.WOUND)])
"""A person looks at once, by night as by day."""
HARMLESS_CLASSES = frozenset({ReplyClass.QUESTION, ReplyClass.THANKS, ReplyClass.BENIGN})
REQUEST_CLASSES = frozenset({ReplyClass.STOP, ReplyClass.START})
AT_ONCE, WITH_CARE = 1, 2
"""Urgencies; what they mean in time is the clinic's to set."""
Seen = dict[tuple[object, ...], Sentence]
"""Sentences of one reply, by their words and the list that they were looked up in."""
BARRIER = tuple(Word("", frozenset(), "") for _ in range(8))
"""Stands for a sentence that is harmless: no phrase reaches across."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Phrases that mean one thing. Those of `whole` count where they are all that was written.

    `yields` says that words which another rule has found count for that one alone: the "pain" of
    "pain in my chest". Where a phrase of `unless` stands, the rule does not count.
    """

    code: str
    classes: tuple[ReplyClass, ...]
    phrases: tuple[Phrase, ...]
    whole: frozenset[tuple[str, ...]]
    yields: bool
    unless: tuple[Phrase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of whoever wrote. It may raise how soon somebody looks, and never lower it.

    `day` counts from the procedure, `step` is the step last sent, `attributes` are the answers at
    enrolment, `asked` says that a question of ours is open.
    """

    day: int | None = None
    step: str | None = None
    attributes: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    protocol: str | None = None
    asked: bool = False


NOBODY_KNOWN = Known()


@dataclass(frozen=True, slots=True, kw_only=True)
class SugarContext:
    """When a bare number may be a blood sugar: by the patient's answers, or the step last sent."""

    attributes: frozenset[str]
    steps: frozenset[str]

    def expects(self, known: Known) -> bool:
        diabetic = any(known.attributes.get(each) for each in self.attributes)
        return diabetic or known.step in self.steps

    def excludes(self, known: Known) -> bool:
        """Say whether it is known that the patient has no diabetes."""
        answers = [known.attributes[each] for each in self.attributes if each in known.attributes]
        return bool(answers) and not any(answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a reply is about: its classes, the gravest first, the rules and the words found."""

    classes: tuple[ReplyClass, ...]
    codes: tuple[str, ...]
    phrases: tuple[str, ...]
    version: str
    meaning: ReplyIntent = ReplyIntent.OTHER

    @property
    def gravest(self) -> ReplyClass:
        return self.classes[0]

    @property
    def is_harmless(self) -> bool:
        return not set(self.classes) - HARMLESS_CLASSES

    @property
    def urgency(self) -> int | None:
        """How soon a person should look; None where nobody need."""
        if set(self.classes) & GRAVE_CLASSES:
            return AT_ONCE
        return WITH_CARE if set(self.classes) - HARMLESS_CLASSES - REQUEST_CLASSES else None


@dataclass(frozen=True, kw_only=True)
class Clauses:
    """The closed list of what is harmless.

    `depends` are words that answer a question or an advice: "yes" is harmless unless something was
    asked, or the warning signs were sent last (`asking_steps`). `pictures` are harmless emoji.
    """

    plain: tuple[Clause, ...]
    questions: tuple[Clause, ...]
    frames: tuple[Clause, ...]
    asking_frames: tuple[Clause, ...]
    everyday: Everyday
    courtesies: frozenset[str]
    thanks: frozenset[str]
    depends: frozenset[str]
    asking_steps: frozenset[str]
    pictures: frozenset[str]
    names: frozenset[str] = frozenset()
    """Names that somebody may sign with: any other word may be anything."""
    refuses: frozenset[str] = frozenset()
    """Words that deny in another language: where one stands, nothing is proved."""
    naming: frozenset[str] = frozenset()
    """Rules that only name a thing: where frames cover all, "walked home" is no sign."""
    turns: frozenset[str] = frozenset()
    """Words that deny, compare, or tell of loss and help: beside one a name is more than a name."""

    @cached_property
    def right(self) -> frozenset[str]:
        """The words of clauses and everyday talk: right as they stand."""
        everyday = self.everyday
        spoken = words_of((everyday.joins, everyday.asks, everyday.topics, everyday.idioms))
        return self.courtesies | self.thanks | _in(self.plain, self.questions) | spoken

    @cached_property
    def framed(self) -> frozenset[str]:
        """The words of frames: right where nothing that is looked for is as near."""
        return _in(self.frames, self.asking_frames)

    @cached_property
    def listed(self) -> Harmless:
        """The same, to be looked things up in: made once for all files that share it."""
        return Harmless(
            self.plain,
            questions=self.questions,
            frames=self.frames,
            asking_frames=self.asking_frames,
            everyday=self.everyday,
            courtesies=self.courtesies | self.thanks,
            names=self.names,
        )


Findings = dict[str, tuple[Rule | ReplyClass, str]]
"""What was found, by its code: the rule or the class, and the words."""


def _classes_of(what: Rule | ReplyClass) -> tuple[ReplyClass, ...]:
    return what.classes if isinstance(what, Rule) else (what,)


def _in(*clauses: Iterable[Clause]) -> frozenset[str]:
    each = chain.from_iterable(clauses)
    return words_of(part.wordings for clause in each for part in clause.parts)


class Triage:
    """The phrases of one language. Immutable, and safe to share between threads."""

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        language: str,
        version: str,
        clauses: Clauses,
        numbers: Numbers,
        sugar: SugarContext,
        affirming: Wordings,
        forms: Forms,
        ordinary: Iterable[str],
    ) -> None:
        self.language, self.version = language, version
        self.name, self.protocols = language, frozenset[str]()
        self.only_adds = False
        self._clauses, self._numbers, self._sugar = clauses, numbers, sugar
        self._affirming = affirming
        self._net: SecondNet | None = None
        # What yields comes last: it takes what no other rule has found.
        self.rules = tuple(sorted(rules, key=lambda rule: rule.yields))
        parts = [
            part
            for rule in rules
            for phrase in (*rule.phrases, *rule.unless)
            for part in phrase.parts
        ]
        known = words_of(parts) | {word for rule in rules for each in rule.whole for word in each}
        right = clauses.right.union(ordinary)
        self._words = frozenset(known | right)
        self._lexicon = Lexicon([*parts, affirming])
        self._unless = {
            place: tuple(Sought.of(phrase, self._lexicon) for phrase in rule.unless)
            for place, rule in enumerate(self.rules)
            if rule.unless
        }
        self._meant = {
            rule.code: frozenset(word for wanted in rule.whole for word in wanted) for rule in rules
        }
        self._sought: dict[int, list[tuple[int, int, Sought]]] = {}
        for place, rule in enumerate(self.rules):
            for number, phrase in enumerate(rule.phrases):
                sought = Sought.of(phrase, self._lexicon)
                # Under the part with the fewest wordings: most texts are soon done with it.
                rarest = self._lexicon.number(min(phrase.parts, key=len))
                self._sought.setdefault(rarest, []).append((place, number, sought))
        self._speller = Speller(known, ordinary=right - known, listed=clauses.framed, forms=forms)
        self._listed = clauses.listed

    @property
    def key(self) -> str:
        """The name of its file: a language, or an addition to one for some protocols."""
        return self.name

    def named(self, name: str, protocols: Iterable[str], *, only_adds: bool = False) -> Triage:
        """Return the same phrases, as those of some protocols.

        Where they `only_adds`, the general ones of their language are all among them, unchanged.
        """
        theirs = copy.copy(self)
        theirs.name, theirs.protocols = name, frozenset(protocols)
        theirs.only_adds = only_adds
        return theirs

    def backed_by(self, net: SecondNet | None) -> Triage:
        """Return the same phrases, with a second net for what they don't find."""
        backed = copy.copy(self)
        backed._net = net  # noqa: SLF001 - its own copy
        return backed

    def sort(
        self,
        own: Own,
        *,
        meaning: ReplyIntent = ReplyIntent.OTHER,
        known: Known = NOBODY_KNOWN,
        seen: Seen | None = None,
    ) -> Found:
        """Return what a reply is about; `seen` holds what other files have found in it.

        Of a text with characters that cannot be seen, everything counts that either way to read it
        shows.
        """
        found: Findings = {}
        text = self._speller.pictured(own.words)
        seen = {} if seen is None else seen
        readings = [self._placed(reading, seen) for reading in readings_of(text)]
        for placed in readings:
            for code, what, phrase in self._look(placed, known=known):
                found.setdefault(code, (what, phrase))
        if self._says_high(own.words, known):
            found.setdefault("meter-hi", (ReplyClass.SUGAR_EMERGENCY, own.words.strip()))
        if own.quoted and self._affirms(readings[0]) and self._is_grave(own.quoted):
            found.setdefault("quoted", (ReplyClass.RED_FLAG, own.words.strip()))
        found = self._without_what_is_only_named(found, text, readings)
        classes = {each for what, _ in found.values() for each in _classes_of(what)}
        if found.keys() <= self._clauses.naming and (
            harmless := self._harmless(text, own, placed=readings[0], known=known, seen=seen)
        ):
            classes, found = harmless, {}
        if not classes and meaning is ReplyIntent.OTHER:
            classes = {self._unsorted(own.words)}
        if self._net and _says_more(classes, meaning):
            for each, weighed in _raised(self._net, text, besides=classes & GRAVE_CLASSES):
                classes.add(each)
                found[f"second-net-{each}"] = (each, weighed)
        return Found(
            classes=_ordered(classes),
            codes=tuple(found),
            phrases=tuple(dict.fromkeys(phrase for _, phrase in found.values())),
            version=f"{self.name}/{self.version}"
            + (f"+net-{self._net.version}" if self._net else ""),
        )

    def _placed(self, reading: str, seen: Seen) -> list[Sentence]:
        """Return the sentences of one reading, and where the parts of clauses stand in each."""
        words = self._speller.words(reading)
        found = []
        for start, end in sentences(words):
            key = (self._listed, *words[start:end])
            if key not in seen:
                seen[key] = Sentence(words[start:end], listed=self._listed)
            found.append(seen[key])
        return found

    def _look(
        self, placed: Sequence[Sentence], *, known: Known
    ) -> Iterator[tuple[str, Rule | ReplyClass, str]]:
        words = _words_of(placed)
        said = self._not_harmless(placed)
        found = self._phrases(self._lexicon.places(said))
        taken: set[int] = set()
        courtesies = self._clauses.courtesies
        plain = [word for word in words if word.written not in courtesies]
        for number, rule in enumerate(self.rules):
            spans = self._whole(rule, words, plain=plain)
            if not spans:
                spans = _first(found.get(number, ()), taken=taken, yields=rule.yields)
            if spans:
                yield rule.code, rule, _as_written(said, spans)
        expected = self._sugar.expects(known)
        for place in self._numbers.fevers(said):
            yield "temperature", ReplyClass.RED_FLAG, said[place].written
        for place, is_grave in self._numbers.sugars(said, expected=expected):
            grave = ReplyClass.SUGAR_EMERGENCY if is_grave else ReplyClass.SUGAR
            yield f"reading-{grave.value}", grave, said[place].written

    def _without_what_is_only_named(
        self, found: Findings, text: str, readings: Sequence[Sequence[Sentence]]
    ) -> Findings:
        """Return the findings without a grave thing that is no more than named.

        "Walked the dog. Tell Sheila" is for a person to read, and no alarm: everyday talk names it,
        or a longer reply without a word that turns what is said. It stays one where anything else
        grave was found, or where the second net has something to doubt.
        """
        grave = {code for code, (what, _) in found.items() if GRAVE_CLASSES & {*_classes_of(what)}}
        if not grave or grave - self._clauses.naming or not self._net or self._net.doubts(text):
            return found
        for placed in readings:
            said = self._not_harmless(placed, looseness=Looseness.EVERYDAY)
            if len(said) < FEWEST_WORDS or any(
                word.readings & self._clauses.turns for word in said
            ):
                again = self._phrases(self._lexicon.places(said))
                grave -= {self.rules[rule].code for rule in again}
        return {code: one for code, one in found.items() if code not in grave}

    def _not_harmless(
        self, placed: Sequence[Sentence], *, looseness: Looseness = Looseness.CLAUSES
    ) -> list[Word]:
        """Return the words with each harmless sentence replaced by what nothing reaches across."""
        said: list[Word] = []
        for sentence in placed:
            said += BARRIER if sentence.is_covered(looseness=looseness) else sentence.said()
        return said

    def _whole(
        self, rule: Rule, words: Sequence[Word], *, plain: Sequence[Word]
    ) -> tuple[Span, ...]:
        """Return the span of a text that is nothing but a phrase of the rule, and courtesies.

        `plain` are the words that are no courtesies.
        """
        meant = self._meant[rule.code]
        if not rule.whole or any(word.readings.isdisjoint(meant) for word in plain):
            return ()
        places = [
            place
            for place, word in enumerate(words)
            if word.written not in self._clauses.courtesies or word.readings & meant
        ]
        readings = [words[place].readings for place in places]
        for wanted in rule.whole:
            if len(wanted) == len(readings) and all(
                word in found for word, found in zip(wanted, readings, strict=True)
            ):
                return (Span(places[0], places[-1] + 1),)
        return ()

    def _phrases(self, places: Places) -> dict[int, list[tuple[Span, ...]]]:
        """Return for each rule, by its place, where its phrases stand, in their order."""
        sought = [one for part in places for one in self._sought.get(part, ())]
        found: dict[int, list[tuple[Span, ...]]] = {}
        for rule, _, phrase in sorted(sought, key=itemgetter(0, 1)):
            if spans := phrase.find(places):
                found.setdefault(rule, []).append(spans)
        return {
            rule: spans
            for rule, spans in found.items()
            if not any(one.find(places) for one in self._unless.get(rule, ()))
        }

    def _harmless(  # noqa: PLR0911 - one reason each
        self, text: str, own: Own, *, placed: list[Sentence], known: Known, seen: Seen
    ) -> set[ReplyClass]:
        """Return what a harmless text is, and nothing where it is not provably harmless."""
        pictures = set(_PICTURES.findall(text))
        if pictures - self._clauses.pictures:
            return set()
        plain = readings_of(_PICTURES.sub(" ", text))[0]
        each = self._placed(plain, seen) if pictures else placed
        words = _words_of(each)
        if not words:
            # A reaction, our words in quotes, or cheerful pictures: nothing of their own is said.
            is_silent = bool(own.quoted) and not text.strip()
            return {ReplyClass.BENIGN} if pictures or is_silent else set()
        if any(word.written in self._clauses.refuses for word in words):
            return set()
        if self._is_covered(each, Looseness.FRAMES):
            return self._listed_as(words, each, known=known, looseness=Looseness.FRAMES)
        if self._net is None or self._net.doubts(text):
            return set()
        if self._is_covered(each, Looseness.EVERYDAY):
            return self._listed_as(words, each, known=known, looseness=Looseness.EVERYDAY)
        return set()

    def _is_covered(
        self, each: Iterable[Sentence], looseness: Looseness, *, questions: bool = True
    ) -> bool:
        return all(
            sentence.is_covered(questions=questions, looseness=looseness)
            or (place > 0 and sentence.signs())
            for place, sentence in enumerate(each)
        )

    def _listed_as(
        self, words: Sequence[Word], each: Iterable[Sentence], *, known: Known, looseness: Looseness
    ) -> set[ReplyClass]:
        """Return what a text is of which every sentence is harmless."""
        if self._is_answer(words) and (known.asked or known.step in self._clauses.asking_steps):
            return set()
        if not self._is_covered(each, looseness, questions=False):
            return {ReplyClass.QUESTION}
        said = {reading for word in words for reading in word.readings}
        return {ReplyClass.THANKS if said & self._clauses.thanks else ReplyClass.BENIGN}

    def _is_answer(self, words: Sequence[Word]) -> bool:
        depends, courtesies = self._clauses.depends, self._clauses.courtesies
        answers = [word for word in words if word.readings & depends]
        return bool(answers) and all(word.readings & (depends | courtesies) for word in words)

    def _says_high(self, text: str, known: Known) -> bool:
        """Say whether the text is what a meter shows above its scale, or below: HI, LO."""
        if self._sugar.excludes(known):
            return False
        letters = re.sub(r"[^A-Za-z0-9]", "", text)
        if self._sugar.expects(known):
            letters = letters.upper()
        return letters in {"HI", "LO"}

    def _affirms(self, placed: Sequence[Sentence]) -> bool:
        said = self._not_harmless(placed)
        return self._lexicon.number(self._affirming) in self._lexicon.places(said)

    def _is_grave(self, quoted: str) -> bool:
        words = self._speller.words(readings_of(quoted)[0])
        found = self._phrases(self._lexicon.places(words))
        return any(set(self.rules[number].classes) & GRAVE_CLASSES for number in found)

    def _unsorted(self, text: str) -> ReplyClass:
        if is_unreadable(text, understood=self._words):
            return ReplyClass.OTHER_LANGUAGE
        return ReplyClass.UNCLEAR


def _words_of(placed: Sequence[Sentence]) -> list[Word]:
    return [word for sentence in placed for word in sentence.words]


def _first(found: Sequence[tuple[Span, ...]], *, taken: set[int], yields: bool) -> tuple[Span, ...]:
    """Return the first find of a rule, and take the words of all; of one that yields, the first."""
    first: tuple[Span, ...] = ()
    for spans in found:
        covered = {place for span in spans for place in range(span.start, span.end)}
        if yields and covered & taken:
            continue
        taken |= covered
        first = first or spans
        if yields:
            break
    return first


_PICTURES = re.compile(
    "[\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\U000e0000-\U000e007f]"
)
"""Emoji and other pictures, without the marks that join and vary them."""


def _says_more(classes: set[ReplyClass], meaning: ReplyIntent) -> bool:
    """Say whether a text is more than harmless, and than a request or an answer by itself."""
    return bool(classes - HARMLESS_CLASSES) or (
        not classes and meaning is ReplyIntent.STOP_AND_MORE
    )


def _raised(
    net: SecondNet, text: str, *, besides: set[ReplyClass]
) -> Iterator[tuple[ReplyClass, str]]:
    """Yield what the second net raises a text to, with the words that weighed most.

    `besides` is what phrases found that is grave: where they told an emergency, they know better.
    """
    features = features_of(text)
    if not besides:
        if not (weighed := net.grave.raised_by(features)):
            return
        yield ReplyClass.RED_FLAG, " … ".join(weighed)
    if besides - {ReplyClass.RED_FLAG, ReplyClass.OTHER_LANGUAGE}:
        return
    for kind, table in net.kinds.items():
        if weighed := table.raised_by(features):
            yield ReplyClass(kind), " … ".join(weighed)


def _ordered(classes: Iterable[ReplyClass]) -> tuple[ReplyClass, ...]:
    return tuple(sorted(set(classes), key=ORDER.index))


def _requests(meaning: ReplyIntent, *, opt_out_type: str | None) -> set[ReplyClass]:
    """Return the wishes to stop and to start, which no file can switch off."""
    if meaning in {ReplyIntent.STOP, ReplyIntent.STOP_AND_MORE}:
        return {ReplyClass.STOP}
    if meaning is ReplyIntent.START:
        return {ReplyClass.START}
    return {ReplyClass.HELP} if opt_out_type == "HELP" else set()


def _as_written(words: Sequence[Word], spans: Sequence[Span]) -> str:
    return " ".join(word.written for span in spans for word in words[span.start : span.end])


def sort_reply(
    files: Iterable[Triage],
    text: str,
    *,
    opt_out_type: str | None = None,
    known: Known = NOBODY_KNOWN,
    ours: OurTexts = NO_TEXTS,
) -> Found:
    """Return what a reply is about in any of the languages: what one finds counts.

    `opt_out_type` is what the provider made of it: STOP, START or HELP. It is harmless where one
    language proves it so and none finds more.
    """
    own = own_words(text, ours=ours)
    meaning = reply_intent(own.words, opt_out_type=opt_out_type)
    seen: Seen = {}
    each = [
        triage.sort(own, meaning=meaning, known=known, seen=seen)
        for triage in files_for(files, known.protocol)
    ]
    classes = {one for found in each for one in found.classes}
    classes |= _requests(meaning, opt_out_type=opt_out_type)
    if any(ReplyClass.OTHER_LANGUAGE not in found.classes for found in each):
        classes.discard(ReplyClass.OTHER_LANGUAGE)
    if more := classes - HARMLESS_CLASSES - {ReplyClass.UNCLEAR, ReplyClass.OTHER_LANGUAGE}:
        classes = more
    elif classes & HARMLESS_CLASSES:
        classes &= HARMLESS_CLASSES
    if meaning is ReplyIntent.STOP_AND_MORE and not classes - REQUEST_CLASSES:
        classes.add(ReplyClass.UNCLEAR)
    if not classes:
        # Without any phrases everything goes to a person, but for the requests.
        classes = {ReplyClass.UNCLEAR}
    return Found(
        classes=_ordered(classes),
        codes=tuple(dict.fromkeys(code for found in each for code in found.codes)),
        phrases=tuple(dict.fromkeys(phrase for found in each for phrase in found.phrases)),
        version=" ".join(found.version for found in each),
        meaning=meaning,
    )


def files_for(files: Iterable[Triage], protocol: str | None) -> list[Triage]:
    """Return the files that sort replies about a protocol: its own of a language, or the general.

    Of somebody who may be on any protocol, all of them count, but for general phrases that others
    hold as well: nobody looks for the same twice.
    """
    every = list(files)
    if protocol is None:
        held = {one.language for one in every if one.only_adds}
        return [one for one in every if one.protocols or one.language not in held]
    own = [one for one in every if protocol in one.protocols]
    replaced = {one.language for one in own}
    return [*(one for one in every if not one.protocols and one.language not in replaced), *own]
