"""Enrolment states, and why an enrolment ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from followup.domain.errors import (
    ContentDiffers,
    EnrolledThatDay,
    EnrolmentClash,
    EnrolmentEnded,
)
from followup.domain.lifecycle import EnrolmentState
from followup.wording.formats import count, moment
from followup.wording.patients import field_text
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

HELD = (
    "This may be a patient who is known here under other details. Nothing is sent until staff have "
    "said, in Needs attention, whether they are the same person."
)


def joined_text(procedure_at: datetime, zone: ZoneInfo, cancelled: int) -> str:
    """Return what is said of an older follow-up that a new one takes over."""
    return (
        f"The follow-up after the procedure of {moment(procedure_at, zone)} goes over into this "
        f"one: {count(cancelled, 'message')} of it will not be sent."
    )


WITHDRAWAL_REASONS: dict[str, str] = {
    "patient": "The patient does not want to continue",
    "clinic": "The clinic decided to end it",
    "mistake": "The patient was enrolled by mistake",
    "died": "The patient has died",
}
"""What staff choose from when they end an enrolment."""


CLASHES: dict[type[EnrolmentClash], Term] = {
    ContentDiffers: Term(
        "Enrolled already, with other answers",
        "This patient is enrolled for this procedure already. Different are: {fields}.",
        to_do="Update the enrolment",
    ),
    EnrolledThatDay: Term(
        "Enrolled for another time that day",
        "This patient is enrolled for this procedure at another time of the same day.",
        to_do="Move it to this time",
    ),
    EnrolmentEnded: Term(
        "This follow-up was ended",
        "This reference belongs to a follow-up of this patient that staff have ended.",
        to_do="Start it again",
    ),
}
"""Enrolments in the way of a new one; what to do is a button that applies what was entered."""


def clash_term(clash: EnrolmentClash) -> Term | None:
    """Return the words for an enrolment in the way, where what was entered can be applied to it."""
    term = CLASHES.get(type(clash)) if clash.needs else None
    if term is None:
        return None
    fields = ", ".join(map(field_text, clash.fields))
    return replace(term, meaning=term.meaning.format(fields=fields))


def enrolment_term(state: str) -> Term:
    """Return the words for an enrolment's state."""
    return ENROLMENT_STATES[EnrolmentState(state)]
