"""Audit seals: a hash chain over the trail, and its verification."""

from __future__ import annotations

import hmac
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.store.engine.types import AnyRow
from followup.store.models.audit import AuditEvent, AuditSeal

SEAL_AFTER = timedelta(minutes=10)
"""An event is sealed when it is older than any transaction may last, also by the clock of a machine
that is some minutes off: none can slip in behind it."""
SEAL_BATCH = 20_000

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailVerdict:
    """Whether the sealed part of the trail is as it was written.

    `broken_between` names the first stretch of event ids that is not, `unsealed` how many of the
    latest events no seal covers yet. `head` is the newest seal, for people to keep elsewhere;
    `lost_head` says that one which was kept is not in the chain any more: the newest seals were
    removed together with their events, which the chain alone does not show.
    """

    seals: int
    events: int
    unsealed: int
    broken_between: tuple[int, int] | None
    head: str | None = None
    lost_head: bool = False

    @property
    def intact(self) -> bool:
        """Whether nothing was edited, removed or slipped in."""
        return self.broken_between is None and not self.lost_head


def seal_trail(app: AppContext) -> int:
    """Seal the events that are old enough, chained to what is sealed; return how many.

    Two at once can't fork the chain: no two seals begin behind the same event. One that is beaten
    to it again and again returns 0, and leaves the rest to its rival.
    """

    def work(session: Session) -> int:
        last = _last_seal(session)
        after = last.upto_id if last else 0
        settled = app.clock.real_now() - SEAL_AFTER
        too_new = session.scalar(
            select(func.min(AuditEvent.id)).where(
                AuditEvent.real_at > settled, AuditEvent.id > after
            )
        )
        query = select(*EVENT_COLUMNS).where(AuditEvent.id > after)
        if too_new is not None:
            query = query.where(AuditEvent.id < too_new)
        rows = session.execute(query.order_by(AuditEvent.id).limit(SEAL_BATCH)).all()
        if not rows:
            return 0
        session.add(
            AuditSeal(
                after_id=after,
                upto_id=rows[-1].id,
                events=len(rows),
                digest=_digest(app.keyring.audit_key, last.digest if last else b"", rows),
                sealed_real_at=app.clock.real_now(),
            )
        )
        return len(rows)

    try:
        return app.store.transact(work)
    except IntegrityError:
        return 0


def verify_trail(app: AppContext, *, kept_head: str | None = None) -> TrailVerdict:
    """Recompute every seal from the events as they are now.

    `kept_head` is the head of an earlier verdict, which must still be in the chain.
    """
    met = False
    after, previous, seals, events = 0, b"", 0, 0
    broken: tuple[int, int] | None = None
    with app.store.read() as session:
        for seal in session.scalars(select(AuditSeal).order_by(AuditSeal.after_id)):
            rows = session.execute(
                select(*EVENT_COLUMNS)
                .where(AuditEvent.id > after, AuditEvent.id <= seal.upto_id)
                .order_by(AuditEvent.id)
            ).all()
            seals, events = seals + 1, events + len(rows)
            digest = _digest(app.keyring.audit_key, previous, rows)
            if seal.after_id != after or not hmac.compare_digest(digest, seal.digest):
                broken = (after + 1, seal.upto_id)
                break
            after, previous = seal.upto_id, seal.digest
            met = met or seal.digest.hex() == kept_head
        unsealed = session.scalar(
            select(func.count()).select_from(AuditEvent).where(AuditEvent.id > after)
        )
    return TrailVerdict(
        seals=seals,
        events=events,
        unsealed=unsealed or 0,
        broken_between=broken,
        head=previous.hex() or None,
        lost_head=kept_head is not None and broken is None and not met,
    )


def verify_events(
    session: Session, app: AppContext, event_ids: Sequence[int], *, at_most: int | None = None
) -> TrailVerdict | None:
    """Recompute the seals that cover these events; None where that is over `at_most` events.

    Each seal is checked against the one before it as that is kept; `verify_trail` checks the whole
    chain. Of the verdict, `unsealed` counts these events alone. Four queries, however many seals.
    """
    if not event_ids:
        return TrailVerdict(seals=0, events=0, unsealed=0, broken_between=None)
    wanted = sorted(event_ids)
    seals = [
        seal
        for seal in session.scalars(
            select(AuditSeal)
            .where(AuditSeal.upto_id >= wanted[0], AuditSeal.after_id < wanted[-1])
            .order_by(AuditSeal.after_id)
        )
        if _covers(seal, wanted)
    ]
    if at_most is not None and sum(seal.events for seal in seals) > at_most:
        return None
    before = {
        seal.upto_id: seal.digest
        for seal in session.scalars(
            select(AuditSeal).where(AuditSeal.upto_id.in_([seal.after_id for seal in seals]))
        )
    }
    rows = _rows_under(session, seals)
    last = session.scalar(select(func.max(AuditSeal.upto_id))) or 0
    broken = next(
        (
            (seal.after_id + 1, seal.upto_id)
            for seal in seals
            if not _holds(app, seal, before.get(seal.after_id), rows[seal.id])
        ),
        None,
    )
    return TrailVerdict(
        seals=len(seals),
        events=sum(len(found) for found in rows.values()),
        unsealed=sum(event_id > last for event_id in wanted),
        broken_between=broken,
    )


def _covers(seal: AuditSeal, wanted: Sequence[int]) -> bool:
    place = bisect_right(wanted, seal.after_id)
    return place < len(wanted) and wanted[place] <= seal.upto_id


def _rows_under(session: Session, seals: Sequence[AuditSeal]) -> dict[int, list[AnyRow]]:
    """Return the events under each of these seals, in order."""
    found: dict[int, list[AnyRow]] = {seal.id: [] for seal in seals}
    if not seals:
        return found
    ranges = [(AuditEvent.id > seal.after_id) & (AuditEvent.id <= seal.upto_id) for seal in seals]
    ends = [seal.upto_id for seal in seals]
    for row in session.execute(select(*EVENT_COLUMNS).where(or_(*ranges)).order_by(AuditEvent.id)):
        found[seals[bisect_left(ends, row.id)].id].append(row)
    return found


def _holds(app: AppContext, seal: AuditSeal, before: bytes | None, rows: Sequence[AnyRow]) -> bool:
    if before is None and seal.after_id != 0:
        return False
    digest = _digest(app.keyring.audit_key, before or b"", rows)
    return hmac.compare_digest(digest, seal.digest)


def events_of_patient(session: Session, patient_id: UUID) -> Sequence[AuditEvent]:
    """Return all that was done about a patient, in order."""
    return session.scalars(
        select(AuditEvent).where(AuditEvent.patient_id == patient_id).order_by(AuditEvent.id)
    ).all()


def events_of_enrolment(
    session: Session, *, enrolment_id: UUID, patient_id: UUID
) -> Sequence[AuditEvent]:
    """Return all that was done about an enrolment and its patient, in order."""
    return session.scalars(
        select(AuditEvent)
        .where(
            or_(
                AuditEvent.enrolment_id == enrolment_id,
                (AuditEvent.patient_id == patient_id) & AuditEvent.enrolment_id.is_(None),
            )
        )
        .order_by(AuditEvent.id)
    ).all()


def _last_seal(session: Session) -> AuditSeal | None:
    return session.scalar(select(AuditSeal).order_by(AuditSeal.after_id.desc()).limit(1))


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
