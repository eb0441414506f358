"""Reads a protocol from the content of its file, or says all that is wrong with it.

`docs/writing-a-protocol.md` explains the keys to clinics; their descriptions here go into the
JSON Schema, for editors.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from followup.domain.channel import ChannelKind
from followup.domain.errors import ProtocolError
from followup.domain.file_shape import (
    AttributeKey,
    Duration,
    Key,
    Line,
    Shape,
    complaints,
    read_shape,
)
from followup.domain.protocols.protocol import Attribute, Missed, Predicate, Protocol, Source, Step
from followup.domain.protocols.protocol_rules import rule_problems
from followup.domain.protocols.source_file import (
    BeyondShape,
    CallQuestionShape,
    DocumentName,
    LeftOutShape,
    Sha256,
)
from followup.domain.protocols.timing_file import NotAfterShape, NotBeforeShape, TargetShape

SHORTEST_REPLY = timedelta(hours=2)
"""Patients look at their phones when they can: less would ask a person about most of them."""


class AttributeShape(Shape):
    """A fact about the patient that is asked for at enrolment."""

    key: AttributeKey = Field(description="its name in audiences and in the API")
    question: Line = Field(description="the question, to be answered yes or no")
    flag: Key | None = Field(
        default=None, description="its name on the command line, if not that of the key"
    )

    def value(self) -> Attribute:
        return Attribute(self.key, self.question, self.flag or self.key.replace("_", "-"))


def _with_unlike_flags(attributes: list[AttributeShape]) -> list[AttributeShape]:
    flags = Counter(attribute.value().flag for attribute in attributes)
    for flag, times in flags.items():
        if times > 1:
            raise ValueError(f'{times} of them have the flag "{flag}": give each one of its own')
    return attributes


class SourceShape(Shape):
    """The document that the protocol puts into messages."""

    reference: Line = Field(description="the document's reference, as printed on it")
    title: Line = Field(description="the document's title")
    version: Line = Field(description="the document's version, as printed on it")
    issued: date = Field(description="the day on which it was issued")
    review_due: date = Field(description="the last day by which it should be reviewed")
    note: Line | None = Field(default=None, description="a reservation that users must know of")
    document: DocumentName | None = Field(
        default=None, description="the name of the file in `sources` that holds its text"
    )
    sha256: Sha256 | None = Field(default=None, description="the SHA-256 of that file")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if (self.document is None) != (self.sha256 is None):
            raise ValueError("document and sha256 belong together: write both or neither")
        if self.review_due < self.issued:
            raise ValueError("review_due is before issued: correct one of them")
        return self

    def value(self) -> Source:
        return Source(**dict(self))


def _without_repeats(channels: list[ChannelKind]) -> list[ChannelKind]:
    if len(set(channels)) < len(channels):
        raise ValueError("names a channel twice: name each once, the preferred one first")
    return channels


class StepShape(Shape):
    """One piece of advice."""

    key: Key = Field(description="its name, unlike that of any other step")
    audience: dict[str, bool] = Field(
        default={},
        description="the answers that a patient must have given; left out, it goes to everybody",
    )
    targets: list[TargetShape] = Field(
        min_length=1, description="when it is best sent, once for each repeat"
    )
    not_before: NotBeforeShape = Field(description="before this, it is not true yet")
    not_after: NotAfterShape = Field(description="from then on, it is of no use")
    missed: Annotated[Missed, Field(strict=False)] = Field(
        description="when it could not be sent in time: `drop` it, or have a `person` ring"
    )
    channels: Annotated[
        list[Annotated[ChannelKind, Field(strict=False)]], AfterValidator(_without_repeats)
    ] = Field(
        min_length=1,
        description="how it may be sent, the preferred way first",
        json_schema_extra={"uniqueItems": True},
    )
    fallback: bool = Field(
        default=True, description="whether a failed message goes out once on the next channel"
    )
    priority: int = Field(default=5, ge=1, le=9, description="from 1, most urgent, to 9")
    template: Key | None = Field(
        default=None, description="the folder of its words, if not that of the step's key"
    )
    source: Line = Field(description="the sentence of the document that it rests on")
    receipt_deadline: Duration = Field(
        default=timedelta(hours=24),
        description="without a delivery receipt by then after sending, a person is asked to look",
        json_schema_extra={"default": "24h"},
    )
    reply_within: Duration | None = Field(
        default=None,
        description="the text asks for the reply 1 (all is well) or 2 (please ring); without one "
        "by then after sending, a person is asked to ring",
    )

    @model_validator(mode="after")
    def _can_be_replied_to(self) -> Self:
        if self.reply_within is None:
            return self
        if ChannelKind.SMS not in self.channels:
            raise ValueError(
                'asks for a reply, which can be given to a text alone: add "sms" to channels, or '
                "leave reply_within out"
            )
        if self.reply_within < SHORTEST_REPLY:
            raise ValueError(
                "reply_within leaves too little time to answer: write at least "
                f'"{SHORTEST_REPLY.seconds // 3600}h"'
            )
        return self

    def value(self) -> Step:
        return Step(
            key=self.key,
            audience=tuple(Predicate(*answer) for answer in self.audience.items()),
            occurrences=tuple(target.timing() for target in self.targets),
            not_before=self.not_before.bound(),
            not_after=self.not_after.bound(),
            missed=self.missed,
            channels=tuple(self.channels),
            # With a single channel there is nothing to fall back on.
            fallback=self.fallback and len(self.channels) > 1,
            priority=self.priority,
            template=self.template or self.key,
            source=self.source,
            receipt_deadline=self.receipt_deadline,
            reply_within=self.reply_within,
        )


class ProtocolShape(Shape):
    """A follow-up protocol: who is sent which advice after a procedure, when, and how."""

    key: Key = Field(description="its name in the API and on the command line")
    name: Line = Field(description="its name for people")
    example: bool = Field(
        default=False, description="true of one that is not for patients: none of it is sent to any"
    )
    source: SourceShape = Field(description="the document that it puts into messages")
    attributes: Annotated[list[AttributeShape], AfterValidator(_with_unlike_flags)] = Field(
        default=[], description="what must be known of a patient at enrolment"
    )
    steps: list[StepShape] = Field(min_length=1, description="the advice, in order")
    left_out: list[LeftOutShape] = Field(
        default=[], description="sentences of the document that no message says"
    )
    beyond: list[BeyondShape] = Field(
        default=[], description="what messages say and the document does not"
    )
    call_questions: list[CallQuestionShape] = Field(
        default=[], description="what staff ask a patient whom they ring about a warning sign"
    )
    red_flags_until_reason: Line | None = Field(
        default=None, description="why warning signs are not repeated until six weeks after it"
    )

    def value(self, definition: Mapping[str, Any]) -> Protocol:
        return Protocol(
            key=self.key,
            name=self.name,
            version=_digest(definition),
            definition=definition,
            example=self.example,
            source=self.source.value(),
            attributes=tuple(attribute.value() for attribute in self.attributes),
            steps=tuple(step.value() for step in self.steps),
            left_out=tuple(each.value() for each in self.left_out),
            beyond=tuple(each.value() for each in self.beyond),
            call_questions=tuple(each.value() for each in self.call_questions),
            red_flags_until_reason=self.red_flags_until_reason,
        )


def parse_protocol(data: Mapping[str, object], *, file: str) -> Protocol:
    """Return the protocol, or raise `ProtocolError` with a line for everything that is wrong."""
    shape, problems = read_shape(ProtocolShape, data)
    # Steps in good shape are checked also where others are not: one run shows all.
    problems += rule_problems(data, steps=_sound_steps(data), complete=shape is not None)
    if shape is None or problems:
        raise ProtocolError(complaints(problems, file=file))
    return shape.value(json.loads(json.dumps(data, default=str)))


def _digest(definition: Mapping[str, Any]) -> str:
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _sound_steps(data: Mapping[str, object]) -> list[Step]:
    given = data.get("steps")
    sound = []
    for table in given if isinstance(given, list) else []:
        try:
            sound.append(StepShape.model_validate(table).value())
        except ValidationError:
            continue
    return sound
