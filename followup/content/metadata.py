"""Message metadata (meta.toml): limits, sources, and who approved the words."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from followup.content.version import Approval, ApprovalStatus
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError
from followup.domain.file_shape import Line, Shape, complaints, read_shape

VersionId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ApprovalShape(Shape):
    """Where the words in one language stand: a draft, or approved as the exact versions named."""

    language: Line = Field(description="the language whose words this is about, as in `en`")
    status: Literal["draft", "approved"] = Field(description="`draft` or `approved`")
    by_role: Line | None = Field(default=None, description="the role of whoever approved them")
    on: date | None = Field(default=None, description="the day of the approval")
    versions: list[VersionId] = Field(
        default=[],
        description="what was approved: ids, as `python -m scripts.read_messages` prints them",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        signed = [self.by_role is not None, self.on is not None, bool(self.versions)]
        if self.status == "approved" and not all(signed):
            raise ValueError(
                "an approval needs all of by_role, on and versions: add what is missing"
            )
        if self.status == "draft" and any(signed):
            raise ValueError(
                "a draft has no by_role, on or versions: leave them out, or change the status to "
                '"approved"'
            )
        return self


class Signed(Shape):
    """A card that says where words stand in each language."""

    approval: list[ApprovalShape] = Field(
        default=[], description="where the words stand, once for each language"
    )

    def standing(self, language: str, version: str) -> tuple[ApprovalStatus, Approval | None]:
        """Say whether the version of that id is approved in that language, and by whom."""
        standing = ApprovalStatus.DRAFT
        for entry in self.approval:
            if entry.language != language or entry.by_role is None or entry.on is None:
                continue
            if version in entry.versions:
                return ApprovalStatus.APPROVED, Approval(entry.by_role, entry.on)
            standing = ApprovalStatus.CHANGED
        return standing, None


class Meta(Signed):
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
