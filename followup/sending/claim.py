"""Claim: the dispatcher's tick leases due messages in batches and hands on their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.eligibility import Go, Stop, Verdict, Wait
from followup.domain.lifecycle import State
from followup.domain.reasons import FOR_WANT_OF_A_RELEASE, LEAVE_OTHER_CHANNEL_OPEN, Reason
from followup.messages.fallback import (
    handle_expired,
    handle_objected,
    handle_undeliverable,
)
from followup.releases.watch import tell_of_words
from followup.sending.capacity import SendCapacity
from followup.sending.eligibility import (
    SendRow,
    check_eligibility,
    concerned_by,
    load_for_sending,
)
from followup.sending.presumed_sent import presume_sent
from followup.sending.spans import trace_claim
from followup.store.message_state import (
    PriorityQueue,
    earliest_in_queues,
    lock_due,
    move_messages,
    postpone,
)

CLAIM_SIZE = 500
"""How many rows one transaction claims: large enough to be quick, small enough to be short."""

MOST_CLAIMS = 200
"""How many such transactions one tick makes at most: what is left waits for the next."""

ROOM_AGAIN = timedelta(milliseconds=250)
"""After so long (real time) workers that had as much as they may have can take more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Claimed messages for one worker: the lease's token, and ids only."""

    token: UUID
    message_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    """What one transaction of the tick did: how many rows it looked at, and what it claimed."""

    looked_at: int
    batches: tuple[Batch, ...]


def claim_due(app: AppContext) -> list[Batch]:
    """Claim what is due, as `claims` does, and return it all at once."""
    return list(claim_batches(app))


def claim_batches(
    app: AppContext,
    *,
    look_again: Callable[[timedelta], None] = lambda _: None,
    ahead: timedelta = timedelta(),
) -> Iterator[Batch]:
    """Claim what is due, most urgent first, and yield it in batches for the workers.

    Where nothing is due, what falls due within `ahead` is claimed too: its way to a worker takes as
    long, and the worker waits until it is due. That is service time, or a time-lapse clock would
    judge what it claims by an hour that is far off.

    Each batch comes as soon as its claim is committed: its sending need not wait for the others.
    Idempotent and safe to run twice at once: a row is claimed by one tick only, and what a worker
    never takes up returns when its lease is over. Claims no more than the workers can have in
    flight, or than their pace and the health of their providers let go, so that an urgent message
    never queues behind a backlog; two ticks at once may go over that limit by as much again.

    `look_again` is told in how long (real time) the next look is worth while: when the next message
    can be claimed, or soon, while what is on its way leaves no room for what is due.
    """
    now = app.clock.now()
    until = now + ahead
    with app.store.read() as session:
        earliest = dict(earliest_in_queues(session))
        lanes = [lane for lane, at in earliest.items() if at <= until]
        room = SendCapacity.now(session, app) if lanes else None
    if room is None:
        if earliest:
            look_again(app.clock.real_delay(min(earliest.values()) - until))
        return
    for _ in range(MOST_CLAIMS):
        going = [lane for lane in lanes if room.of(lane) > 0]
        if not going:
            break
        lane, limit = going[0], min(room.of(going[0]), CLAIM_SIZE)
        began = app.traces.time()
        claimed = _claim(app, lane, until=until if earliest[lane] > now else None, limit=limit)
        ended = app.traces.time()
        for batch in claimed.batches:
            yield batch
            trace_claim(app, batch.token, batch.message_ids, began=began, ended=ended)
        room.fill(lane, sum(len(batch.message_ids) for batch in claimed.batches))
        if claimed.looked_at < limit:
            lanes.remove(lane)
    if lanes and room.is_used:
        look_again(ROOM_AGAIN)


def _claim(app: AppContext, lane: PriorityQueue, *, until: datetime | None, limit: int) -> _Claimed:
    def work(unit: UnitOfWork) -> _Claimed:
        session, now = unit.session, max(until or unit.by.at, unit.by.at)
        ids = lock_due(session, lane, now=now, limit=limit)
        rows = load_for_sending(session, ids) if ids else []
        verdicts = check_eligibility(session, app, rows, now=now) if rows else {}
        apply_stops(unit, rows, verdicts, expected=State.PLANNED)
        _postpone(session, verdicts)
        # In the order due, which is not the order of locking.
        going = [id_ for id_ in ids if isinstance(verdicts.get(id_), Go)]
        return _Claimed(looked_at=len(ids), batches=_lease(unit, going))

    return app.transact(actors.DISPATCHER, work)


def _lease(unit: UnitOfWork, message_ids: Sequence[UUID]) -> tuple[Batch, ...]:
    batches = []
    size = unit.app.policy.batch_size
    for start in range(0, len(message_ids), size):
        token = uuid4()
        chunk = message_ids[start : start + size]
        moved = move_messages(
            unit.session,
            unit.by,
            chunk,
            expected=State.PLANNED,
            to=State.CLAIMED,
            lease_token=token,
            lease_until=unit.by.real_at + unit.app.policy.lease,
        )
        if moved:
            batches.append(
                Batch(token=token, message_ids=tuple(id_ for id_ in chunk if id_ in moved))
            )
    return tuple(batches)


def apply_stops(
    unit: UnitOfWork, rows: Sequence[SendRow], verdicts: dict[UUID, Verdict], *, expected: State
) -> None:
    """Carry out every `Stop` among the verdicts, with what follows from it."""
    stops = [
        (verdict.to, verdict.reason, row.id)
        for row in rows
        if isinstance(verdict := verdicts[row.id], Stop)
    ]
    for (to, reason), group in groupby(sorted(stops), key=itemgetter(0, 1)):
        if to is State.UNKNOWN:
            doubted = {id_ for _, _, id_ in group}
            presume_sent(unit, [row for row in rows if row.id in doubted])
            continue
        moved = move_messages(
            unit.session,
            unit.by,
            [id_ for _, _, id_ in group],
            expected=expected,
            to=to,
            reason=reason,
        )
        if to is State.EXPIRED:
            handle_expired(unit, list(moved))
        elif reason is Reason.OBJECTION:
            handle_objected(unit, list(moved))
        elif reason in FOR_WANT_OF_A_RELEASE:
            tell_of_words(unit, {concerned_by(row) for row in rows if row.id in moved})
        elif reason in LEAVE_OTHER_CHANNEL_OPEN:
            handle_undeliverable(unit, list(moved), code=reason)


def _postpone(session: Session, verdicts: dict[UUID, Verdict]) -> None:
    waits: dict[datetime, list[UUID]] = {}
    for message_id, verdict in verdicts.items():
        if isinstance(verdict, Wait):
            waits.setdefault(verdict.until, []).append(message_id)
    for until, message_ids in waits.items():
        postpone(session, message_ids, until=until)
