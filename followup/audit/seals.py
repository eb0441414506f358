"""Audit seals: the hash chain that was kept before checkpoints were: verified, added to no more.

Each seal is an HMAC over the events since the one before it and that one's own digest.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.audit.leaves import EVENT_COLUMNS
from followup.context import AppContext
from followup.store.engine.types import AnyRow
from followup.store.models.audit import AuditEvent, AuditSeal


@dataclass(frozen=True, slots=True)
class SealVerdict:
    """The first stretch of event ids over which a seal does not hold; whether a head was met."""

    broken: tuple[int, int] | None
    head_met: bool


def check_seals(session: Session, app: AppContext, *, head: str | None = None) -> SealVerdict:
    """Make every seal again from the events as they are now; look for the one that was kept."""
    met = False
    after, previous = 0, b""
    for seal in session.scalars(select(AuditSeal).order_by(AuditSeal.after_id)):
        rows = session.execute(
            select(*EVENT_COLUMNS)
            .where(AuditEvent.id > after, AuditEvent.id <= seal.upto_id)
            .order_by(AuditEvent.id)
        )
        digest = _digest(app.keyring.audit_key, previous, rows)
        if seal.after_id != after or not hmac.compare_digest(digest, seal.digest):
            return SealVerdict((after + 1, seal.upto_id), head_met=met)
        after, previous = seal.upto_id, seal.digest
        met = met or seal.digest.hex() == (head or "").strip().lower()
    return SealVerdict(None, head_met=met)


def _digest(key: bytes, previous: bytes, rows: Iterable[AnyRow]) -> bytes:
    chain = hmac.new(key, previous, "sha256")
    for row in rows:
        chain.update(_canonical(row))
    return chain.digest()


def _canonical(row: AnyRow) -> bytes:
    """Return an event as bytes that are the same on both databases."""
    values = [
        row.id,
        row.at.isoformat(),
        row.real_at.isoformat(),
        row.actor,
        row.action,
        row.clinic,
        *(str(id_) if id_ else None for id_ in (row.patient_id, row.enrolment_id, row.message_id)),
        row.detail,
    ]
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode() + b"\n"
