"""Limit on searches for people: nobody reads a clinic's patients off by trying letters."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.domain.errors import InvalidInput
from followup.store.models.audit import AuditEvent

LISTED_EVENT = "patients.listed"
LIMIT_WINDOW = timedelta(minutes=10)
MOST_LISTS = 100
"""So many lists of patients one member of staff sees within the window."""
MOST_FOUND = 50
"""So many people one search shows, and no further page of them."""


def require_search_allowed(session: Session, *, actor: str, now: datetime) -> None:
    """Raise `InvalidInput` for somebody who has looked for people too often, by the audit trail."""
    lists = session.scalar(
        select(func.count()).where(
            AuditEvent.at > now - LIMIT_WINDOW,
            AuditEvent.actor == actor,
            AuditEvent.action == LISTED_EVENT,
        )
    )
    if (lists or 0) >= MOST_LISTS:
        minutes = int(LIMIT_WINDOW.total_seconds() // 60)
        message = (
            f"you have searched {MOST_LISTS} times in {minutes} minutes: wait a few minutes, and "
            "search again"
        )
        raise InvalidInput.of("wanted", message)
