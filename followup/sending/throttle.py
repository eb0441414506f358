"""Send throttling: a claimed batch goes no faster than its senders may.

Where a second account is set up, what the first one's circuit breaker keeps back goes through that
one instead. So the account of an attempt is chosen here, before the attempt is written ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from time import sleep
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.providers.interface import Answering
from followup.providers.resilience.rate_limiter import Grant
from followup.routing.accounts import account_of, pace_of, sender_of
from followup.routing.failover import note_failover
from followup.store.engine.bulk import is_among
from followup.store.message_state import lock_in, move_messages
from followup.store.models.messages import Message

LONGEST_SPREAD = 60
"""How many seconds of sending are told apart when many messages are put back."""

LONGEST_WAIT = 10.0
"""How many seconds a worker waits for its turn, all in all, before it puts the rest back."""
SHORTEST_NAP = 0.01
LONGEST_AHEAD = timedelta(seconds=1)
"""How long a worker waits, at most, for what was claimed before it fell due."""


class Route(NamedTuple):
    """How messages go: on which channel, whether by its second account, and from which sender."""

    kind: ChannelKind
    by_standby: bool
    sender: str


ANSWER_PRIORITY = 0
"""The priority of answers to patients who wrote."""

Queues = dict[Route, list[UUID]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What may go now, and which of it goes by the second account of its channel."""

    message_ids: Sequence[UUID]
    by_standby: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The messages of a lease by the way they go, and which may be risked to try a provider.

    Those were never handed to any, and answer nobody who is waiting. `due` is when the last of them
    falls due (service time), None where there is none.
    """

    queues: Queues
    fresh: AbstractSet[UUID]
    due: datetime | None


def paced_chunks(app: AppContext, token: UUID, message_ids: Sequence[UUID]) -> Iterator[Chunk]:
    """Yield the ids of a lease in portions, each as soon as its senders may send it.

    What would have to wait longer than is sensible within a lease is put back to be claimed again,
    and so is what is for a provider that is away, but for some that find out whether it is back.
    """
    with app.store.read() as session:
        claimed = _claimed(session, app, token, message_ids)
    if claimed.due is not None:
        _wait_until(app, claimed.due)
    queues = _let_through(app, token, claimed, order=message_ids)
    patience = min(LONGEST_WAIT, app.policy.lease.total_seconds() / 4)
    while queues:
        portion, waits = _take(app, queues)
        if portion.message_ids:
            yield portion
        if not queues:
            return
        nap = max(min(one.wait for one in waits.values()).total_seconds(), SHORTEST_NAP)
        if nap > patience:
            for way, ids in queues.items():
                put_back(app, token, ids, reason=Reason.PACE, grant=waits[way])
            return
        sleep(nap)
        patience -= nap


def _wait_until(app: AppContext, due: datetime) -> None:
    """Let what was claimed ahead fall due. It is asked once more then whether it may go."""
    early = app.clock.real_delay(due - app.clock.now())
    sleep(min(max(early, timedelta()), LONGEST_AHEAD).total_seconds())


def put_back(
    app: AppContext, token: UUID, message_ids: Sequence[UUID], *, reason: Reason, grant: Grant
) -> None:
    """Return claimed messages of a lease, uncalled, to be claimed again when their turn comes.

    That is after the wait of the grant that they did not get, and then by its pace, in order: all
    at one moment they would only stand in each other's way again.
    """

    def work(unit: UnitOfWork) -> None:
        mine = (is_among(Message.id, message_ids), Message.lease_token == token)
        held = set(lock_in(unit.session, [State.CLAIMED], *mine)[State.CLAIMED])
        for wait, ids in spread_over_time([one for one in message_ids if one in held], grant):
            move_messages(
                unit.session,
                unit.by,
                ids,
                expected=State.CLAIMED,
                to=State.PLANNED,
                reason=reason,
                claimable_at=app.clock.after_real(wait),
            )

    app.transact(actors.WORKER, work)


def spread_over_time(
    message_ids: Sequence[UUID], grant: Grant
) -> Iterator[tuple[timedelta, Sequence[UUID]]]:
    """Yield the ids second by second, as many as may go in each, with how long those must wait."""
    a_second = max(int(min(grant.per_second, len(message_ids))), 1)
    for second in range(LONGEST_SPREAD):
        first, last = second * a_second, (second + 1) * a_second
        if first >= len(message_ids):
            return
        ids = message_ids[first:] if second == LONGEST_SPREAD - 1 else message_ids[first:last]
        yield grant.wait + timedelta(seconds=second), ids


def _let_through(
    app: AppContext, token: UUID, claimed: Claimed, *, order: Sequence[UUID]
) -> Queues:
    """Return what may be handed to its provider by the circuit breakers; put the rest back."""
    passed: Queues = {}
    kept: dict[ChannelKind, list[UUID]] = {}
    waits: dict[ChannelKind, Grant] = {}
    for way, ids in claimed.queues.items():
        passing, grant = _passing(app, way.kind, ids, fresh=claimed.fresh)
        if passing:
            passed[way] = passing
        if len(passing) < len(ids):
            kept.setdefault(way.kind, []).extend(_without(ids, passing))
            waits[way.kind] = grant
    for kind, ids in kept.items():
        stood_in, wait = _stand_in(app, kind, ids, order=order)
        if stood_in:
            passed[Route(kind, by_standby=True, sender=app.standby[kind].sender)] = stood_in
        if len(stood_in) < len(ids):
            grant = min(wait, waits[kind], key=attrgetter("wait"))
            put_back(app, token, _without(ids, stood_in), reason=Reason.PROVIDER_DOWN, grant=grant)
    return passed


def _without(message_ids: Sequence[UUID], some: Sequence[UUID]) -> list[UUID]:
    gone = set(some)
    return [one for one in message_ids if one not in gone]


def _passing(
    app: AppContext, kind: ChannelKind, message_ids: list[UUID], *, fresh: AbstractSet[UUID]
) -> tuple[list[UUID], Grant]:
    """Return which messages the first account's breaker lets go, and its grant.

    Where another account can send them meanwhile, a message is risked on a provider that was away
    only once it answers a question, and then one alone, which was never risked before: what it
    never answers is in doubt, and waits.
    """
    account, wanted = account_of(app.channels[kind]), len(message_ids)
    if kind in app.standby:
        grant = app.breaker.look(account, wanted)
        is_probe = grant.granted and grant.wait
        if is_probe and app.breaker.look(account_of(app.standby[kind]), 1).granted:
            return _probe(app, kind, [one for one in message_ids if one in fresh][:1])
    grant = app.breaker.take(account, wanted)
    return message_ids[: grant.granted], grant


def _probe(app: AppContext, kind: ChannelKind, candidate: list[UUID]) -> tuple[list[UUID], Grant]:
    channel = app.channels[kind]
    account = account_of(channel)
    grant = app.breaker.take(account, len(candidate))
    if grant.granted and isinstance(channel, Answering) and not channel.answers():
        app.breaker.note(account, [False])
        return [], grant
    return candidate[: grant.granted], grant


def _stand_in(
    app: AppContext, kind: ChannelKind, message_ids: Sequence[UUID], *, order: Sequence[UUID]
) -> tuple[list[UUID], Grant]:
    """Return what the second account takes of what the first can't, and its breaker's grant."""
    standby = app.standby.get(kind)
    if standby is None:
        return [], Grant(0, timedelta.max)
    grant = app.breaker.take(account_of(standby), len(message_ids))
    if grant.granted:
        note_failover(app, kind)
    waiting = set(message_ids)
    return [one for one in order if one in waiting][: grant.granted], grant


def _claimed(
    session: Session, app: AppContext, token: UUID, message_ids: Sequence[UUID]
) -> Claimed:
    """Return what is still claimed under this lease: the rest takes nobody's turn."""
    rows = session.execute(
        select(
            Message.id,
            Message.channel,
            Message.clinic,
            Message.attempt_count,
            Message.priority,
            Message.claimable_at,
        ).where(
            is_among(Message.id, message_ids),
            Message.state == State.CLAIMED.value,
            Message.lease_token == token,
        )
    )
    found = {row.id: row for row in rows}
    queues: Queues = {}
    # In the order claimed: the longest due first.
    for row in (found[message_id] for message_id in message_ids if message_id in found):
        kind = ChannelKind(row.channel)
        way = Route(kind, by_standby=False, sender=sender_of(app, app.channels[kind], row.clinic))
        queues.setdefault(way, []).append(row.id)
    fresh = {
        row.id for row in found.values() if row.priority > ANSWER_PRIORITY and not row.attempt_count
    }
    due = max((row.claimable_at for row in found.values()), default=None)
    return Claimed(queues=queues, fresh=fresh, due=due)


def _take(app: AppContext, queues: Queues) -> tuple[Chunk, dict[Route, Grant]]:
    """Take from the queues what may go now; return it, and how long each of the rest must wait."""
    going: list[UUID] = []
    by_standby: set[UUID] = set()
    waits: dict[Route, Grant] = {}
    for way, ids in list(queues.items()):
        channel = (app.standby if way.by_standby else app.channels)[way.kind]
        pace = pace_of(channel, way.sender)
        grant = app.pace.take(pace, len(ids), per_second=app.policy.per_second[way.kind])
        going.extend(ids[: grant.granted])
        if way.by_standby:
            by_standby.update(ids[: grant.granted])
        if grant.granted < len(ids):
            queues[way], waits[way] = ids[grant.granted :], grant
        else:
            del queues[way]
    return Chunk(message_ids=going, by_standby=frozenset(by_standby)), waits
