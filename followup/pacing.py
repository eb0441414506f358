"""Letting a claimed batch go no faster than its senders may, and to no provider that is away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from time import sleep
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.channels.pace import Grant
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.store.many import is_among
from followup.store.messages import lock_in, move
from followup.store.models import Message

ACTOR = "worker"
PACE, PROVIDER_DOWN = "pace", "provider-down"
"""Reasons of a message that was put back uncalled."""

LONGEST_SPREAD = 60
"""How many seconds of sending are told apart when many messages are put back."""

PATIENCE = 10.0
"""How many seconds a worker waits for its turn, all in all, before it puts the rest back."""
SHORTEST_NAP = 0.01

Sender = tuple[ChannelKind, str]


def sender_of(kit: Kit, kind: ChannelKind, clinic_key: str) -> str:
    """Return the number or address that a clinic's messages come from: its own where it has one."""
    clinic = kit.catalogue.clinics.get(clinic_key)
    own = None if clinic is None else _own_sender(kind, clinic.sms_sender, clinic.email_from)
    return own or kit.channels[kind].sender


def _own_sender(kind: ChannelKind, sms: str | None, email: str) -> str | None:
    return sms if kind is ChannelKind.SMS else email


def in_turn(kit: Kit, token: UUID, message_ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    """Yield the ids of a lease in portions, each as soon as its senders may send it.

    What would have to wait longer than is sensible within a lease is put back to be claimed again,
    and so is what is for a provider that is away, but for some that find out whether it is back.
    """
    with kit.store.read() as session:
        queues = _by_sender(session, kit, token, message_ids)
    queues = _let_through(kit, token, queues)
    patience = min(PATIENCE, kit.policy.lease.total_seconds() / 4)
    while queues:
        portion, waits = _take(kit, queues)
        if portion:
            yield portion
        if not queues:
            return
        nap = max(min(one.wait for one in waits.values()).total_seconds(), SHORTEST_NAP)
        if nap > patience:
            for sender, ids in queues.items():
                put_back(kit, token, ids, reason=PACE, grant=waits[sender])
            return
        sleep(nap)
        patience -= nap


def put_back(
    kit: Kit, token: UUID, message_ids: Sequence[UUID], *, reason: str, grant: Grant
) -> None:
    """Return claimed messages of a lease, uncalled, to be claimed again when their turn comes.

    That is after the wait of the grant that they did not get, and then by its pace, in order: all
    at one moment they would only stand in each other's way again.
    """

    def work(session: Session) -> None:
        deed = kit.deed(ACTOR)
        mine = (is_among(Message.id, message_ids), Message.lease_token == token)
        held = set(lock_in(session, [State.CLAIMED], *mine)[State.CLAIMED])
        for wait, ids in spread([one for one in message_ids if one in held], grant):
            move(
                session,
                deed,
                ids,
                expected=State.CLAIMED,
                to=State.PLANNED,
                reason=reason,
                claimable_at=kit.clock.after_real(wait),
            )

    kit.store.transact(work)


def spread(message_ids: Sequence[UUID], grant: Grant) -> Iterator[tuple[timedelta, Sequence[UUID]]]:
    """Yield the ids second by second, as many as may go in each, with how long those must wait."""
    a_second = max(int(min(grant.per_second, len(message_ids))), 1)
    for second in range(LONGEST_SPREAD):
        first, last = second * a_second, (second + 1) * a_second
        if first >= len(message_ids):
            return
        ids = message_ids[first:] if second == LONGEST_SPREAD - 1 else message_ids[first:last]
        yield grant.wait + timedelta(seconds=second), ids


def account_of(kit: Kit, kind: ChannelKind) -> str:
    """Return what has one circuit breaker: everything that goes through one provider's account."""
    channel = kit.channels[kind]
    return f"{channel.provider}:{channel.sender}"


def _let_through(
    kit: Kit, token: UUID, queues: dict[Sender, list[UUID]]
) -> dict[Sender, list[UUID]]:
    """Return what may be handed to its provider by the circuit breaker; put the rest back."""
    passed: dict[Sender, list[UUID]] = {}
    for (kind, sender), ids in queues.items():
        grant = kit.breaker.take(account_of(kit, kind), len(ids))
        if grant.granted:
            passed[kind, sender] = ids[: grant.granted]
        if grant.granted < len(ids):
            put_back(kit, token, ids[grant.granted :], reason=PROVIDER_DOWN, grant=grant)
    return passed


def _by_sender(
    session: Session, kit: Kit, token: UUID, message_ids: Sequence[UUID]
) -> dict[Sender, list[UUID]]:
    """Return by sender what is still claimed under this lease: the rest takes nobody's turn."""
    rows = session.execute(
        select(Message.id, Message.channel, Message.clinic).where(
            is_among(Message.id, message_ids),
            Message.state == State.CLAIMED.value,
            Message.lease_token == token,
        )
    )
    places = {row.id: (ChannelKind(row.channel), row.clinic) for row in rows}
    queues: dict[Sender, list[UUID]] = {}
    # In the order claimed: the longest due first.
    for message_id in message_ids:
        if message_id in places:
            kind, clinic = places[message_id]
            queues.setdefault((kind, sender_of(kit, kind, clinic)), []).append(message_id)
    return queues


def _take(kit: Kit, queues: dict[Sender, list[UUID]]) -> tuple[list[UUID], dict[Sender, Grant]]:
    """Take from the queues what may go now; return it, and how long each of the rest must wait."""
    portion: list[UUID] = []
    waits: dict[Sender, Grant] = {}
    for (kind, sender), ids in list(queues.items()):
        grant = kit.pace.take(sender, len(ids), per_second=kit.policy.per_second[kind])
        portion.extend(ids[: grant.granted])
        if grant.granted < len(ids):
            queues[kind, sender], waits[kind, sender] = ids[grant.granted :], grant
        else:
            del queues[kind, sender]
    return portion, waits
