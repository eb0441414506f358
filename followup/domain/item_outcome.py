"""Outcomes of a worklist item: what it was closed with."""

from __future__ import annotations

from enum import StrEnum


class ItemOutcome(StrEnum):
    """What the product and the console close items with; the command line takes any code."""

    # --- Chosen by staff in the console.
    TOLD = "told"
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
    FOUND = "found"
    """The outcome of the message became known."""
    ARRIVED_AFTER_ALL = "arrived-after-all"
    ERASED = "erased"
    """The patient's data was erased."""
    ANSWERED = "answered"
    """The patient answered after all."""
    RESTARTED = "restarted"
    """The patient wants messages again, and will be sent them."""
