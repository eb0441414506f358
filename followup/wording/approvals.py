"""Approvals of message texts by a clinician."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from followup.content.version import ApprovalStatus
from followup.wording.formats import day
from followup.wording.terms import Colour, Term

APPROVALS: dict[ApprovalStatus, Term] = {
    ApprovalStatus.APPROVED: Term("Approved", "a clinician approved this text", Colour.SUCCESS),
    ApprovalStatus.DRAFT: Term("Draft", "no clinician has approved this text", Colour.CAUTION),
    ApprovalStatus.CHANGED: Term(
        "Changed", "it was changed after a clinician approved it: it is not sent", Colour.DANGER
    ),
}


def approval_text(approval: Mapping[str, Any] | None) -> str:
    """Return who approved a text, and when, as it stood when it was first used."""
    if not approval:
        return "Approval not recorded"
    term = APPROVALS[ApprovalStatus(approval["standing"])]
    if approval.get("by_role") and approval.get("on"):
        return f"{term.label} by {approval['by_role']} on {day(date.fromisoformat(approval['on']))}"
    return f"{term.label}: {term.meaning}"
