"""The master of a Redis behind Sentinels is killed while messages are on their way."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta

from followup.domain.reasons import Reason
from followup.store.models.audit import AuditEvent
from tests.faults.kills import FEW_AT_ONCE, UNHURRIED, Plan
from tests.faults.scenes.cast import Cast
from tests.faults.scenes.report import Result
from tests.faults.scenes.scene import SECOND, Scene
from tests.faults.scenes.sentinels import WatchedRedis
from tests.support.apps import messages, rows
from tests.support.servers import PostgresServer

LATEST = timedelta(minutes=1)
WAITING = 24
"""How many messages wait for a worker at least when the master is killed."""
SETTINGS = UNHURRIED | FEW_AT_ONCE | {"FOLLOWUP_LEASE": "60"}
SLOWLY = 0.5
"""Seconds that an answer takes: workers have calls in hand, and batches wait for them."""


class SentinelScene(Scene):
    """A scene whose broker is found through Sentinels."""

    def _places(self) -> dict[str, str]:
        self.postgres = self._open.enter_context(PostgresServer())
        self.watched = self._open.enter_context(WatchedRedis())
        return {
            "FOLLOWUP_DATABASE_URL": self.postgres.url(self.postgres.create_database()),
            "FOLLOWUP_BROKER_URL": self.watched.url(),
        }


def master_killed(plan: Plan) -> Result:
    """SIGKILL the master so many times; each time the Sentinels make another node the master.

    What had fallen due goes within a minute. Nothing waits for the end of its lease, though that is
    as long; no call that was begun comes into doubt; and what waited is handed over again.
    """
    began = time.monotonic()
    with SentinelScene(
        seed=plan.seed, rules=plan.rules, settings=SETTINGS, latency=SLOWLY
    ) as scene:
        cast = Cast(scene)
        scene.wait_until_running()
        for _ in range(plan.servers):
            scene.enrol(plan.patients // plan.servers, over=plan.over / plan.servers)
            scene.wait_until(lambda: scene.states().get("claimed", 0) >= WAITING, seconds=60)
            scene.watched.kill_master()
            scene.kills["Redis's master SIGKILLed"] += 1
            cast.revive()
            scene.finish(short=plan.short)
        late = [one.sent_at - one.due_at for one in messages(scene.app) if one.sent_at]
        told = [
            (event.action, (event.detail or {}).get("reason"))
            for event in rows(scene.app, AuditEvent)
        ]
        doubted = sum(action == "message.unknown" for action, _ in told)
        reasons = Counter(reason for _, reason in told)
        name = f"Redis's master killed; the latest text after {max(late) / SECOND:.0f} s"
        return scene.result(name, since=began).with_wrong(
            [f"one went {wait} after it was due" for wait in late if wait > LATEST]
            + [f"{doubted} came into doubt"] * bool(doubted)
            + ["a lease had to end"] * (Reason.LEASE_OVER in reasons)
            + ["nothing was handed over again"] * (Reason.BROKER_LOST not in reasons)
        )
