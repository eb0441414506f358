"""Leaves of the audit trail's tree: each event as bytes that anybody can make again.

A leaf is the event in canonical JSON and a salt of its own, so that the hash of an event that is
not shown tells nothing of it. Who acted stands in it as a salted hash likewise, so that an event
can be shown and proved without naming anybody. Salts come out of a service key: with the database
alone nobody has them.
"""

from __future__ import annotations

import hmac
import json
from hashlib import sha256

from followup.domain.audit.merkle import leaf_hash
from followup.store.engine.types import AnyRow
from followup.store.models.audit import AuditEvent

EVENT_COLUMNS = (
    AuditEvent.id,
    AuditEvent.at,
    AuditEvent.real_at,
    AuditEvent.actor,
    AuditEvent.action,
    AuditEvent.clinic,
    AuditEvent.patient_id,
    AuditEvent.enrolment_id,
    AuditEvent.message_id,
    AuditEvent.detail,
)
SALT_BYTES = 16

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def canonical_event(row: AnyRow | AuditEvent, actor_salt: bytes) -> bytes:
    """Return an event as JSON in ASCII, keys in order and no spaces: the same on both databases."""
    patient, enrolment, message = row.patient_id, row.enrolment_id, row.message_id
    return _encode(
        {
            "action": row.action,
            "actor": sha256(actor_salt + row.actor.encode()).hexdigest(),
            "at": row.at.isoformat(),
            "clinic": row.clinic,
            "detail": row.detail,
            "enrolment": str(enrolment) if enrolment else None,
            "id": row.id,
            "message": str(message) if message else None,
            "patient": str(patient) if patient else None,
            "real_at": row.real_at.isoformat(),
        }
    ).encode()


def salts_of(audit_key: bytes, event_id: int) -> tuple[bytes, bytes]:
    """Return the salt of an event, and that of who acted."""
    both = hmac.digest(audit_key, b"salts of event %d" % event_id, "sha256")
    return both[:SALT_BYTES], both[SALT_BYTES:]


def event_leaf(audit_key: bytes, row: AnyRow | AuditEvent) -> bytes:
    """Return the hash of an event's leaf: SHA-256 of a zero byte, the event, its salt."""
    leaf_salt, actor_salt = salts_of(audit_key, row.id)
    return leaf_hash(canonical_event(row, actor_salt) + leaf_salt)
