"""The kinds of message: advice of a timeline, and single texts outside any."""

from __future__ import annotations

from enum import StrEnum


class MessageKind(StrEnum):
    """What a message is for; the words are those of the database and the API."""

    ADVICE = "advice"
    """A step of the protocol, to a patient who is enrolled."""
    REPLY = "reply"
    """The automatic answer to a text, to whoever wrote it."""
    CHECK = "check"
    """A test of a mobile number: a code that is read out to staff, perhaps before any enrolment."""
