"""Elements of FHIR R4 that are read from what hospitals send, with the rules that R4 has for them.

Plain models of https://hl7.org/fhir/R4. An element that R4 has and that is not read here is taken
for the kind that it is, and no more; one that R4 does not have is refused.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

PATTERNS = {
    "code": re.compile(r"[^\s]+(\s[^\s]+)*"),
    "id": re.compile(r"[A-Za-z0-9\-.]{1,64}"),
    "uri": re.compile(r"\S+"),
    "date": re.compile(r"\d{4}(-\d\d(-\d\d)?)?"),
    "dateTime": re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?"),
    "instant": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
}
WHAT_TO_WRITE = {
    "code": "write a code: text without spaces at its ends, and no two spaces together",
    "id": "write an id: 1 to 64 letters, digits, dashes and dots",
    "uri": "write a URI: no spaces",
    "date": "write a date, as in 1957-05-17",
    "dateTime": "write a date, or a date and time with its offset, as in 2026-10-19T14:30:00+01:00",
    "instant": "write a date and time with its offset, as in 2026-10-19T14:30:00+01:00",
}
TIMES = frozenset({"date", "dateTime", "instant"})


def _written_as(kind: str) -> AfterValidator:
    def check(text: str) -> str:
        if not PATTERNS[kind].fullmatch(text):
            raise ValueError(WHAT_TO_WRITE[kind])
        if kind in TIMES:
            _must_exist(text)
        return text

    return AfterValidator(check)


def _must_exist(text: str) -> None:
    try:
        if "T" in text:
            # Python counts no leap seconds, and no more than microseconds.
            datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        else:
            date.fromisoformat(f"{text}-01-01"[:10] if len(text) < 10 else text)  # noqa: PLR2004
    except ValueError:
        raise ValueError("there is no such date or time") from None


Text = Annotated[str, Field(min_length=1)]
Code = Annotated[Text, _written_as("code")]
Id = Annotated[Text, _written_as("id")]
Uri = Annotated[Text, _written_as("uri")]
Date = Annotated[Text, _written_as("date")]
DateTime = Annotated[Text, _written_as("dateTime")]
Instant = Annotated[Text, _written_as("instant")]

One = dict[str, Any]
"""An element that is not read."""
Many = list[dict[str, Any]]


class Part(BaseModel):
    """A part of a resource, named in camel case as FHIR does."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        serialize_by_alias=True,
    )

    id: Text | None = None
    extension: list[Extension] | None = None


class Extension(Part):
    """What R4 itself has no element for; of most the value is not read."""

    model_config = ConfigDict(extra="allow")

    url: Uri


# Each is made of the other.
Part.model_rebuild()


class Period(Part):
    start: DateTime | None = None
    end: DateTime | None = None


class Coding(Part):
    system: Uri | None = None
    version: Text | None = None
    code: Code | None = None
    display: Text | None = None
    user_selected: bool | None = None


class CodeableConcept(Part):
    coding: list[Coding] | None = None
    text: Text | None = None

    def codes(self) -> list[tuple[str | None, str]]:
        """Return the codes, each with its system."""
        return [(each.system, each.code) for each in self.coding or () if each.code]


class Identifier(Part):
    use: Literal["usual", "official", "temp", "secondary", "old"] | None = None
    type: CodeableConcept | None = None
    system: Uri | None = None
    value: Text | None = None
    period: Period | None = None
    assigner: One | None = None


class Reference(Part):
    reference: Text | None = None
    type: Uri | None = None
    identifier: Identifier | None = None
    display: Text | None = None


class Meta(Part):
    version_id: Id | None = None
    last_updated: Instant | None = None
    source: Uri | None = None
    profile: list[Uri] | None = None
    security: list[Coding] | None = None
    tag: list[Coding] | None = None


class HumanName(Part):
    use: Literal["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"] | None = (
        None
    )
    text: Text | None = None
    family: Text | None = None
    given: list[Text] | None = None
    prefix: list[Text] | None = None
    suffix: list[Text] | None = None
    period: Period | None = None


class ContactPoint(Part):
    system: Literal["phone", "fax", "email", "pager", "url", "sms", "other"] | None = None
    value: Text | None = None
    use: Literal["home", "work", "temp", "old", "mobile"] | None = None
    rank: Annotated[int, Field(ge=1)] | None = None
    period: Period | None = None


class BackboneElement(Part):
    modifier_extension: list[Extension] | None = None

    @field_validator("modifier_extension")
    @classmethod
    def _changes_no_meaning(cls, _value: object) -> NoReturn:
        raise not_understood()


def not_understood() -> ValueError:
    """Return what R4 has answered where somebody's own rules may turn the meaning of the rest."""
    return ValueError("this may change the meaning of the rest, and is not understood here")


class Resource(BackboneElement):
    """What every resource has."""

    resource_type: str
    id: Id | None = None
    meta: Meta | None = None
    implicit_rules: Uri | None = None
    language: Code | None = None
    text: One | None = None
    contained: Many | None = None
    identifier: list[Identifier] | None = None

    @field_validator("implicit_rules")
    @classmethod
    def _no_rules_of_their_own(cls, _value: object) -> NoReturn:
        raise not_understood()
