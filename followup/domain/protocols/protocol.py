"""A follow-up protocol: who is sent which advice, when, how, and on which sentence it rests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput, NotFound, Problem
from followup.domain.protocols.timing import Bound, Timing, comes_before


class Missed(StrEnum):
    """What happens when a message could not be sent inside its window."""

    DROP = "drop"
    """Nothing more: late, the advice would be of no use."""
    PERSON = "person"
    """A person is asked to ring the patient."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A fact about the patient that is asked for at enrolment, as a question for yes or no.

    `flag` is its name on the command line: `--steroid` and `--no-steroid`.
    """

    key: str
    question: str
    flag: str


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on an attribute of the patient."""

    attribute: str
    equals: bool

    def holds(self, attributes: Mapping[str, bool]) -> bool:
        return attributes[self.attribute] is self.equals


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One piece of advice. Its occurrences are numbered from 1; each is a message of its own.

    `channels` are in order of preference. `fallback` lets a message that failed on one channel go
    out once on the other. `priority` is 1 (most urgent) to 9. `source` is the sentence of the
    leaflet that the advice rests on. Without a receipt by `receipt_deadline` after sending, a
    person is asked to look. Where there is `reply_within`, the text asks for the reply 1 (all is
    well) or 2 (please ring), and without one by then after sending a person is asked to ring.
    """

    key: str
    audience: tuple[Predicate, ...]
    occurrences: tuple[Timing, ...]
    not_before: Bound
    not_after: Bound
    missed: Missed
    channels: tuple[ChannelKind, ...]
    fallback: bool
    priority: int
    template: str
    source: str
    receipt_deadline: timedelta
    reply_within: timedelta | None = None

    def applies_to(self, attributes: Mapping[str, bool]) -> bool:
        """Say whether a patient with these checked attributes is sent this step."""
        return all(predicate.holds(attributes) for predicate in self.audience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The document that the protocol puts into messages.

    `document` is the name of its own text in the folder `sources`, `sha256` what that was when the
    protocol was written, and `text` what was found there: None where nothing is kept.
    """

    reference: str
    title: str
    version: str
    issued: date
    review_due: date
    note: str | None = None
    document: str | None = None
    sha256: str | None = None
    text: str | None = field(default=None, compare=False, repr=False)

    def overdue(self, today: date) -> bool:
        """Say whether the document should have been reviewed before `today`."""
        return today > self.review_due


class Standing(StrEnum):
    """Where a clinician stands on something that goes beyond the document."""

    PROPOSED = "proposed"
    """Nobody has decided yet."""
    ACCEPTED = "accepted"
    STRUCK = "struck"
    """It must not be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """Something that messages say and the document does not, with what it rests on instead.

    `words` is how it is found in a message. `by_role` and `on` say who accepted or struck it.
    """

    says: str
    words: str
    source: str
    standing: Standing
    by_role: str | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuestion:
    """A question to ask on the phone, what to tell who says yes, and what it rests on.

    `by_role` and `on` say who accepted or struck it.
    """

    asks: str
    if_yes: str
    source: str
    standing: Standing
    by_role: str | None = None
    on: date | None = None

    @property
    def is_draft(self) -> bool:
        """Whether no clinician has accepted it yet."""
        return self.standing is Standing.PROPOSED


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A sentence of the document that no message says, and why."""

    sentence: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """The steps of one procedure's follow-up.

    `red_flags_until_reason` says why warning signs are not repeated until six weeks after it.

    `definition` is what its file says, as JSON values, and `version` a digest of that: it changes
    with every change of the content, and not with comments or layout. An `example` is not for
    patients.
    """

    key: str
    name: str
    version: str
    definition: Mapping[str, Any] = field(compare=False, repr=False)
    source: Source
    attributes: tuple[Attribute, ...]
    steps: tuple[Step, ...]
    left_out: tuple[LeftOut, ...] = ()
    beyond: tuple[Beyond, ...] = ()
    call_questions: tuple[CallQuestion, ...] = ()
    red_flags_until_reason: str | None = None
    example: bool = False

    def step(self, key: str) -> Step:
        """Return the step of that key, or raise `NotFound`."""
        for step in self.steps:
            if step.key == key:
                return step
        raise NotFound(f"protocol {self.key} has no step {key}")

    @property
    def begins_before(self) -> bool:
        """Say whether something is sent before the procedure."""
        return any(comes_before(each) for step in self.steps for each in step.occurrences)

    def questions_to_ask(self) -> tuple[CallQuestion, ...]:
        """Return what staff ask on the phone, without what a clinician has struck."""
        return tuple(one for one in self.call_questions if one.standing is not Standing.STRUCK)

    def needed_attributes(self) -> tuple[Attribute, ...]:
        """Return what must be answered at enrolment because a step depends on it."""
        used = {predicate.attribute for step in self.steps for predicate in step.audience}
        return tuple(attribute for attribute in self.attributes if attribute.key in used)

    def check_attributes(self, given: Mapping[str, object]) -> dict[str, bool]:
        """Return the answers, or raise `InvalidInput` with all that are missing or unknown."""
        needed = {attribute.key: attribute for attribute in self.needed_attributes()}
        problems = [
            Problem(f"attributes.{key}", f"answer true or false: {attribute.question}")
            for key, attribute in needed.items()
            if not isinstance(given.get(key), bool)
        ]
        problems += [
            Problem(f"attributes.{key}", f"{self.name} knows no such attribute; {_known(needed)}")
            for key in given
            if key not in needed
        ]
        if problems:
            raise InvalidInput(*problems)
        return {key: given[key] is True for key in needed}


class Itself:
    """A protocol in the key of a cache: itself alone, where comparing all its steps takes long."""

    __slots__ = ("protocol",)

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and self.protocol is other.protocol

    def __hash__(self) -> int:
        return id(self.protocol)


def _known(keys: Mapping[str, object]) -> str:
    return f"it asks for {', '.join(keys)}" if keys else "it asks for none"
