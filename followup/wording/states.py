"""Message states."""

from __future__ import annotations

from followup.domain.lifecycle import State
from followup.wording.terms import Colour, Term

MESSAGE_STATES: dict[State, Term] = {
    State.PLANNED: Term("Planned", "it will be sent when it is due", Colour.INFO),
    State.HELD: Term("On hold", "it waits until it is resumed or released", Colour.CAUTION),
    State.CLAIMED: Term("Queued", "it is about to be sent", Colour.PROGRESS),
    State.SENDING: Term("Being sent", "the provider is being called", Colour.PROGRESS),
    State.UNKNOWN: Term(
        "Status unknown", "it may have been sent: the provider is being asked", Colour.UNSURE
    ),
    State.SENT: Term("Sent", "the provider took it; delivery is not confirmed", Colour.NEUTRAL),
    State.DELIVERED: Term("Delivered", "the provider confirmed that it arrived", Colour.SUCCESS),
    State.FAILED: Term("Not delivered", "the provider could not deliver it", Colour.DANGER),
    State.EXPIRED: Term(
        "Too late to send", "the time to send it passed before it could go", Colour.WARNING
    ),
    State.SUPPRESSED: Term(
        "Not sent", "the patient does not want it, or can’t be reached that way", Colour.MUTED
    ),
    State.CANCELLED: Term(
        "Cancelled", "it was no longer needed: something else was decided first", Colour.MUTED
    ),
}


def state_term(state: str) -> Term:
    """Return the words for a message's state."""
    return MESSAGE_STATES[State(state)]
