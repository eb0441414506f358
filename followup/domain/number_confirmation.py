"""How staff made sure that a mobile number is the patient's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ConfirmationMethod(StrEnum):
    """What was done: the number typed a second time, or a code read out from a text to it."""

    RETYPED = "retyped"
    TEST_TEXT = "test-text"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberConfirmation:
    """A number that was confirmed: how, when (service time), by whom, and by which text.

    Where `at` and `by` are None, it is whoever writes the number down, at that moment.
    """

    way: ConfirmationMethod
    at: datetime | None = None
    by: str | None = None
    message_id: UUID | None = None


TYPED_TWICE = NumberConfirmation(way=ConfirmationMethod.RETYPED)
