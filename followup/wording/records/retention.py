"""Words about retention: classes of records, and what was decided on them."""

from __future__ import annotations

from datetime import datetime

from followup.domain.retention.classes import KeepGround, RecordClass, RetentionDecision
from followup.wording.formats import day

RECORD_CLASSES: dict[RecordClass, str] = {
    RecordClass.FOLLOW_UP: "A patient’s record",
    RecordClass.RAW_INTAKE: "Messages about people never enrolled",
    RecordClass.REPLIES: "Texts that belong to no patient",
    RecordClass.STAFF: "A closed account",
    RecordClass.SESSIONS: "Old sign-ins",
    RecordClass.SANDBOX: "Sandbox messages",
    RecordClass.AUDIT: "The audit trail",
}
KEEP_GROUNDS: dict[KeepGround, str] = {
    KeepGround.IN_CARE: "The patient is still under care",
    KeepGround.CLAIM: "A claim or a complaint",
    KeepGround.INQUEST: "An inquest",
    KeepGround.INQUIRY: "A public inquiry",
    KeepGround.RESEARCH: "Research",
    KeepGround.LONG_TERM: "The records code asks for longer",
}


def class_text(record_class: str) -> str:
    """Return what a class of records is called."""
    return RECORD_CLASSES[RecordClass(record_class)]


def review_text(decision: str | None, ground: str | None, keep_until: datetime | None) -> str:
    """Return how a review that is open stands."""
    match decision and RetentionDecision(decision):
        case RetentionDecision.DESTROY:
            return "To be destroyed: waits for a second person"
        case RetentionDecision.KEEP:
            until = f" until {day(keep_until)}" if keep_until else ""
            return f"Kept{until}: {KEEP_GROUNDS[KeepGround(ground or '')].lower()}"
        case RetentionDecision.HOLD:
            return f"On hold: {KEEP_GROUNDS[KeepGround(ground or '')].lower()}"
        case _:
            return "Waits for a decision"
