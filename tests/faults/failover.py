"""The master of a Redis behind Sentinels is killed while messages are on their way."""

from __future__ import annotations

import time
from datetime import timedelta

from tests.faults.kills import UNHURRIED, Plan
from tests.faults.scenes.cast import Cast
from tests.faults.scenes.report import Result
from tests.faults.scenes.scene import SECOND, Scene
from tests.faults.scenes.sentinels import WatchedRedis
from tests.support.apps import messages
from tests.support.servers import PostgresServer

LEASE = timedelta(seconds=30)
LATEST = LEASE + timedelta(seconds=30)
"""What a worker had in hand waits for the end of its lease; the rest for the Sentinels alone."""
SETTINGS = UNHURRIED | {"FOLLOWUP_LEASE": f"{LEASE / SECOND:g}"}


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

    Whatever falls due meanwhile goes within a lease and half a minute.
    """
    began = time.monotonic()
    with SentinelScene(seed=plan.seed, rules=plan.rules, settings=SETTINGS) as scene:
        cast = Cast(scene)
        scene.wait_until_running()
        scene.enrol(plan.patients, over=plan.over)
        end = time.monotonic() + plan.over
        for struck in range(plan.servers):
            pause = max(end - time.monotonic(), 0.0) / (plan.servers - struck)
            time.sleep(scene.random.uniform(0.2, 0.8) * pause)
            scene.watched.kill_master()
            scene.kills["Redis's master SIGKILLed"] += 1
            cast.revive()
        scene.finish(short=plan.short)
        late = [one.sent_at - one.due_at for one in messages(scene.app) if one.sent_at]
        few = len(late) < plan.messages
        name = f"Redis's master killed; the latest text after {max(late) / SECOND:.0f} s"
        return scene.result(name, since=began).with_wrong(
            [f"{len(late)} of {plan.messages} went"] * few
            + [f"one went {wait} after it was due" for wait in late if wait > LATEST]
        )
