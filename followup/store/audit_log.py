"""Writing the audit trail: explicit, in the transaction of the change that it tells of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from followup.clock import Clock
from followup.store.models import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Who does something, and when: in service time and in real time."""

    actor: str
    at: datetime
    real_at: datetime

    @classmethod
    def of(cls, actor: str, clock: Clock) -> Deed:
        """Return a deed done now."""
        return cls(actor=actor, at=clock.now(), real_at=clock.real_now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was done, to which things. `detail` carries codes and identifiers, never a patient."""

    action: str
    clinic: str | None = None
    patient_id: UUID | None = None
    enrolment_id: UUID | None = None
    message_id: UUID | None = None
    detail: dict[str, Any] | None = None


def record(session: Session, deed: Deed, *entries: Entry) -> None:
    """Write audit events, in order."""
    record_all(session, deed, entries)


def record_all(session: Session, deed: Deed, entries: Iterable[Entry]) -> None:
    """Write many audit events in one statement."""
    rows = [
        {
            "at": deed.at,
            "real_at": deed.real_at,
            "actor": deed.actor,
            "action": entry.action,
            "clinic": entry.clinic,
            "patient_id": entry.patient_id,
            "enrolment_id": entry.enrolment_id,
            "message_id": entry.message_id,
            "detail": entry.detail,
        }
        for entry in entries
    ]
    if rows:
        session.execute(insert(AuditEvent.__table__), rows)  # type: ignore[arg-type]
