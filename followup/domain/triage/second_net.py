"""Linear classifier over words and pairs of words: a second net that can only raise a reply.

People say that a leg has failed in more ways than anybody lists. Where no phrase found anything
grave and the reply is not provably harmless, its words and pairs of neighbours are looked up in a
table of points (`config/triage/second-net`), and a reply whose points come to the threshold is
read as a red flag. Two more tables tell an emergency and a crisis among what is grave. Nothing is
learnt while it runs, it never lowers anything, and the words that weighed most are shown
(decision 0014).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from followup.domain.errors import ProtocolError
from followup.domain.file_shape import Line, Shape, complaints, read_shape

MOST_SHOWN = 4
"""Words that are shown as the reason."""
FEWEST_WORDS = 5
"""A text of fewer is left to the phrases: "18.4" is what it is."""
NUMBER = "#"
"""Stands for every number: which one it is, the phrases know."""

_APOSTROPHES = re.compile("['’‘`\u00b4\u02bc\uff07]")
_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+")


Features = Mapping[str, str]
"""The words and pairs of neighbours of a text, and how each is written there first."""


def features_of(text: str) -> Features:
    """Return the words and the pairs of neighbours of a text."""
    written = words_of(text)
    plain = [NUMBER if word[0].isdigit() else word for word in written]
    found: dict[str, str] = {}
    for place, word in enumerate(plain):
        found.setdefault(word, written[place])
        if place:
            pair = f"{plain[place - 1]} {word}"
            found.setdefault(pair, f"{written[place - 1]} {written[place]}")
    return found


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters, without accents, apostrophes and signs."""
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text)).casefold()
    return _TOKEN.findall("".join(sign for sign in plain if not unicodedata.combining(sign)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsTable:
    """Points for words and pairs of words. Each counts once, however often it is written.

    `base` is what a text without any of them has.
    """

    base: int
    threshold: int
    points: Mapping[str, int]

    def total(self, features: Features) -> int:
        """Return the points of a text: its words and pairs, and what any text has."""
        return self.base + sum(self.points.get(feature, 0) for feature in features)

    def raised_by(self, features: Features) -> tuple[str, ...]:
        """Return the words that weighed most, in their order, of a text that is raised; else ()."""
        if sum(" " not in feature for feature in features) < FEWEST_WORDS:
            return ()
        weighed = {
            feature: (self.points[feature], written)
            for feature, written in features.items()
            if feature in self.points
        }
        if self.total(features) < self.threshold:
            return ()
        most = sorted(weighed, key=lambda feature: -weighed[feature][0])[:MOST_SHOWN]
        return tuple(weighed[feature][1] for feature in weighed if feature in most) or ("",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondNet:
    """The tables of one language: one that tells what is grave, and those that say how."""

    language: str
    version: str
    grave: PointsTable
    kinds: Mapping[str, PointsTable]
    """By the class that each raises a grave reply to."""
    doubt: PointsTable | None = None
    """What a person should read: without such a table everyday words prove nothing."""

    def doubts(self, text: str) -> bool:
        """Say whether a text is too like those that a person should read, however short it is."""
        return self.doubt is None or self.doubt.total(features_of(text)) >= self.doubt.threshold


_LINE = re.compile(r"(-?\d+) (\S+(?: \S+)?)")


def _points(line: str) -> tuple[str, int] | None:
    if not line.strip():
        return None
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f'"{line}" is no line of points: write "54 cant" or "32 fall over"')
    return found[2], int(found[1])


class PointsShape(Shape):
    """One table."""

    _points: dict[str, int] = PrivateAttr(default_factory=dict)
    base: int = Field(description="the points of a text none of whose words are known")
    threshold: int = Field(description="the points from which on a reply is raised")
    points: list[str] = Field(
        min_length=1,
        description="lines of points, for a word or two neighbours: `54 cant`, `32 fall over`; "
        "`#` is any number",
    )

    @field_validator("points", mode="before")
    @classmethod
    def _lines(cls, said: object) -> object:
        # One text of many lines is read many times as fast as a table of as many keys.
        return said.split("\n") if isinstance(said, str) else said

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        self._points = dict(filter(None, map(_points, self.points)))
        if not self._points:
            raise ValueError("has no points: write at least one line")
        return self

    def value(self) -> PointsTable:
        return PointsTable(base=self.base, threshold=self.threshold, points=self._points)


class SecondNetShape(Shape):
    """Tables of points, made by `python -m scripts.train_second_net`."""

    language: str = Field(pattern="^[a-z]{2,3}$", description="that of its phrases: `en`")
    version: Line = Field(description="raised with every training")
    grave: PointsShape = Field(description="what raises a reply to a red flag")
    emergency: PointsShape | None = Field(
        default=None, description="what raises a grave reply to an emergency"
    )
    crisis: PointsShape | None = Field(
        default=None, description="what raises a grave reply to a crisis"
    )
    doubt: PointsShape | None = Field(
        default=None, description="what everyday words alone don't prove harmless"
    )


def parse_second_net(data: Mapping[str, object], *, file: str) -> SecondNet:
    """Return the table, or raise `ProtocolError` with a line for everything that is wrong."""
    shape, problems = read_shape(SecondNetShape, data)
    if shape is None:
        raise ProtocolError(complaints(problems, file=file))
    kinds = {"emergency": shape.emergency, "crisis": shape.crisis}
    return SecondNet(
        language=shape.language,
        version=shape.version,
        grave=shape.grave.value(),
        kinds={kind: table.value() for kind, table in kinds.items() if table},
        doubt=shape.doubt.value() if shape.doubt else None,
    )
