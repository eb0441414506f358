"""Workers killed: at random moments, and exactly between the provider's taking and our commit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from tests.faults.scenes.cast import Cast
from tests.faults.scenes.clinics import TEMPLATES, Rules
from tests.faults.scenes.report import Result
from tests.faults.scenes.scene import Scene

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
FROZEN = 12.0
"""Seconds: longer than a lease, a call, and the wait before "not there" is believed, together."""
BARE_WORKERS = 4
RIVALS = 4
LONGEST_WAIT = 10.0
"""Seconds between two blows, at most, where the work is behind its time."""
UNHURRIED = {"FOLLOWUP_TICK": "0.6", "FOLLOWUP_PROVIDER_TIMEOUT": "3"}
FEW_AT_ONCE = {
    "FOLLOWUP_SEND_CONCURRENCY": "2",
    "FOLLOWUP_BATCH_SIZE": "4",
    "FOLLOWUP_IN_FLIGHT_LIMIT": "64",
}
"""So that each kill is about one message, not about thirty that were under way together."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how hard a run is: so many messages fall due over so many seconds.

    `kills` of processes, `servers` taken away and `freezes` of workers are spread over that time.

    A `short` run ends when every message is handed over; a long one also waits for what becomes of
    them, which takes a minute more: so long a missing receipt is waited for.
    """

    seed: int = 0
    messages: int
    over: float
    kills: int = 0
    servers: int = 0
    freezes: int = 0
    short: bool = False
    rules: Rules = Rules(apart=0)  # noqa: RUF009 - frozen

    @property
    def patients(self) -> int:
        return max(self.messages // len(TEMPLATES), 1)

    def scaled(self, scale: float) -> Plan:
        """Return a plan that is so many times as long and has as many more faults, never none."""
        if scale == 1:
            return self

        def share(number: int) -> int:
            return max(round(number * scale), 1) if number else 0

        return replace(
            self,
            messages=share(self.messages),
            over=max(self.over * scale, 5.0),
            kills=share(self.kills),
            servers=share(self.servers),
            freezes=share(self.freezes),
        )


def random_kills(plan: Plan) -> Result:
    """SIGKILL workers, their pool processes, beats and the web process at moments left to chance.

    Meanwhile the provider fails in every way, and reports late, twice, out of order or never; if
    the plan says so, workers are frozen and Redis and PostgreSQL taken away in between.
    """
    began = time.monotonic()
    chances = ANSWERS | RECEIPTS
    with Scene(seed=plan.seed, rules=plan.rules, settings=UNHURRIED, chances=chances) as scene:
        scene.enrol(plan.patients, over=plan.over)
        cast = Cast(scene)
        blows: list[Callable[[], object]] = [cast.kill_one] * plan.kills
        blows += [cast.take_a_server_away] * plan.servers
        blows += [partial(cast.freeze_one, seconds=FROZEN)] * plan.freezes
        scene.random.shuffle(blows)
        end = time.monotonic() + plan.over
        for struck, blow in enumerate(blows):
            pause = max(end - time.monotonic(), 0.0) / (len(blows) - struck)
            time.sleep(scene.random.uniform(0.2, 1.8) * pause)
            _wait_for_work(scene, plan, share=struck / len(blows))
            blow()
        scene.finish(short=plan.short)
        name = "killed at random moments" if plan.kills else "servers taken away"
        return _as_many(scene.result(name, since=began), plan)


def _wait_for_work(scene: Scene, plan: Plan, *, share: float) -> None:
    """Wait until about that share of the messages is taken: a slow machine may be far behind."""
    deadline = time.monotonic() + LONGEST_WAIT
    while scene.twilio.count() < (share - 0.1) * plan.messages and time.monotonic() < deadline:
        time.sleep(0.2)


def precise_kills(plan: Plan) -> Result:
    """Let the provider SIGKILL the process that calls it, in the moment it takes the message.

    Half of the messages are never reported on, so that only a look-up can settle them.
    """
    began = time.monotonic()
    with _killing_provider(plan) as scene:
        cast = Cast(scene)
        _kill_until_enough(scene, plan, meanwhile=cast.revive)
        return _as_many(scene.result("killed as a text is taken", since=began), plan)


def precise_kills_of_bare_workers(plan: Plan) -> Result:
    """Do the same to workers without Celery, which are replaced in a moment: for many kills."""
    began = time.monotonic()
    with _killing_provider(plan) as scene:
        scene.web()
        scene.stack.module("tests.faults.scenes.bare_workers", str(BARE_WORKERS))
        _kill_until_enough(scene, plan, meanwhile=lambda: None)
        result = scene.result("killed as a text is taken, without Celery", since=began)
        return _as_many(result, plan)


def _as_many(result: Result, plan: Plan) -> Result:
    """Find it wrong that fewer processes were killed than planned: it would show less."""
    few = [f"{result.killed} processes were killed of {plan.kills}"]
    return result.with_wrong(few if result.killed < plan.kills else [])


def rivals(plan: Plan) -> Result:
    """Let several dispatchers claim at once what all fell due in one moment."""
    began = time.monotonic()
    with Scene(seed=plan.seed, rules=plan.rules, settings=FEW_AT_ONCE) as scene:
        scene.enrol(plan.patients, over=plan.over, begin=0)
        scene.web()
        for _ in range(RIVALS):
            scene.stack.module("tests.faults.scenes.bare_workers", "1")
            scene.kills["dispatchers at once"] += 1
        scene.wait_until_handed_over(seconds=plan.over + 240)
        return scene.result("rival dispatchers", since=began)


def frozen_in_calls(plan: Plan) -> Result:
    """Freeze workers in mid-call, with more attempts written ahead, until others have taken over.

    They hold no lock then, so nothing waits for them; when they go on, their leases are over.
    """
    began = time.monotonic()
    settings = FEW_AT_ONCE | {"FOLLOWUP_LEASE": "2", "FOLLOWUP_RECONCILE_AFTER": "2"}
    with Scene(seed=plan.seed, rules=plan.rules, settings=settings, latency=0.25) as scene:
        for place in range(plan.freezes):
            # The very first calls have others waiting behind them, and so have about half later.
            skip = max(place - 1, 0) * plan.messages // (plan.freezes + 1)
            scene.twilio.plan("accept-stop-caller", skip=skip, seconds=FROZEN)
        scene.enrol(plan.patients, over=plan.over)
        scene.web()
        scene.stack.module("tests.faults.scenes.bare_workers", str(BARE_WORKERS))
        scene.wait_until_handed_over(seconds=plan.over + 240)
        time.sleep(FROZEN if plan.freezes else 0)  # What is frozen yet may still call.
        return scene.result("workers frozen in mid-call", since=began)


def _killing_provider(plan: Plan) -> Scene:
    return Scene(
        seed=plan.seed,
        rules=plan.rules,
        settings=FEW_AT_ONCE,
        chances={"accept-kill-caller": 0.6, "callback-none": 0.5},
    )


def _kill_until_enough(scene: Scene, plan: Plan, *, meanwhile: Callable[[], None]) -> None:
    scene.enrol(plan.patients, over=plan.over)

    def over() -> bool:
        if len(scene.twilio.faults()["killed"]) >= plan.kills:
            scene.twilio.chances({})
        meanwhile()
        return not scene.unsent()

    scene.wait_until(over, seconds=plan.over + 4 * plan.kills + 240)


def frozen_workers(plan: Plan) -> Result:
    """Freeze a worker again and again for longer than anybody waits for it, then let it go on.

    So do a suspended virtual machine, a full swap and a debugger: what the worker was about to do
    is another's by then.
    """
    began = time.monotonic()
    settings = FEW_AT_ONCE | {"FOLLOWUP_LEASE": "2", "FOLLOWUP_RECONCILE_AFTER": "2"}
    # Slow answers, so that attempts that are written ahead wait for their turn to be called.
    with Scene(seed=plan.seed, rules=plan.rules, settings=settings, latency=0.25) as scene:
        scene.enrol(plan.patients, over=plan.over)
        cast = Cast(scene)
        scene.wait_until_running()
        for _ in range(plan.freezes):
            time.sleep(scene.random.uniform(0.5, 1.5))
            cast.freeze_one(seconds=FROZEN).join()
        scene.finish(short=plan.short)
        return scene.result("frozen workers", since=began)
