"""Events: entries of the audit trail that other systems may be told of, by number.

What happened and its event are one row, written in one transaction: nothing is told that did not
happen, and nothing that happened goes untold. An event's number is the id of its entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.event_kinds import EventContent, EventGroup
from followup.domain.lifecycle import State
from followup.fhir.dates import instant
from followup.fhir.search import find_one
from followup.store.models.audit import AuditEvent
from followup.store.models.outbox import EventSubscription

RECEIVED = "message.received"
CHECKPOINT = "audit.checkpoint"

_SAME = (
    "enrolment.created",
    "enrolment.rescheduled",
    "enrolment.paused",
    "enrolment.resumed",
    "enrolment.withdrawn",
    "enrolment.reopened",
    "enrolment.finished",
    "enrolment.corrected",
    "enrolment.superseded",
    "patient.changed",
    "patient.merged",
    "patient.unmerged",
    "patient.erased",
    "message.answered",
    "worklist.opened",
    "worklist.gathered",
    "worklist.taken",
    "worklist.escalated",
    "worklist.closed",
    CHECKPOINT,
)
_TOLD_STATES = (
    State.HELD,
    State.UNKNOWN,
    State.SENT,
    State.DELIVERED,
    State.FAILED,
    State.EXPIRED,
    State.SUPPRESSED,
    State.CANCELLED,
)
"""Claimed, being sent and planned again say how we work, and nothing of what a patient gets."""

TYPES: Mapping[str, str] = {
    **{action: action for action in _SAME},
    **{f"message.{state.value}": f"message.{state.value}" for state in _TOLD_STATES},
    "inbound.taken": RECEIVED,
}
"""The type of the event of each action of the audit trail; of the others there is none."""

_DETAILS = (
    "from",
    "into",
    "fields",
    "merge",
    "reason",
    "why",
    "kind",
    "cause",
    "outcome",
    "item",
    "inbound",
)
"""What of an entry's detail is told: codes and ids, never what somebody wrote or answered."""


_SIGNED_HEAD = ("size", "note")


def _told(action: str) -> tuple[str, ...]:
    return _SIGNED_HEAD if action == CHECKPOINT else _DETAILS


def actions_of(groups: Iterable[str]) -> list[str]:
    """Return the actions of the audit trail that these groups are about."""
    wanted = {EventGroup(group).value for group in groups}
    return sorted(action for action, type_ in TYPES.items() if type_.partition(".")[0] in wanted)


def events_for(
    session: Session, subscription: EventSubscription, *, upto: int, limit: int
) -> Sequence[AuditEvent]:
    """Return the next events of a subscription, by number, `upto` the last that is settled."""
    query = select(AuditEvent).where(
        AuditEvent.id > subscription.done_upto,
        AuditEvent.id <= upto,
        AuditEvent.action.in_(actions_of(subscription.groups)),
    )
    if subscription.clinic is not None:
        query = query.where(AuditEvent.clinic == subscription.clinic)
    return session.scalars(query.order_by(AuditEvent.id).limit(limit)).all()


def payload_of(
    session: Session, app: AppContext, event: AuditEvent, *, content: EventContent
) -> dict[str, Any]:
    """Return what is told of an event, as Standard Webhooks lays it out: type, timestamp, data.

    A resource is told as it is now: an event that is delivered late says when it happened.
    """
    detail = event.detail or {}
    data: dict[str, Any] = {
        "number": event.id,
        "clinic": event.clinic,
        "patient_id": _text(event.patient_id),
        "enrolment_id": _text(event.enrolment_id),
        "message_id": _text(event.message_id),
        **{name: detail[name] for name in _told(event.action) if name in detail},
    }
    if content is EventContent.FHIR and (resource := _resource(session, app, event)) is not None:
        data["resource"] = resource
    return {"type": TYPES[event.action], "timestamp": instant(event.at), "data": data}


def _resource(session: Session, app: AppContext, event: AuditEvent) -> dict[str, Any] | None:
    """Return the message that an event is about, sent, received or planned; None of others."""
    inbound = (event.detail or {}).get("inbound") if event.action == "inbound.taken" else None
    id_ = UUID(inbound) if inbound else event.message_id
    if id_ is None or not TYPES[event.action].startswith(f"{EventGroup.MESSAGE}."):
        return None
    for kind in ("Communication", "CommunicationRequest"):
        found = find_one(session, app, kind, id_, clinic=None)
        if found is not None:
            return found
    return None


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
