"""A queue that is longer than a lease: workers far slower than the pace they were given."""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.providers.resilience.rate_limiter import InProcessRateLimiter
from followup.sending.capacity import SendCapacity
from followup.sending.claim import Batch, claim_due
from followup.sending.send_batch import send_batch
from followup.store.message_state import InFlight
from followup.store.models.audit import AuditEvent
from tests.support.apps import (
    EXECUTOR,
    clock_of,
    count_by_state,
    enrol_many,
    make_app,
    messages,
    rows,
    sms_of,
    sweep,
)
from tests.support.people import EMAIL, SMS

LEASE = timedelta(seconds=60)
CALL = timedelta(seconds=0.5)
TICK_EVERY = 4
"""Calls between two looks of the dispatcher."""
LANE = (1, SMS.value)


class SlowWorker:
    """One worker that makes one call at a time, its queue, and the jobs that run meanwhile.

    Time passes by its calls alone.
    """

    def __init__(self, app: AppContext) -> None:
        self.app = app
        self.queue: deque[Batch] = deque()
        self._calls = 0
        sms_of(app).during_call = self._during_call

    def work(self) -> None:
        """Send until nothing is left."""
        self._look()
        with ThreadPoolExecutor(1) as executor:
            while self.queue:
                batch = self.queue.popleft()
                send_batch(self.app, batch.token, batch.message_ids, executor=executor)
                if not self.queue:
                    self._look()

    def _during_call(self, _: object) -> None:
        clock_of(self.app).advance(CALL)
        self._calls += 1
        if self._calls % TICK_EVERY == 0:
            self._look()

    def _look(self) -> None:
        sweep(self.app, "release-leases", "abandon-sending")
        self.queue.extend(claim_due(self.app))


@pytest.mark.slow
def test_what_waits_longer_than_a_lease_is_put_back_once_and_then_claimed_in_time(
    migrated_sqlite_url: str,
):
    slow = {"send_concurrency": 1, "batch_size": 50, "version_per_minute": 1_000_000}
    with closing(make_app(migrated_sqlite_url, lease=LEASE, **slow)) as app:
        enrol_many(app, 300, channels=(SMS,))
        # Two minutes and a half of work, all of it claimed at first.
        SlowWorker(app).work()

        first = [one for one in messages(app) if one.step == "going-home"]
        assert count_by_state(first) == {State.SENT.value: 300}
        assert len(sms_of(app).calls) == 300
        put_back = Counter(
            event.message_id
            for event in rows(app, AuditEvent)
            if (event.detail or {}).get("reason") == "lease-over"
        )
        assert put_back
        assert max(put_back.values()) == 1


def test_no_more_is_claimed_than_the_workers_take_up_in_a_third_of_a_lease(sqlite_app: AppContext):
    policy = replace(sqlite_app.policy, lease=LEASE, in_flight_limit=4000, send_concurrency=4)
    app = replace(sqlite_app, policy=policy)

    def room(*, sending: int, started: int) -> int:
        there = InFlight(by_channel={"email": sending}, sending=sending, started=started)
        return SendCapacity(app, there).of(LANE) + sending

    assert room(sending=0, started=0) == 4000
    # What one worker surely does in twenty seconds: four calls of thirteen seconds at a time.
    assert room(sending=1, started=0) == 6
    # Ten a second in the last thirty seconds, so two hundred in twenty.
    assert room(sending=40, started=300) == 200
    assert room(sending=40, started=30_000) == 4000


def test_a_batch_whose_lease_is_over_takes_nobodys_turn(migrated_sqlite_url: str):
    pace = InProcessRateLimiter(seconds=lambda: 0.0)
    with closing(make_app(migrated_sqlite_url, pace=pace, per_second={SMS: 20, EMAIL: 20})) as app:
        enrol_many(app, 20, channels=(SMS,))
        (stale,) = claim_due(app)
        clock_of(app).advance(LEASE)
        sweep(app, "release-leases")
        (batch,) = claim_due(app)

        assert send_batch(app, stale.token, stale.message_ids, executor=EXECUTOR) == 0
        assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 20
