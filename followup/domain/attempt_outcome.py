"""The outcomes of one call of a provider."""

from __future__ import annotations

from enum import StrEnum


class AttemptOutcome(StrEnum):
    """What a call came to; an attempt has none while its call is under way."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The provider will never take it."""
    UNAVAILABLE = "unavailable"
    """It was not reached, or said "later"."""
    UNKNOWN = "unknown"
    """It may have taken it: it is asked."""
    ABSENT = "absent"
    """It was asked, and does not have it."""
    NOT_CALLED = "not-called"
    """Its turn did not come before the lease was over, or it was stopped."""


CALLED_OUTCOMES = tuple(
    outcome for outcome in AttemptOutcome if outcome is not AttemptOutcome.NOT_CALLED
)
"""Outcomes of attempts for which the provider was called."""
