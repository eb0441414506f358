"""Send a claimed batch: check again, write ahead, call outside any transaction, commit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.eligibility import Go, Verdict, Wait
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.messages.rendering import remember_versions
from followup.sending.attempt_builder import StartedAttempt, prepare_attempt
from followup.sending.claim import apply_stops
from followup.sending.eligibility import (
    check_eligibility,
    clearances_of,
    load_leased_for_sending,
)
from followup.sending.provider_calls import ProviderCalls
from followup.sending.throttle import Chunk, paced_chunks
from followup.sending.volume_limits import within_limits
from followup.store.audit_log import AuditContext
from followup.store.engine.bulk import insert_many
from followup.store.message_state import move_messages
from followup.store.models.messages import Attempt

BEGIN_TOGETHER = 100
"""How many attempts are written ahead in one transaction; the next while these are called."""


def send_batch(
    app: AppContext, token: UUID, message_ids: Sequence[UUID], *, executor: ThreadPoolExecutor
) -> int:
    """Send the messages of a lease; return how many provider calls were made.

    What is no longer under this lease is left alone. Safe to run again with the same arguments: a
    message that has left `claimed` is not called for a second time.
    """
    return sum(
        _deliver(app, token, portion, executor=executor)
        for portion in paced_chunks(app, token, message_ids)
    )


def _deliver(app: AppContext, token: UUID, portion: Chunk, *, executor: ThreadPoolExecutor) -> int:
    calls = ProviderCalls(app, executor, token=token)

    def begin(some: Sequence[UUID]) -> None:
        part = Chunk(message_ids=some, by_standby=portion.by_standby)
        calls.begin(app.transact(actors.WORKER, lambda unit: _start(unit, token, part)))

    try:
        for start in range(0, len(portion.message_ids), BEGIN_TOGETHER):
            calls.make_room()
            # Before what has come is settled: the threads have something to do meanwhile.
            begin(portion.message_ids[start : start + BEGIN_TOGETHER])
            calls.settle_group()
    finally:
        made = calls.finish()
    return made


def _start(unit: UnitOfWork, token: UUID, portion: Chunk) -> list[StartedAttempt]:
    """Check each message once more and commit its attempt, with its words, before any call."""
    session, app, by = unit.session, unit.app, unit.by
    rows = load_leased_for_sending(session, portion.message_ids, token=token, now=by.real_at)
    verdicts = check_eligibility(session, app, rows, now=by.at) if rows else {}
    apply_stops(unit, rows, verdicts, expected=State.CLAIMED)
    _return_to_plan(session, by, verdicts)
    by_id = {row.id: row for row in rows if isinstance(verdicts[row.id], Go)}
    # In the order claimed, which is not the order of locking.
    releases = clearances_of(session, app, [*by_id.values()])
    prepared = [
        one
        for id_ in portion.message_ids
        if id_ in by_id
        and (
            one := prepare_attempt(
                unit,
                by_id[id_],
                by_standby=id_ in portion.by_standby,
                release_id=releases[id_].release_id,
            )
        )
    ]
    prepared = within_limits(unit, prepared)
    move_messages(
        session,
        by,
        [one.outgoing.message_id for one in prepared],
        expected=State.CLAIMED,
        to=State.SENDING,
        each={one.outgoing.message_id: {"words": one.digest} for one in prepared},
        lease_until=by.real_at + app.policy.lease,
    )
    if prepared:
        remember_versions(session, {one.version for one in prepared}, at=by.at)
        insert_many(session, Attempt, [one.attempt for one in prepared])
    return prepared


def _return_to_plan(session: Session, by: AuditContext, verdicts: dict[UUID, Verdict]) -> None:
    """Plan again what has to wait: the clinic's hours ended between the claim and now."""
    waits: list[tuple[datetime, UUID]] = sorted(
        (verdict.until, message_id)
        for message_id, verdict in verdicts.items()
        if isinstance(verdict, Wait)
    )
    for until, group in groupby(waits, key=lambda pair: pair[0]):
        move_messages(
            session,
            by,
            [message_id for _, message_id in group],
            expected=State.CLAIMED,
            to=State.PLANNED,
            reason=Reason.NOT_YET,
            claimable_at=until,
        )
