"""Sending a claimed batch: check again, write ahead, call with no transaction open, commit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from itertools import groupby
from uuid import UUID

import structlog
from sqlalchemy import insert
from sqlalchemy.orm import Session

from followup.brake import Brake
from followup.channels.interface import Channel, Report
from followup.dispatch import apply_stops
from followup.domain.errors import (
    ChannelBusy,
    ChannelError,
    ChannelRefused,
    ChannelUnavailable,
    OutcomeUnknown,
)
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.lessons import BUG, heed, learn
from followup.outcomes import NOT_CALLED, Called, settle
from followup.pacing import account_of, in_turn
from followup.prepare import Started, prepare
from followup.rendering import remember_versions
from followup.standing import Go, Verdict, Wait, judge, load
from followup.store.audit_log import Deed
from followup.store.messages import move
from followup.store.models import Attempt, Message

ACTOR = "worker"
COMMIT_EVERY = 50
"""Outcomes are committed in groups of this many ..."""
COMMIT_WITHIN = 0.25
"""... or after this many seconds, so that a crash leaves few outcomes unknown."""

log = structlog.get_logger()


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


def _deliver(
    kit: Kit, token: UUID, message_ids: Sequence[UUID], *, executor: ThreadPoolExecutor
) -> int:
    started = kit.store.transact(lambda session: _start(session, kit, token, message_ids))
    return _call_all(kit, started, executor=executor)


def _start(session: Session, kit: Kit, token: UUID, message_ids: Sequence[UUID]) -> list[Started]:
    """Check each message once more and commit its attempt, with its words, before any call."""
    deed = kit.deed(ACTOR)
    rows = load(
        session,
        message_ids,
        Message.state == State.CLAIMED.value,
        Message.lease_token == token,
        Message.lease_until > deed.real_at,
    )
    verdicts = judge(session, kit, rows, now=deed.at) if rows else {}
    apply_stops(session, kit, deed, rows, verdicts, expected=State.CLAIMED)
    _return_to_plan(session, deed, verdicts)
    by_id = {row.id: row for row in rows if isinstance(verdicts[row.id], Go)}
    # In the order claimed, which is not the order of locking.
    prepared = [
        one
        for id_ in message_ids
        if id_ in by_id and (one := prepare(session, kit, deed, by_id[id_]))
    ]
    move(
        session,
        deed,
        [one.outgoing.message_id for one in prepared],
        expected=State.CLAIMED,
        to=State.SENDING,
        lease_until=deed.real_at + kit.policy.lease,
        attempt_count=Message.attempt_count + 1,
    )
    if prepared:
        remember_versions(session, {one.version for one in prepared}, at=deed.at)
        session.execute(insert(Attempt), [one.attempt for one in prepared])
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


def _call_all(kit: Kit, started: Sequence[Started], *, executor: ThreadPoolExecutor) -> int:
    """Call the provider for each attempt and commit the outcomes in small groups as they come."""
    brake = Brake(kit)
    pending: set[Future[Called]] = {
        executor.submit(_call, kit, brake, kit.channels[one.kind], one) for one in started
    }
    by_attempt = {one.outgoing.attempt_id: one for one in started}
    ready: list[Called] = []
    called = 0
    since = kit.clock.real_now()
    while pending:
        finished, pending = wait(pending, timeout=COMMIT_WITHIN, return_when=FIRST_COMPLETED)
        ready.extend(future.result() for future in finished)
        waited = (kit.clock.real_now() - since).total_seconds()
        if ready and (not pending or len(ready) >= COMMIT_EVERY or waited >= COMMIT_WITHIN):
            learn(kit, [(by_attempt[one.attempt_id], one) for one in ready])
            settle(kit, ready, actor=ACTOR)
            called += sum(outcome.result is not NOT_CALLED for outcome in ready)
            ready, since = [], kit.clock.real_now()
    return called


def _call(kit: Kit, brake: Brake, channel: Channel, started: Started) -> Called:
    """Make one provider call, unless its lease is over or it has been stopped meanwhile.

    After its lease another worker may hold the message.
    """
    outgoing = started.outgoing
    result: Report | ChannelError
    # The lease last of all: looking at the switches may take time.
    if (
        brake.stops(started.row)
        or kit.breaker.is_open(account_of(kit, started.kind))
        or kit.clock.real_now() >= started.call_before
    ):
        return Called(outgoing.message_id, outgoing.attempt_id, NOT_CALLED)
    try:
        result = channel.send(outgoing)
    except ChannelBusy as error:
        heed(kit, started, error)
        result = error
    except (ChannelRefused, ChannelUnavailable, OutcomeUnknown) as error:
        result = error
    except Exception as error:
        # The edge of a thread: a bug in a provider module must neither pass for "not sent" nor
        # keep the outcomes of the other messages from being committed.
        log.exception("channel.bug", attempt_id=str(outgoing.attempt_id))
        result = OutcomeUnknown(BUG, type(error).__name__)
    return Called(outgoing.message_id, outgoing.attempt_id, result)
