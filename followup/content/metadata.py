"""Message metadata (meta.toml): limits, sources, and in which languages words may be sent."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Annotated, TypeVar

from pydantic import Field

from followup.content.version import ApprovalStatus
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError
from followup.domain.file_shape import Line, Shape, complaints, read_shape


class ApprovalShape(Shape):
    """Where the words in one language stand: who approved which bytes, their release says."""

    language: Line = Field(description="the language whose words this is about, as in `en`")
    status: Annotated[ApprovalStatus, Field(strict=False)] = Field(
        description="`draft` or `approved`"
    )


class Languages(Shape):
    """A card that says where words stand in each language."""

    approval: list[ApprovalShape] = Field(
        default=[], description="where the words stand, once for each language"
    )

    def standing(self, language: str) -> ApprovalStatus:
        """Say whether the words in a language are approved: a draft, unless the card says so."""
        found = [one.status for one in self.approval if one.language == language]
        return found[0] if found else ApprovalStatus.DRAFT


class Meta(Languages):
    """The card of one message."""

    title: Line = Field(description="what the message is, for people")
    audience: Line = Field(description="who gets it, for people")
    channels: list[Annotated[ChannelKind, Field(strict=False)]] = Field(
        default=list(ChannelKind), min_length=1, description="the channels that it has words for"
    )
    max_segments: int = Field(ge=1, le=10, description="how many segments its text may take")
    segments_in: dict[str, Annotated[int, Field(ge=1, le=10)]] = Field(
        default={},
        description="how many segments it may take in languages whose letters need more room",
    )
    review_due: date = Field(description="the last day by which its words should be read again")
    source: list[Line] = Field(min_length=1, description="the leaflet's sentences it rests on")
    departures: list[Line] = Field(
        default=[], description="where its words go beyond these sentences, or fall short of them"
    )

    def limit(self, language: str) -> int:
        """Return how many segments the text may take in a language."""
        return self.segments_in.get(language, self.max_segments)


Card = TypeVar("Card", bound=Shape)


def read_meta(text: str, *, file: str) -> Meta:
    """Return the card; raise `TemplateError` with all that is wrong with it and how to mend it."""
    return read_card(Meta, text, file=file)


def read_card(shape: type[Card], text: str, *, file: str) -> Card:
    """Return a card of this shape, or raise `TemplateError` as `read_meta` does."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"{file}: is not valid TOML, correct it: {error}") from error
    meta, problems = read_shape(shape, data)
    if meta is None:
        raise TemplateError(complaints(problems, file=file))
    return meta
