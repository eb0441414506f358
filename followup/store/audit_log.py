"""Audit log writer: explicit, in the transaction of the change that it tells of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Insert, bindparam, insert, select
from sqlalchemy.orm import Session

from followup.clock import Clock
from followup.store.engine.bulk import insert_many, member_of
from followup.store.models.audit import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditContext:
    """Who does something, and when: in service time and in real time."""

    actor: str
    at: datetime
    real_at: datetime

    @classmethod
    def of(cls, actor: str, clock: Clock) -> AuditContext:
        """Return an action done now."""
        return cls(actor=actor, at=clock.now(), real_at=clock.real_now())


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What was done, to which things. `detail` carries codes and identifiers, never a patient."""

    action: str
    clinic: str | None = None
    patient_id: UUID | None = None
    enrolment_id: UUID | None = None
    message_id: UUID | None = None
    detail: dict[str, Any] | None = None


def record_event(session: Session, by: AuditContext, *entries: AuditEntry) -> None:
    """Write audit events, in order."""
    record_events(session, by, entries)


def record_events(session: Session, by: AuditContext, entries: Iterable[AuditEntry]) -> None:
    """Write many audit events in one statement."""
    rows = [
        {
            "action": entry.action,
            "clinic": entry.clinic,
            "patient_id": entry.patient_id,
            "enrolment_id": entry.enrolment_id,
            "message_id": entry.message_id,
            "detail": entry.detail,
        }
        for entry in entries
    ]
    alike = {"at": by.at, "real_at": by.real_at, "actor": by.actor}
    insert_many(session, AuditEvent, rows, alike=alike)


OF_CONTEXT = ("at", "real_at", "actor", "action", "detail")
OF_MESSAGE = ("clinic", "patient_id", "enrolment_id", "id")


def events_of(messages: FromClause, *conditions: ColumnElement[bool], each: bool = False) -> Insert:
    """Return a statement that writes one event for each of these messages, all of one action.

    `event_values` returns its parameters. With `each` every message has a detail of its own.
    """
    columns = AuditEvent.__table__.c
    values: list[ColumnElement[Any]] = [
        bindparam(f"event_{name}", type_=columns[name].type) for name in OF_CONTEXT
    ]
    if each:
        values[-1] = member_of(values[-1], messages.c["id"])
    source = select(*values, *(messages.c[name] for name in OF_MESSAGE)).where(*conditions)
    names = [*OF_CONTEXT, "clinic", "patient_id", "enrolment_id", "message_id"]
    return insert(AuditEvent).from_select(names, source.order_by(messages.c.id))


def event_values(
    by: AuditContext,
    *,
    action: str,
    detail: Mapping[str, Any],
    each: Mapping[UUID, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return what the parameters of `events_of` stand for; `each` adds to the detail of some."""
    if each is not None:
        detail = {id_.hex: {**detail, **own} for id_, own in each.items()}
    return {
        "event_at": by.at,
        "event_real_at": by.real_at,
        "event_actor": by.actor,
        "event_action": action,
        "event_detail": dict(detail),
    }
