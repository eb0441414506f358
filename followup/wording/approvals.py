"""Approvals of words: of a text by a clinician, and of releases by two people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from followup.content.version import ApprovalStatus
from followup.domain.releases.review import ReviewStage
from followup.domain.releases.state import ReleaseState
from followup.wording.formats import day
from followup.wording.terms import Colour, Term

APPROVALS: dict[ApprovalStatus, Term] = {
    ApprovalStatus.APPROVED: Term("Approved", "a clinician approved this text", Colour.SUCCESS),
    ApprovalStatus.DRAFT: Term("Draft", "no clinician has approved this text", Colour.CAUTION),
}


def approval_text(approval: Mapping[str, Any] | None) -> str:
    """Return where a text stood when it was first used; one of old says who approved it, and when.

    Since then its release says that.
    """
    if not approval:
        return "Approval not recorded"
    term = APPROVALS[ApprovalStatus(approval["standing"])]
    if approval.get("by_role") and approval.get("on"):
        return f"{term.label} by {approval['by_role']} on {day(date.fromisoformat(approval['on']))}"
    return f"{term.label}: {term.meaning}"


RELEASE_STATES: dict[ReleaseState, Term] = {
    ReleaseState.SIGNED: Term("Waits for approval", "another person must sign", Colour.CAUTION),
    ReleaseState.APPROVED: Term("Approved", "two people signed it", Colour.SUCCESS),
    ReleaseState.SENT_BACK: Term("Sent back", "its author is to correct it", Colour.WARNING),
    ReleaseState.WITHDRAWN: Term("Withdrawn", "nothing goes out by it", Colour.DANGER),
}

REVIEW_STAGES: dict[ReviewStage, str] = {
    ReviewStage.FAR: "not due yet",
    ReviewStage.EARLY: "due within 90 days",
    ReviewStage.LATE: "due within 30 days",
    ReviewStage.OVER: "overdue: nobody new can be enrolled",
}


def release_text(
    *, digest: str, author: str, approver: str, approved_on: date, source: str, review_due: date
) -> str:
    """Return who stands behind the words of a message, and what these rest on."""
    return (
        f"Signed by {author} and approved by {approver} on {day(approved_on)}, release "
        f"{digest[:12]}, from {source}, to be reviewed by {day(review_due)}"
    )
