"""Enrolment states, and why an enrolment ends."""

from __future__ import annotations

from followup.domain.lifecycle import EnrolmentState
from followup.wording.terms import Colour, Term

ENROLMENT_STATES: dict[EnrolmentState, Term] = {
    EnrolmentState.ACTIVE: Term("Active", "messages are sent when they are due", Colour.SUCCESS),
    EnrolmentState.PAUSED: Term("Paused", "nothing is sent until it is resumed", Colour.CAUTION),
    EnrolmentState.WITHDRAWN: Term(
        "Ended", "it was stopped early and nothing more is sent", Colour.MUTED
    ),
    EnrolmentState.FINISHED: Term(
        "Finished", "it has run its course and nothing more is due", Colour.MUTED
    ),
}

WITHDRAWAL_REASONS: dict[str, str] = {
    "patient": "The patient does not want to continue",
    "clinic": "The clinic decided to end it",
    "mistake": "The patient was enrolled by mistake",
    "died": "The patient has died",
}
"""What staff choose from when they end an enrolment."""


def enrolment_term(state: str) -> Term:
    """Return the words for an enrolment's state."""
    return ENROLMENT_STATES[EnrolmentState(state)]
