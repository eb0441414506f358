"""Phone calls."""

from __future__ import annotations

from followup.domain.call_outcome import CallOutcome
from followup.wording.formats import small

CALL_OUTCOMES: dict[CallOutcome, str] = {
    CallOutcome.SPOKE: "Spoke to the patient",
    CallOutcome.LEFT_MESSAGE: "Left a message",
    CallOutcome.NO_ANSWER: "No answer",
    CallOutcome.WRONG_NUMBER: "Wrong number",
}


def call_text(outcome: str) -> str:
    """Return how a call ended, as an entry of a timeline."""
    return f"Phone call: {small(CALL_OUTCOMES[CallOutcome(outcome)])}"
