"""Response shapes of the API, for its description."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from followup.domain.channel import ChannelKind
from followup.domain.intake.on_conflict import OnConflict
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.protocols.repetition import Repetition


class ProblemAnswer(BaseModel):
    """One field that can't be used: its dotted path, and what to do about it."""

    field: str = Field(examples=["patient.mobile"])
    message: str = Field(examples=["this number is too short: check that no digit is missing"])


class ErrorAnswer(BaseModel):
    """Why a request was refused."""

    error: str


class ConflictAnswer(ErrorAnswer):
    """What it clashes with. The others are there where the patient is enrolled already."""

    enrolment_id: UUID | None = None
    fields: list[str] = Field([], description="In which that one differs, as dotted paths.")
    on_conflict: OnConflict | None = Field(
        None, description="With this, it would be applied; null where it can't be."
    )


class OutlookAnswer(BaseModel):
    """What will become of a message that is yet to go, as things are."""

    reason: str = Field(examples=["objection-to-channel"])
    instead_by: ChannelKind | None = Field(description="Null where it will not be sent at all.")
    message: str = Field(examples=["will not be sent: the patient stopped texts"])


class MessageAnswer(BaseModel):
    """One message: `text` is what was sent, or what would be sent now where it is yet to go."""

    id: UUID
    enrolment_id: UUID | None = Field(description="Null for an answer to an incoming text.")
    step: str
    occurrence: int
    channel: ChannelKind
    state: State
    reason: str | None
    due_at: datetime
    not_before: datetime
    not_after: datetime
    local: datetime = Field(description="The due time by the patient's clock.")
    moved_because: list[str] | None
    segments: int | None
    encoding: str | None
    text: str | None
    attempts: int
    provider_id: str | None
    outlook: OutlookAnswer | None = Field(
        description="Null where it goes as it is planned, or is over."
    )


class ObjectionAnswer(BaseModel):
    """What the patient wants no more of, as far as the enrolment would send it."""

    channel: ChannelKind | None = Field(description="Null where it is every message.")
    since: datetime
    covers_all: bool = Field(description="Whether nothing of the enrolment will be sent.")
    message: str = Field(
        examples=[
            "The patient wants no messages since Mon 19 Oct 2026, 2:30pm; nothing will be sent."
        ]
    )


class EnrolmentAnswer(BaseModel):
    """One enrolment, with the messages of all its timelines in the order they fall due."""

    enrolment_id: UUID
    patient_id: UUID = Field(
        description="Whose it is: of two records of one person that were merged, the one that goes "
        "on."
    )
    goes_on_in: UUID | None = Field(
        description="The enrolment in which it goes on: the patient had two records, with one "
        "procedure in both. Its reference means that one."
    )
    clinic: str
    protocol: str
    reference: str | None
    restricted: bool = Field(
        description="The patient's data may not be shown at present (Article 18): reference, "
        "attributes, objection and messages are empty."
    )
    state: EnrolmentState
    procedure_at: datetime
    attributes: dict[str, Any]
    channels: list[ChannelKind]
    generation: int = Field(description="1, and one more for each change of the procedure's time.")
    objection: ObjectionAnswer | None = Field(
        description="In force now; null where the patient wants what they agreed to."
    )
    messages: list[MessageAnswer]


class OlderFollowUpAnswer(BaseModel):
    """A follow-up of the patient that ends where the new one begins."""

    enrolment_id: UUID
    procedure_at: datetime
    cancelled: int = Field(description="How many of its messages will not be sent.")
    message: str = Field(description="A sentence to show.")


class EnrolledAnswer(EnrolmentAnswer):
    """An enrolment after it was sent, and what came of that besides."""

    updated: list[str] = Field(
        description="Fields of one that was there to which what was sent was applied, as dotted "
        "paths.",
        examples=[["attributes.diabetic", "patient.mobile"]],
    )
    reopened: bool = Field(description="Whether it had been ended, and is open again.")
    held: str | None = Field(
        description="Why nothing is sent yet: this may be a patient who is there. A sentence to "
        "show; null of one that goes ahead."
    )
    joined: list[OlderFollowUpAnswer] = Field(description="Empty where there is none.")


class ChangedAnswer(EnrolmentAnswer):
    """An enrolment after a change, with how many messages that concerned."""

    changed: int


class SentBeforeAnswer(BaseModel):
    """A message that went out before the procedure was moved."""

    step: str
    occurrence: int
    sent_at: datetime
    known: Repetition = Field(description="What is known of it, for the new time.")
    message: str = Field(
        examples=["Sent again: it was sent on Mon 19 Oct 2026, 3pm, before its new time"]
    )


class MovedAnswer(ChangedAnswer):
    """An enrolment whose procedure was moved, with what becomes of what was sent before."""

    not_repeated: list[SentBeforeAnswer]
    repeated: list[SentBeforeAnswer]
    correction: bool = Field(
        description="Whether the patient is told that what they have is not for now."
    )


class MessagesAnswer(BaseModel):
    """A page of messages. `next_cursor` asks for the next one; null on the last."""

    messages: list[MessageAnswer]
    next_cursor: str | None


class BalanceAnswer(BaseModel):
    """How the messages that have fallen due stand; a `remainder` other than 0 is an alarm."""

    due: int
    delivered: int
    sent: int
    with_a_person: int
    suppressed: int
    expired: int
    cancelled: int
    held: int
    in_progress: int
    remainder: int
