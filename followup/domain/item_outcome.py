"""Outcomes of a worklist item: what it was closed with."""

from __future__ import annotations

from enum import StrEnum


class ItemOutcome(StrEnum):
    """What the product and the console close items with; the command line takes any code."""

    # --- Chosen by staff in the console.
    TOLD = "told"
    TOLD_EMERGENCY = "told-emergency"
    """Told to go to the emergency department, or to ring 999."""
    PASSED_TO_DOCTOR = "passed-to-doctor"
    """Passed to a doctor of the clinic, or to the GP."""
    NOT_NEEDED = "not-needed"
    ELSEWHERE = "elsewhere"
    NOT_REACHED = "not-reached"

    # --- What staff found out about a patient who may be another one.
    SAME_PERSON = "same-person"
    TWO_PEOPLE = "two-people"

    # --- What staff did about it.
    RANG = "rang"
    CORRECTED = "corrected"
    SENT_BY_EMAIL = "sent-by-email"
    DEALT_WITH = "dealt-with"

    # --- It was settled without them.
    APPROVED_AGAIN = "approved-again"
    """The words may be sent again."""
    FOUND = "found"
    """The outcome of the message became known."""
    ARRIVED_AFTER_ALL = "arrived-after-all"
    ERASED = "erased"
    """The patient's data was erased."""
    ANSWERED = "answered"
    """The patient answered after all."""
    RESTARTED = "restarted"
    """The patient wants messages again, and will be sent them."""


ADVISED = (
    ItemOutcome.TOLD,
    ItemOutcome.TOLD_EMERGENCY,
    ItemOutcome.PASSED_TO_DOCTOR,
    ItemOutcome.NOT_NEEDED,
)
"""What a call came to, once somebody spoke to the patient."""

STAFF_OUTCOMES = frozenset(
    {*ADVISED, ItemOutcome.ELSEWHERE, ItemOutcome.NOT_REACHED, ItemOutcome.RANG}
)
"""What staff close items with by a choice of theirs, and may take back."""

SETTLED_OUTCOMES = frozenset(
    {
        ItemOutcome.APPROVED_AGAIN,
        ItemOutcome.FOUND,
        ItemOutcome.ARRIVED_AFTER_ALL,
        ItemOutcome.ERASED,
        ItemOutcome.ANSWERED,
        ItemOutcome.RESTARTED,
    }
)
"""What items are closed with that settled without anybody."""
