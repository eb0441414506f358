"""How much may be claimed: by what is in flight, each sender's pace, and who can be reached."""

from __future__ import annotations

from collections.abc import Mapping

from followup.domain.channel import ChannelKind
from followup.kit import Kit
from followup.pacing import account_of, sender_of
from followup.store.messages import Lane


class Room:
    """The room for claims at one tick, by channel: it shrinks as claims are made.

    What is not claimed costs nothing: a backlog behind a slow sender, or a provider that is away,
    stays where it is, in its order, and nothing is written about it.
    """

    def __init__(self, kit: Kit, in_flight: Mapping[str, int]) -> None:
        self._kit = kit
        self._in_flight = in_flight
        self._left = kit.policy.in_flight_limit - sum(in_flight.values())
        self._left_of: dict[str, int] = {}

    def of(self, lane: Lane) -> int:
        """Return how many messages of a lane may be claimed; 0 or less is none."""
        _, channel = lane
        if channel not in self._left_of:
            self._left_of[channel] = self._measure(ChannelKind(channel))
        return min(self._left, self._left_of[channel])

    def fill(self, lane: Lane, claimed: int) -> None:
        """Take account of what was claimed."""
        self._left -= claimed
        self._left_of[lane[1]] -= claimed

    def _measure(self, kind: ChannelKind) -> int:
        kit, in_flight = self._kit, self._in_flight.get(kind.value, 0)
        senders = {sender_of(kit, kind, clinic) for clinic in kit.catalogue.clinics}
        per_second = kit.policy.per_second[kind]
        ahead = sum(
            kit.pace.ahead(sender, kit.policy.claim_ahead, per_second=per_second)
            for sender in senders or {kit.channels[kind].sender}
        )
        if ahead == 0:
            return 0
        # A batch may always be under way: what a dead worker holds must keep no slow sender idle.
        wanted = max(ahead, kit.policy.batch_size)
        return min(kit.breaker.look(account_of(kit, kind), wanted).granted, wanted - in_flight)
