"""Reads the phrases of one language from the content of their file, or says all that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, PrivateAttr, StringConstraints, model_validator

from followup.domain.errors import ProtocolError
from followup.domain.file_shape import Key, Line, Shape, complaints, read_shape
from followup.domain.triage.harmless import Clause, Everyday, parse_clause
from followup.domain.triage.phrases import Groups, Phrase, Wordings, parse_phrase
from followup.domain.triage.readings import Numbers, Sugar, Temperature
from followup.domain.triage.stop_words import plain_of
from followup.domain.triage.tokens import Forms, Homophone
from followup.domain.triage.triage import (
    GRAVE_CLASSES,
    Clauses,
    ReplyClass,
    Rule,
    SugarContext,
    Triage,
)

Wording = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.]+( [a-z0-9.]+)*$")]
"""Small letters without accents and apostrophes, as replies are read: `cant`, `pass water`."""
LETTER = r"[^\s_!-/:-@\[-`{-~]"
"""A letter or digit of any script: not every checker of a schema knows them as `\\w`."""
Word = Annotated[str, StringConstraints(pattern=rf"^{LETTER}+$")]
PhraseText = Annotated[
    str,
    StringConstraints(pattern=r"^(\{[a-z-]+\}|[a-z0-9.]+~?)( (& )?(\{[a-z-]+\}|[a-z0-9.]+~?))*$"),
]
_GROUPED = rf"(\{{[a-z-]+\}}|{LETTER}+~?|[0-9]+\.[0-9]+)"
GroupText = Annotated[str, StringConstraints(pattern=rf"^{_GROUPED}( {_GROUPED})*$")]
ClauseText = Annotated[
    str,
    StringConstraints(
        pattern=rf"^(\{{[a-z-]+\}}|{LETTER}+~?|@name)[?*]?"
        rf"( (\{{[a-z-]+\}}|{LETTER}+~?|@name)[?*]?)*( \.)?$"
    ),
]
Number = Annotated[float, Field(strict=False, ge=0, le=1000)]
WIDEST = 12


class HomophoneShape(Shape):
    """A word that is heard for another one, as dictation does."""

    written: Wording = Field(description="what stands there: `week`")
    heard: Wording = Field(description="what it may be: `weak`")
    only_after: list[str] = Field(
        default=[], description="counts only after one of these; `^` is the beginning"
    )
    not_after: list[Wording] = Field(default=[], description="never after one of these")
    not_before: list[Wording] = Field(default=[], description="never before one of these")


class FormsShape(Shape):
    """How words become others by rule; see `followup.domain.triage.tokens.Forms`."""

    negatives: dict[str, Wording] = Field(description="the negative of each verb: can is `cant`")
    endings: list[str] = Field(description="what makes it negative: `nae` in cannae")
    apart: list[str] = Field(description="what does as a word of its own: `not` in can not")
    variants: dict[str, list[str]] = Field(description="other spellings of one word")
    measures: list[str] = Field(description="behind these a number counts no tablets: `mg`")
    homophones: list[HomophoneShape] = Field(default=[], description="slips of dictation")
    pictures: dict[str, Wording] = Field(description="emoji that stand for a word")

    def value(self) -> Forms:
        variants: dict[str, set[str]] = {}
        for word, spellings in self.variants.items():
            for spelling in spellings:
                variants.setdefault(spelling, set()).add(word)
        return Forms(
            negatives=self.negatives,
            endings=tuple(self.endings),
            apart=frozenset(self.apart),
            variants={spelling: frozenset(words) for spelling, words in variants.items()},
            homophones=tuple(
                Homophone(
                    written=one.written,
                    heard=one.heard,
                    only_after=frozenset(one.only_after),
                    not_after=frozenset(one.not_after),
                    not_before=frozenset(one.not_before),
                )
                for one in self.homophones
            ),
            pictures=self.pictures,
            measures=frozenset(self.measures),
        )


class EverydayShape(Shape):
    """Everyday talk; see `followup.domain.triage.harmless.Everyday`."""

    joins: list[GroupText] = Field(default=[], description="words that join topics")
    asks: list[GroupText] = Field(default=[], description="words that ask about them")
    topics: list[GroupText] = Field(default=[], description="one of these stands in each sentence")
    idioms: list[GroupText] = Field(
        default=[], description="they name what they do not mean: no phrase is found in their words"
    )


class HarmlessShape(Shape):
    """The closed list of what is harmless; see `followup.domain.triage.harmless`."""

    courtesies: list[Word] = Field(description="words that say nothing, wherever they stand")
    thanks: list[Word] = Field(description="words that thank")
    depends: list[Wording] = Field(description="harmless unless something was asked: `yes`")
    asking_steps: list[Key] = Field(description="after these steps, `yes` may mean a warning sign")
    pictures: list[str] = Field(description="emoji that say nothing: any other is read")
    clauses: list[ClauseText] = Field(min_length=1, description="harmless clauses, word for word")
    questions: list[ClauseText] = Field(description="questions about the practical side alone")
    frames: list[ClauseText] = Field(
        default=[], description="a topic among words of closed vocabularies, in any order"
    )
    asking_frames: list[ClauseText] = Field(
        default=[], description="such frames of questions about the practical side"
    )
    everyday: EverydayShape = Field(
        default=EverydayShape(), description="words of daily life, for whole sentences in any order"
    )
    names: list[Word] = Field(default=[], description="names that people sign with, as `@name`")
    refuses: list[Word] = Field(
        default=[], description="words that deny in another language: beside them nothing is proved"
    )
    naming: list[Key] = Field(
        default=[], description="rules that only name a thing: a reply of frames takes them back"
    )
    turns: list[Word] = Field(
        default=[],
        description="words that deny, compare, or tell of loss: none stands by a mere name",
    )
    words: dict[Key, list[GroupText]] = Field(
        default={}, description="vocabularies of frames, as `{name}`: nothing here is a complaint"
    )


class TemperatureShape(Shape):
    """When a number is a fever."""

    celsius: tuple[Number, Number] = Field(strict=False, description="from, to")
    fahrenheit: tuple[Number, Number] = Field(strict=False, description="from, to")
    cues: list[Wording] = Field(description="words that say what the number is")
    followed_by: list[Wording] = Field(description="words after which a whole number is one too")


class SugarShape(Shape):
    """When a number is a blood sugar, and from where on it is grave."""

    cues: list[Wording] = Field(description="words that say what the number is")
    readings: tuple[Number, Number] = Field(strict=False, description="mmol/L, from, to")
    grave_from: Number = Field(description="mmol/L: a sugar emergency from here on")
    grave_below: Number = Field(description="mmol/L: a sugar emergency below this")
    ketone_cues: list[Wording] = Field(description="words for ketones")
    ketones_grave_from: Number = Field(description="mmol/L of ketones: from here on")
    attributes: list[str] = Field(description="enrolment answers that say: has diabetes")
    steps: list[Key] = Field(description="after these steps a bare number is a blood sugar")


class NumbersShape(Shape):
    """What numbers of a reply may mean."""

    temperature: TemperatureShape = Field(description="when it is a fever")
    sugar: SugarShape = Field(description="when it is a blood sugar")
    units: list[Wording] = Field(description="behind these a number is something else: `mg`")
    not_after: list[Wording] = Field(description="after these it is something else: `room`")

    def value(self) -> Numbers:
        heat, sugar = self.temperature, self.sugar
        return Numbers(
            temperature=Temperature(
                celsius=heat.celsius,
                fahrenheit=heat.fahrenheit,
                cues=frozenset(heat.cues),
                followed_by=frozenset(heat.followed_by),
            ),
            sugar=Sugar(
                cues=frozenset(sugar.cues),
                readings=sugar.readings,
                grave_from=sugar.grave_from,
                grave_below=sugar.grave_below,
                ketone_cues=frozenset(sugar.ketone_cues),
                ketones_grave_from=sugar.ketones_grave_from,
            ),
            units=frozenset(self.units),
            not_after=frozenset(self.not_after),
        )


class RuleShape(Shape):
    """Phrases that mean one thing."""

    code: Key = Field(description="its name in the worklist and the audit trail")
    classes: list[Annotated[ReplyClass, Field(strict=False)]] = Field(
        min_length=1, description="what a reply that holds one of them is about"
    )
    source: Line = Field(description="what it rests on: the leaflet's sentence, or why it is here")
    phrases: list[PhraseText] = Field(default=[], description="stand anywhere in the text")
    whole: list[Wording] = Field(default=[], description="are all that was written")
    gap: Annotated[int, Field(ge=0, le=WIDEST)] | None = Field(
        default=None, description="how many words may stand between two parts, if not as usual"
    )
    unless: list[PhraseText] = Field(
        default=[], description="where one of these stands too, the rule does not count"
    )
    yields: bool = Field(
        default=False, description="whether words that another rule found count for that one alone"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.phrases and not self.whole:
            raise ValueError("is empty: add phrases, or whole")
        return self


class TriageShape(Shape):
    """The phrases by which replies in one language are sorted."""

    language: str = Field(pattern="^[a-z]{2,3}$", description="the language of the replies: `en`")
    version: Line = Field(description="raised with every change; kept with each reply sorted by it")
    sources: list[Line] = Field(min_length=1, description="what the phrases rest on, as a whole")
    unconfirmed: list[Line] = Field(default=[], description="what no clinician has confirmed yet")
    gap: int = Field(ge=0, le=WIDEST, description="how many words may stand between two parts")
    affirming: list[GroupText] = Field(
        min_length=1, description='beside a quoted warning sign they mean it: "thats me"'
    )
    ordinary: list[Wording] = Field(
        description="right as they stand, and no slip of a phrase's word"
    )
    forms: FormsShape = Field(description="how words become others by rule")
    numbers: NumbersShape = Field(description="what numbers may mean")
    harmless: HarmlessShape = Field(description="the closed list of what is harmless")
    groups: dict[Key, list[GroupText]] = Field(description="wordings of one thing, as `{name}`")
    rules: list[RuleShape] = Field(min_length=1, description="what to look for")
    _value: Triage = PrivateAttr()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if both := self.groups.keys() & self.harmless.words.keys():
            raise ValueError(
                f"has {', '.join(sorted(both))} under groups and harmless.words: rename one"
            )
        codes = [rule.code for rule in self.rules]
        if twice := {code for code in codes if codes.count(code) > 1}:
            raise ValueError(f"has two rules {', '.join(sorted(twice))}: give one another code")
        # What names a group that is not there is complained of like all else.
        self._value = self._made()
        return self

    def value(
        self, *, name: str | None = None, protocols: Iterable[str] = (), only_adds: bool = False
    ) -> Triage:
        """Return the phrases, as those of some protocols where they are named."""
        if not (name and protocols):
            return self._value
        return self._value.named(name, protocols, only_adds=only_adds)

    def _made(self) -> Triage:
        texts = json.dumps({**self.harmless.words, **self.groups})
        groups = _groups(texts)
        sugar = self.numbers.sugar
        affirming = frozenset(chain.from_iterable(map(groups.run, self.affirming)))
        return Triage(
            [self._rule(rule, groups) for rule in self.rules],
            language=self.language,
            version=self.version,
            clauses=_clauses(self.harmless.model_dump_json(), texts),
            numbers=self.numbers.value(),
            sugar=SugarContext(
                attributes=frozenset(sugar.attributes), steps=frozenset(sugar.steps)
            ),
            affirming=affirming,
            forms=self.forms.value(),
            ordinary=self.ordinary,
        )

    def _rule(self, rule: RuleShape, groups: Groups) -> Rule:
        gap = self.gap if rule.gap is None else rule.gap
        return Rule(
            code=rule.code,
            classes=tuple(rule.classes),
            phrases=_all(rule.phrases, lambda text: parse_phrase(text, groups=groups, gap=gap)),
            whole=frozenset(tuple(text.split()) for text in rule.whole),
            yields=rule.yields,
            unless=_all(rule.unless, lambda text: parse_phrase(text, groups=groups, gap=gap)),
        )


Parsed = TypeVar("Parsed", Phrase, Clause)


def _all(texts: Iterable[str], parse: Callable[[str], Parsed]) -> tuple[Parsed, ...]:
    return tuple(parse(text) for text in texts)


@lru_cache(maxsize=2)
def _groups(texts: str) -> Groups:
    """Return the groups of JSON, shared by all files that have the same ones."""
    return Groups(json.loads(texts))


@lru_cache(maxsize=4)
def _clauses(harmless: str, groups: str) -> Clauses:
    """Return the closed list of what is harmless, shared by all files that have the same one.

    Both are JSON. What single protocols add leaves the list as it is, and most of the memory and
    time that a file takes is the list.
    """
    said, made = HarmlessShape.model_validate_json(harmless), _groups(groups)

    def parsed(texts: list[str]) -> tuple[Clause, ...]:
        return _all(texts, lambda text: parse_clause(text, groups=made))

    def worded(texts: list[str]) -> Wordings:
        return frozenset(chain.from_iterable(map(made.run, texts)))

    return Clauses(
        plain=parsed(said.clauses),
        questions=parsed(said.questions),
        frames=parsed(said.frames),
        asking_frames=parsed(said.asking_frames),
        everyday=Everyday(
            joins=worded(said.everyday.joins),
            asks=worded(said.everyday.asks),
            topics=worded(said.everyday.topics),
            idioms=worded(said.everyday.idioms),
        ),
        courtesies=frozenset(said.courtesies),
        thanks=frozenset(said.thanks),
        depends=frozenset(said.depends),
        asking_steps=frozenset(said.asking_steps),
        pictures=frozenset(said.pictures),
        naming=frozenset(said.naming),
        names=frozenset(said.names),
        refuses=frozenset(plain_of(word) for word in said.refuses),
        turns=frozenset(said.turns),
    )


class AdditionShape(Shape):
    """What a protocol, or several, sort otherwise than the general file of a language."""

    language: str = Field(pattern="^[a-z]{2,3}$", description="the file that it adds to: `en`")
    version: Line = Field(description="raised with every change")
    protocols: list[Key] = Field(min_length=1, description="the protocols that it is for")
    sources: list[Line] = Field(min_length=1, description="what it rests on, as a whole")
    unconfirmed: list[Line] = Field(default=[], description="what no clinician has confirmed yet")
    without: list[Key] = Field(
        default=[], description="rules of the general file that do not count here"
    )
    groups: dict[Key, list[GroupText]] = Field(
        default={}, description="wordings of one thing; one that the general file has is replaced"
    )
    rules: list[RuleShape] = Field(default=[], description="what to look for besides")


def parse_triage(data: Mapping[str, object], *, file: str) -> Triage:
    """Return the phrases, or raise `ProtocolError` with a line for everything that is wrong."""
    shape, problems = read_shape(TriageShape, data)
    if shape is None:
        raise ProtocolError(complaints(problems, file=file))
    return shape.value()


def parse_addition(
    data: Mapping[str, object], *, general: Mapping[object, Mapping[str, Any]], file: str
) -> Triage:
    """Return the phrases for some protocols: those of the general file with what is added to it.

    `general` holds the content of the general file of each language.
    An emergency is one after any procedure: no rule about one can be left out.
    """
    shape, problems = read_shape(AdditionShape, data)
    if shape is None:
        raise ProtocolError(complaints(problems, file=file))
    if shape.language not in general:
        raise ProtocolError(
            f'{file}, language: there are no general phrases in "{shape.language}" to add to: '
            f"correct it, or write them; known here: {', '.join(map(str, general))}"
        )
    base = general[shape.language]
    kept = {rule["code"]: rule for rule in base["rules"]}
    for code in shape.without:
        gone = kept.pop(code, None)
        if gone is None:
            raise ProtocolError(f'{file}, without: there is no rule "{code}" to leave out')
        if set(gone["classes"]) & {each.value for each in GRAVE_CLASSES - {ReplyClass.RED_FLAG}}:
            raise ProtocolError(
                f'{file}, without: "{code}" is an emergency after any procedure: keep it'
            )
    added = [rule.model_dump(mode="json", exclude_none=True) for rule in shape.rules]
    merged = {
        **base,
        "version": f"{base['version']}+{shape.version}",
        "groups": {**base["groups"], **shape.groups},
        "rules": [*kept.values(), *added],
    }
    whole, problems = read_shape(TriageShape, merged)
    if whole is None:
        raise ProtocolError(complaints(problems, file=file))
    name = f"{shape.language}/{'+'.join(shape.protocols)}"
    only_adds = not shape.without and shape.groups.keys().isdisjoint(base["groups"])
    return whole.value(name=name, protocols=shape.protocols, only_adds=only_adds)
