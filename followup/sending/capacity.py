"""In-flight capacity: how much may be claimed, by what is under way and each sender's rate."""

from __future__ import annotations

from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.providers.interface import Channel
from followup.routing.accounts import account_of, is_there, pace_of, sender_of
from followup.store.message_state import InFlight, PriorityQueue, count_in_flight

OF_A_LEASE = 3
"""What is claimed should be taken up within this part of its lease: a third of it."""
MEASURED_OVER = 2
"""The part of a lease, a half, over which the pace of the workers is measured."""


class SendCapacity:
    """The room for claims at one tick, by channel: it shrinks as claims are made.

    What is not claimed costs nothing: a backlog behind a slow sender, or a provider that is away,
    stays where it is, in its order, and nothing is written about it. `is_used` says that anything
    is on its way.
    """

    def __init__(self, app: AppContext, in_flight: InFlight) -> None:
        self._app = app
        self._in_flight = in_flight.by_channel
        limit = min(app.policy.in_flight_limit, _soon_taken_up(app, in_flight))
        self._left = limit - in_flight.total
        self.is_used = in_flight.total > 0
        self._left_of: dict[str, int] = {}

    @classmethod
    def now(cls, session: Session, app: AppContext) -> SendCapacity:
        """Return the room that there is now."""
        since = app.clock.real_now() - app.policy.lease / MEASURED_OVER
        # More calls than that leave no less room than the limit does.
        at_most = app.policy.in_flight_limit * OF_A_LEASE // MEASURED_OVER + 1
        return cls(app, count_in_flight(session, since=since, at_most=at_most))

    def of(self, lane: PriorityQueue) -> int:
        """Return how many messages of a lane may be claimed; 0 or less is none."""
        _, channel = lane
        if channel not in self._left_of:
            self._left_of[channel] = self._measure(ChannelKind(channel))
        return min(self._left, self._left_of[channel])

    def fill(self, lane: PriorityQueue, claimed: int) -> None:
        """Take account of what was claimed."""
        self.is_used |= claimed > 0
        self._left -= claimed
        self._left_of[lane[1]] -= claimed

    def _measure(self, kind: ChannelKind) -> int:
        first, standby = self._app.channels[kind], self._app.standby.get(kind)
        room = self._by(first)
        if standby is None or is_there(self._app, first):
            return room
        # What the first account can't take goes by the second.
        return max(room, self._by(standby))

    def _by(self, channel: Channel) -> int:
        """Return how many could go by one account."""
        app, kind = self._app, channel.kind
        senders = {sender_of(app, channel, clinic) for clinic in app.catalogue.clinics}
        per_second = app.policy.per_second[kind]
        ahead = sum(
            app.pace.ahead(pace_of(channel, sender), app.policy.claim_ahead, per_second=per_second)
            for sender in senders or {channel.sender}
        )
        if ahead == 0:
            return 0
        # A batch may always be under way: what a dead worker holds must keep no slow sender idle.
        wanted = max(ahead, app.policy.batch_size)
        in_flight = self._in_flight.get(kind.value, 0)
        return min(app.breaker.look(account_of(channel), wanted).granted, wanted - in_flight)


def _soon_taken_up(app: AppContext, in_flight: InFlight) -> int:
    """Return how many messages may be in flight so that none waits in the queue past its lease.

    That is by what the workers began of late, and at least what one of them surely gets done,
    however slow its provider. While nothing is being sent nothing is known of their pace: then
    there is no such limit, and what turns out to be too much is put back once.
    """
    if not in_flight.sending:
        return app.policy.in_flight_limit
    policy, slowest = app.policy, max(one.longest_call for one in app.channels.values())
    surely = int(policy.send_concurrency * (policy.lease / OF_A_LEASE / slowest))
    of_late = in_flight.started * MEASURED_OVER // OF_A_LEASE
    return max(policy.send_concurrency, surely, of_late)
