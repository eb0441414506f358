"""Sending a claimed batch: check again, write ahead, call with no transaction open, commit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy.orm import Session

from followup.blast_radius import within_limits
from followup.calling import Calls
from followup.dispatch import apply_stops
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.pacing import Portion, in_turn
from followup.prepare import Started, prepare
from followup.rendering import remember_versions
from followup.standing import Go, Verdict, Wait, judge, load_leased
from followup.store.audit_log import Deed
from followup.store.many import insert_many
from followup.store.messages import move
from followup.store.models import Attempt

ACTOR = "worker"
BEGIN_TOGETHER = 100
"""How many attempts are written ahead in one transaction; the next while these are called."""


def deliver(
    kit: Kit, token: UUID, message_ids: Sequence[UUID], *, executor: ThreadPoolExecutor
) -> int:
    """Send the messages of a lease; return how many provider calls were made.

    What is no longer under this lease is left alone. Safe to run again with the same arguments: a
    message that has left `claimed` is not called for a second time.
    """
    return sum(
        _deliver(kit, token, portion, executor=executor)
        for portion in in_turn(kit, token, message_ids)
    )


def _deliver(kit: Kit, token: UUID, portion: Portion, *, executor: ThreadPoolExecutor) -> int:
    calls = Calls(kit, executor)

    def begin(some: Sequence[UUID]) -> None:
        part = Portion(message_ids=some, by_standby=portion.by_standby)
        calls.begin(kit.store.transact(lambda session: _start(session, kit, token, part)))

    try:
        for start in range(0, len(portion.message_ids), BEGIN_TOGETHER):
            calls.make_room()
            # Before what has come is settled: the threads have something to do meanwhile.
            begin(portion.message_ids[start : start + BEGIN_TOGETHER])
            calls.settle_group()
    finally:
        made = calls.finish()
    return made


def _start(session: Session, kit: Kit, token: UUID, portion: Portion) -> list[Started]:
    """Check each message once more and commit its attempt, with its words, before any call."""
    deed = kit.deed(ACTOR)
    rows = load_leased(session, portion.message_ids, token=token, now=deed.real_at)
    verdicts = judge(session, kit, rows, now=deed.at) if rows else {}
    apply_stops(session, kit, deed, rows, verdicts, expected=State.CLAIMED)
    _return_to_plan(session, deed, verdicts)
    by_id = {row.id: row for row in rows if isinstance(verdicts[row.id], Go)}
    # In the order claimed, which is not the order of locking.
    prepared = [
        one
        for id_ in portion.message_ids
        if id_ in by_id
        and (one := prepare(session, kit, deed, by_id[id_], by_standby=id_ in portion.by_standby))
    ]
    prepared = within_limits(session, kit, deed, prepared)
    move(
        session,
        deed,
        [one.outgoing.message_id for one in prepared],
        expected=State.CLAIMED,
        to=State.SENDING,
        lease_until=deed.real_at + kit.policy.lease,
    )
    if prepared:
        remember_versions(session, {one.version for one in prepared}, at=deed.at)
        insert_many(session, Attempt, [one.attempt for one in prepared])
    return prepared


def _return_to_plan(session: Session, deed: Deed, verdicts: dict[UUID, Verdict]) -> None:
    """Plan again what has to wait: the clinic's hours ended between the claim and now."""
    waits: list[tuple[datetime, UUID]] = sorted(
        (verdict.until, message_id)
        for message_id, verdict in verdicts.items()
        if isinstance(verdict, Wait)
    )
    for until, group in groupby(waits, key=lambda pair: pair[0]):
        move(
            session,
            deed,
            [message_id for _, message_id in group],
            expected=State.CLAIMED,
            to=State.PLANNED,
            reason="not-yet",
            claimable_at=until,
        )
