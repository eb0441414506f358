"""Refusal of a FHIR request: its status, and an issue for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from followup.fhir.resources import Issue, IssueType, OperationOutcome

BAD, NOT_FOUND, NOT_ALLOWED, CONFLICT, PRECONDITION, UNUSABLE = 400, 404, 405, 409, 412, 422

REASONS = {
    NOT_ALLOWED: "fhir-not-done",
    CONFLICT: "fhir-clash",
    PRECONDITION: "fhir-condition",
}
"""The codes under which refusals stand in the ledger."""
LONGEST_TOLD = 400


class RefusedRequest(Exception):
    """A request that is refused: nothing of it was applied."""

    def __init__(self, status: int, issues: Sequence[Issue]) -> None:
        self.status = status
        self.issues = tuple(issues)
        super().__init__(self.told)

    @property
    def told(self) -> str:
        """The first issue in a line, for the ledger and the console."""
        first = self.issues[0]
        where = f"{first.expression[0]}: " if first.expression else ""
        return f"{where}{first.diagnostics}"[:LONGEST_TOLD]

    @property
    def reason(self) -> str:
        """The code under which it stands in the ledger."""
        return REASONS.get(self.status, "fhir-unusable")

    def as_json(self) -> dict[str, Any]:
        """Return it as an OperationOutcome."""
        return OperationOutcome(issue=list(self.issues)).as_json()


def issue_at(code: IssueType, place: str, sentence: str) -> Issue:
    """Return what is wrong at an element."""
    return Issue(code=code, diagnostics=sentence, expression=[place])


def refuse(status: int, code: IssueType, place: str, sentence: str) -> RefusedRequest:
    """Return the refusal for a single thing that is wrong."""
    return RefusedRequest(status, [issue_at(code, place, sentence)])
