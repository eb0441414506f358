"""Reads the phrases of one language from the content of their file, or says all that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from followup.domain.errors import ProtocolError
from followup.domain.file_shape import Key, Line, Shape, complaints, read_shape
from followup.domain.triage.negation import Negation
from followup.domain.triage.phrases import Phrase, parse_phrase
from followup.domain.triage.triage import ReplyClass, Rule, Triage

Wording = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.]+( [a-z0-9.]+)*$")]
"""Small letters without accents and apostrophes, as replies are read: `cant`, `pass water`."""
PhraseText = Annotated[
    str, StringConstraints(pattern=r"^(\{[a-z-]+\}|[a-z0-9.]+)( (& )?(\{[a-z-]+\}|[a-z0-9.]+))*$")
]
WIDEST = 6
CAN_BE_DENIED = frozenset(ReplyClass) - {
    ReplyClass.START, ReplyClass.HELP, ReplyClass.THANKS, ReplyClass.WRONG_PERSON,
    ReplyClass.DECEASED,
}  # fmt: skip


class NegationShape(Shape):
    """The words of denying; see `followup.domain.triage.negation`."""

    denying: list[Wording] = Field(min_length=1, description="deny what follows: `no`, `not`")
    inherent: list[Wording] = Field(description="deny within a phrase alone: `cant`")
    light: list[Wording] = Field(description="may stand between a denying word and what it denies")
    parts_of_body: list[Key] = Field(
        default=[], description='groups that may stand before a noun that is denied: "no leg …"'
    )
    nouns: list[Wording] = Field(description='what can be listed: "no fever or weakness"')
    turns: list[Wording] = Field(description="after these a denial no longer holds: `but now`")


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
    courtesies: list[Wording] = Field(description="words that ask for nothing: `please`, `hello`")
    ordinary: list[Wording] = Field(
        description="right as they stand, and no slip of a phrase's word"
    )
    negation: NegationShape = Field(description="the words of denying")
    groups: dict[Key, list[Wording]] = Field(description="wordings of one thing, used as `{name}`")
    rules: list[RuleShape] = Field(min_length=1, description="what to look for")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        codes = [rule.code for rule in self.rules]
        if twice := {code for code in codes if codes.count(code) > 1}:
            raise ValueError(f"has two rules {', '.join(sorted(twice))}: give one another code")
        if strange := set(self.negation.parts_of_body) - self.groups.keys():
            raise ValueError(f"negation.parts_of_body names no group: {', '.join(sorted(strange))}")
        for rule in self.rules:
            self._phrases(rule)
        return self

    def _phrases(self, rule: RuleShape) -> tuple[Phrase, ...]:
        gap = self.gap if rule.gap is None else rule.gap
        return tuple(parse_phrase(text, groups=self.groups, gap=gap) for text in rule.phrases)

    def value(self) -> Triage:
        return Triage(
            [self._rule(rule) for rule in self.rules],
            language=self.language,
            version=self.version,
            negation=self._negation(),
            courtesies=self.courtesies,
            ordinary=self.ordinary,
        )

    def _rule(self, rule: RuleShape) -> Rule:
        return Rule(
            code=rule.code,
            classes=tuple(rule.classes),
            phrases=self._phrases(rule),
            whole=frozenset(tuple(text.split()) for text in rule.whole),
            can_be_denied=bool(CAN_BE_DENIED & set(rule.classes)),
            yields=rule.yields,
        )

    def _negation(self) -> Negation:
        words = self.negation
        return Negation(
            denying=frozenset(words.denying),
            inherent=frozenset(words.inherent),
            light=frozenset(words.light),
            nouns=frozenset(words.nouns),
            parts_of_body=frozenset(
                wording
                for group in words.parts_of_body
                for wording in self.groups[group]
                if " " not in wording
            ),
            turns=tuple(tuple(turn.split()) for turn in words.turns),
        )


def parse_triage(data: Mapping[str, object], *, file: str) -> Triage:
    """Return the phrases, or raise `ProtocolError` with a line for everything that is wrong."""
    shape, problems = read_shape(TriageShape, data)
    if shape is None:
        raise ProtocolError(complaints(problems, file=file))
    return shape.value()
