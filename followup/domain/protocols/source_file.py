"""Shapes of what a protocol's file says about its source: what is left out, what goes beyond."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from followup.domain.file_shape import Line, Shape
from followup.domain.protocols.protocol import Beyond, CallQuestion, LeftOut, Standing

DocumentName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*\.txt$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class LeftOutShape(Shape):
    """A sentence of the document that no message says."""

    sentence: Line = Field(description="the sentence, word for word")
    reason: Line = Field(description="why no message says it")

    def value(self) -> LeftOut:
        return LeftOut(self.sentence, self.reason)


class DecidedShape(Shape):
    """Something that a clinician accepts or strikes."""

    standing: Annotated[Standing, Field(strict=False)] = Field(
        description="`proposed` until a clinician has `accepted` it or `struck` it"
    )
    by_role: Line | None = Field(default=None, description="the role of whoever decided")
    on: date | None = Field(default=None, description="the day of the decision")

    @model_validator(mode="after")
    def _is_decided_by_somebody(self) -> Self:
        signed = [self.by_role is not None, self.on is not None]
        if self.standing is not Standing.PROPOSED and not all(signed):
            raise ValueError(f"{self.standing} needs by_role and on: say who decided, and when")
        if self.standing is Standing.PROPOSED and any(signed):
            raise ValueError("what is proposed has no by_role or on: leave them out, or decide")
        return self


class BeyondShape(DecidedShape):
    """Something that messages say and the document does not."""

    says: Line = Field(description="what is said, in a sentence")
    words: Line = Field(description="the words by which it is found in messages")
    source: Line = Field(description="what it rests on instead of the document")

    def value(self) -> Beyond:
        return Beyond(**dict(self))


class CallQuestionShape(DecidedShape):
    """A question that staff ask a patient whom they ring about a warning sign."""

    asks: Line = Field(description="the question, as it is said on the phone")
    if_yes: Line = Field(description="what the patient is told when the answer is yes")
    source: Line = Field(description="what it rests on: the document's sentence, or what else")

    def value(self) -> CallQuestion:
        return CallQuestion(**dict(self))
