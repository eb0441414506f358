"""OperationOutcome: what is answered in place of a resource, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from followup.domain.errors import Problem
from followup.fhir.resources import Issue, IssueType, OperationOutcome

CODES: dict[int, IssueType] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    410: "deleted",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    429: "transient",
    503: "transient",
}


def outcome(status: int, sentence: str, *, expression: str | None = None) -> dict[str, Any]:
    """Return the one thing that is wrong."""
    issue = Issue(
        code=CODES.get(status, "exception"),
        diagnostics=sentence,
        expression=[expression] if expression else None,
    )
    return OperationOutcome(issue=[issue]).as_json()


def outcome_of(problems: Iterable[Problem]) -> dict[str, Any]:
    """Return one issue for each problem; a field that is a parameter is named as FHIR does."""
    issues = [
        Issue(code="value", diagnostics=problem.message, expression=[expression_of(problem.field)])
        for problem in problems
    ]
    return OperationOutcome(issue=issues).as_json()


def expression_of(field: str) -> str:
    """Return where a field is: within a resource, which begins with its type, or in the request."""
    return field if field[:1].isupper() else f"http.{field}"
