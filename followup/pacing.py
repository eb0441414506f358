"""Letting a claimed batch go no faster than its senders may send."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.store.messages import lock_in, move
from followup.store.models import Message

ACTOR = "worker"
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

    What would have to wait longer than is sensible within a lease is put back to be claimed again.
    """
    with kit.store.read() as session:
        queues = _by_sender(session, kit, message_ids)
    patience = min(PATIENCE, kit.policy.lease.total_seconds() / 4)
    while queues:
        portion, waits = _take(kit, queues)
        if portion:
            yield portion
        if not queues:
            return
        nap = max(min(waits.values()).total_seconds(), SHORTEST_NAP)
        if nap > patience:
            for sender, ids in queues.items():
                put_back(kit, token, ids, wait_for=waits[sender])
            return
        time.sleep(nap)
        patience -= nap


def put_back(kit: Kit, token: UUID, message_ids: Sequence[UUID], *, wait_for: timedelta) -> None:
    """Return claimed messages of a lease, uncalled, to be claimed again after `wait_for`."""

    def work(session: Session) -> None:
        deed = kit.deed(ACTOR)
        mine = (Message.id.in_(message_ids), Message.lease_token == token)
        move(
            session,
            deed,
            lock_in(session, [State.CLAIMED], *mine)[State.CLAIMED],
            expected=State.CLAIMED,
            to=State.PLANNED,
            reason="pace",
            claimable_at=kit.clock.after_real(wait_for),
        )

    kit.store.transact(work)


def _by_sender(session: Session, kit: Kit, message_ids: Sequence[UUID]) -> dict[Sender, list[UUID]]:
    rows = session.execute(
        select(Message.id, Message.channel, Message.clinic).where(Message.id.in_(message_ids))
    )
    places = {row.id: (ChannelKind(row.channel), row.clinic) for row in rows}
    queues: dict[Sender, list[UUID]] = {}
    # In the order claimed: the longest due first.
    for message_id in message_ids:
        if message_id in places:
            kind, clinic = places[message_id]
            queues.setdefault((kind, sender_of(kit, kind, clinic)), []).append(message_id)
    return queues


def _take(kit: Kit, queues: dict[Sender, list[UUID]]) -> tuple[list[UUID], dict[Sender, timedelta]]:
    """Take from the queues what may go now; return it, and how long each of the rest must wait."""
    portion: list[UUID] = []
    waits: dict[Sender, timedelta] = {}
    for (kind, sender), ids in list(queues.items()):
        grant = kit.pace.take(sender, len(ids), per_second=kit.policy.per_second[kind])
        portion.extend(ids[: grant.granted])
        if grant.granted < len(ids):
            queues[kind, sender], waits[kind, sender] = ids[grant.granted :], grant.wait
        else:
            del queues[kind, sender]
    return portion, waits
