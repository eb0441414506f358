"""Providers: their names, the outcomes of calls, and what they report."""

from __future__ import annotations

from followup.domain.attempt_outcome import AttemptOutcome
from followup.providers.interface import ReportedStatus

PROVIDERS: dict[str, str] = {
    "twilio": "Twilio",
    "smtp": "Mail server",
    "sandbox": "Practice carrier",
}

ATTEMPT_OUTCOMES: dict[AttemptOutcome, str] = {
    AttemptOutcome.ACCEPTED: "Accepted",
    AttemptOutcome.REFUSED: "Refused",
    AttemptOutcome.UNAVAILABLE: "Not accepted for now",
    AttemptOutcome.UNKNOWN: "Status unknown",
    AttemptOutcome.ABSENT: "The provider does not have it",
    AttemptOutcome.NOT_CALLED: "The provider was not called",
}

REPORTED_STATUSES: dict[ReportedStatus, str] = {
    ReportedStatus.ACCEPTED: "Accepted",
    ReportedStatus.SENT: "Sent on",
    ReportedStatus.DELIVERED: "Delivered",
    ReportedStatus.FAILED: "Not delivered",
}


def provider_text(provider: str) -> str:
    """Return what a provider is called; one that is not known by its own name."""
    return PROVIDERS.get(provider, provider)


def attempt_text(outcome: str | None) -> str:
    """Return the outcome of a call of the provider; none yet is a call that is in progress."""
    return ATTEMPT_OUTCOMES[AttemptOutcome(outcome)] if outcome else "In progress"


def report_text(status: str) -> str:
    """Return what a provider reported."""
    return REPORTED_STATUSES[ReportedStatus(status)]
