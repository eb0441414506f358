"""Workers killed: at random moments, and exactly between the provider's taking and our commit."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass

from tests.faults.clinics import TEMPLATES, Rules
from tests.faults.report import Result
from tests.faults.scene import Scene
from tests.stacks import Running

ANSWERS = {
    "accept-never-answer": 0.01,
    "accept-reset": 0.02,
    "accept-close": 0.01,
    "accept-500": 0.02,
    "accept-truncate": 0.005,
    "accept-garbage": 0.005,
    "accept-slowly": 0.02,
    "refuse-never-answer": 0.005,
    "refuse-reset": 0.01,
    "refuse-close": 0.005,
    "refuse-500": 0.01,
    "refuse-503": 0.01,
    "refuse-429": 0.02,
}
RECEIPTS = {
    "callback-none": 0.1,
    "callback-late": 0.1,
    "callback-twice": 0.1,
    "callback-out-of-order": 0.1,
    "callback-before-answer": 0.05,
    "undelivered": 0.02,
}
"""The share of requests that each fault of the provider befalls."""
FEW_AT_ONCE = {"FOLLOWUP_SEND_CONCURRENCY": "2", "FOLLOWUP_BATCH_SIZE": "4"}
"""So that each kill is about one message, not about thirty that were under way together."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how hard a run is: so many messages fall due over so many seconds."""

    seed: int
    messages: int
    over: float
    kills: int
    rules: Rules = Rules(apart=0)  # noqa: RUF009 - frozen

    @property
    def patients(self) -> int:
        return self.messages // len(TEMPLATES)


def random_kills(plan: Plan) -> Result:
    """SIGKILL workers, their pool processes, beats and the web process at moments left to chance.

    Meanwhile the provider fails in every way, and reports late, twice, out of order or never.
    """
    began = time.monotonic()
    with Scene(seed=plan.seed, rules=plan.rules) as scene:
        scene.twilio.chances(ANSWERS | RECEIPTS, seed=plan.seed)
        scene.enrol(plan.patients, over=plan.over)
        cast = Cast(scene)
        end = time.monotonic() + plan.over
        while (left := plan.kills - scene.kills.total()) > 0:
            pause = max(end - time.monotonic(), 0.0) / left
            time.sleep(scene.random.uniform(0.2, 1.8) * pause)
            cast.kill_one()
        scene.settle(seconds=240)
        return scene.result("random kills", since=began)


def precise_kills(plan: Plan) -> Result:
    """Let the provider SIGKILL the process that calls it, in the moment it takes the message.

    Half of the messages are never reported on, so that only a look-up can settle them.
    """
    began = time.monotonic()
    with Scene(seed=plan.seed, rules=plan.rules, settings=FEW_AT_ONCE) as scene:
        scene.twilio.chances({"accept-kill-caller": 0.4, "callback-none": 0.5}, seed=plan.seed)
        scene.enrol(plan.patients, over=plan.over)
        cast = Cast(scene)
        while len(scene.twilio.faults()["killed"]) < plan.kills and scene.unsent():
            time.sleep(0.2)
            cast.revive()
        scene.twilio.chances({})
        scene.wait_until_handed_over(seconds=240)
        return scene.result("kills as the provider takes it", since=began)


class Cast:
    """The processes of a run: two workers of two, two beats and the web, revived when they die."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.web = scene.web()
        self.workers = scene.start(workers=2, beats=0, concurrency=2)
        self.beats = [scene.stack.beat() for _ in range(2)]

    def kill_one(self) -> None:
        """Kill a pool process mostly, a whole worker or a beat at times, the web process seldom."""
        chance = self.scene.random.random()
        if chance < 0.75:
            self._kill_pool_process()
        elif chance < 0.92:
            self._kill("worker", self.scene.random.choice(self.workers))
        elif chance < 0.97:
            self._kill("beat", self.scene.random.choice(self.beats))
        else:
            self._kill("web", self.web)
        self.revive()

    def revive(self) -> None:
        """Start again what has died."""
        stack = self.scene.stack
        self.workers = [
            one if one.is_running else stack.worker(concurrency=2) for one in self.workers
        ]
        self.beats = [one if one.is_running else stack.beat() for one in self.beats]
        if not self.web.is_running:
            self.web = self.scene.web()

    def _kill(self, kind: str, victim: Running) -> None:
        victim.kill()
        self.scene.kills[f"SIGKILL of a {kind}"] += 1

    def _kill_pool_process(self) -> None:
        children = [pid for worker in self.workers for pid in worker.pids[1:]]
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.scene.random.choice(children), signal.SIGKILL)
                self.scene.kills["SIGKILL of a pool process"] += 1
