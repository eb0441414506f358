"""Webhooks: how it stands with those who are told of events."""

from __future__ import annotations

from datetime import timedelta

from followup.wording.formats import span
from followup.wording.terms import Colour, Term

ON = Term("On", "events are told as they happen", Colour.SUCCESS)
PAUSED = Term("Paused", "events wait until it is resumed", Colour.MUTED)
WANTS_NO_MORE = Term(
    "Paused",
    "the receiver answered that it wants no more (HTTP 410)",
    Colour.WARNING,
    "Ask the people who run the receiver. Then resume the webhook, or remove it.",
)


def subscription_status(
    *, paused: bool, failing_for: timedelta | None, problem: str | None, by_receiver: bool = False
) -> Term:
    """Return how a subscription stands."""
    if paused:
        return WANTS_NO_MORE if by_receiver else PAUSED
    if failing_for is None:
        return ON
    return Term(
        f"Failing for {span(failing_for)}",
        problem or "the receiver does not take events",
        Colour.DANGER,
        "Events wait and are tried again. Ask the people who run the receiver.",
    )
