"""A dispatcher that stops for an hour, and a worker whose clock is wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from followup.clock import TimeLapseClock
from followup.domain.lifecycle import State
from tests.faults.kills import Plan
from tests.faults.scenes.cast import Cast
from tests.faults.scenes.clinics import Rules
from tests.faults.scenes.report import Result
from tests.faults.scenes.scene import Scene
from tests.support.apps import messages

SPEED = 360
"""Service seconds a second: an hour passes in ten."""
SKEW = timedelta(minutes=5)
ZERO = timedelta()
SKEWED = Path(__file__).with_name("skewed")


def dispatcher_stopped(plan: Plan) -> Result:
    """Stop both beats for an hour of time-lapse, with a message due every few seconds of it.

    What is still useful an hour later goes out then; what is not expires, and a person is told.
    """
    began = time.monotonic()
    clock = TimeLapseClock(datetime.now(UTC), datetime.now(UTC), speed=SPEED)
    rules = Rules(apart=0, windows=(20, 240), receipt=12 * 60)
    settings = {"FOLLOWUP_CLOCK": str(clock)}
    with Scene(seed=plan.seed, rules=rules, settings=settings) as scene:
        cast = Cast(scene)
        scene.wait_until_running()
        scene.enrol(plan.patients, over=plan.over)
        time.sleep(plan.over / 3)
        for beat in cast.beats:
            beat.kill()
        stopped = scene.app.clock.now()
        time.sleep(3600 / SPEED)
        scene.kills["dispatcher stopped for an hour"] += 1
        revived = scene.app.clock.now()
        cast.revive()
        scene.wait_until_running(since=scene.app.clock.real_now())
        resumed = scene.app.clock.now()
        scene.settle(seconds=120)
        result = scene.result("dispatcher stopped for an hour", since=began)
        return result.with_wrong(_untold(scene, stopped=stopped, revived=revived, resumed=resumed))


def _untold(scene: Scene, *, stopped: datetime, revived: datetime, resumed: datetime) -> list[str]:
    """Return what did not go the way it has to when the dispatcher was away.

    It stopped, was started again, and resumed its work: service times, in that order.
    """
    wrong = []
    expired = 0
    for message in messages(scene.app):
        # A tick that was on its way when the beats stopped still claims what is due by then.
        missed = message.due_at > stopped + timedelta(minutes=5)
        useless = missed and message.not_after <= revived
        useful = message.not_after > resumed + timedelta(minutes=30)
        expired += message.state == State.EXPIRED.value
        if message.sent_at is not None and message.sent_at >= message.not_after:
            wrong.append(f"{message.step} {message.id} went after its window")
        if useless and message.state != State.EXPIRED.value:
            wrong.append(f"{message.step} {message.id} was useless, and is {message.state}")
        if useful and message.state != State.DELIVERED.value:
            wrong.append(f"{message.step} {message.id} was useful, and is {message.state}")
    return wrong if expired else [*wrong, "nothing expired, so this run shows nothing"]


def skewed_worker(plan: Plan) -> Result:
    """Run one worker of two whose clock is five minutes behind, then one that is as much ahead.

    The provider takes each text at once, lists it late and answers late, so that whoever believes
    the call to be over has time to send it again. All messages have been due for ten minutes: a
    clock that is behind does not keep its worker from sending them.
    """
    began = time.monotonic()
    settings = {"FOLLOWUP_PROVIDER_TIMEOUT": "3"}
    with Scene(seed=plan.seed, rules=plan.rules, settings=settings, list_delay=2.9) as scene:
        scene.twilio.plan("accept-slowly", times=plan.messages, seconds=2.5)
        scene.twilio.chances({"callback-none": 0.8}, seed=plan.seed)
        scene.web()
        scene.start(workers=1, beats=2)
        for skew in (-SKEW, SKEW):
            worker = scene.stack.worker(concurrency=2, **_skewed(scene, skew))
            scene.kills[f"a worker's clock {'behind' if skew < ZERO else 'ahead'} by 5 min"] += 1
            for _ in range(plan.patients // 4):
                scene.enrol(2, over=1, begin=-600)
                time.sleep(plan.over / 2 / (plan.patients // 4))
            worker.kill()
        scene.wait_until_handed_over(seconds=240)
        return scene.result("a worker's clock 5 min wrong", since=began)


def _skewed(scene: Scene, skew: timedelta) -> dict[str, str]:
    path = f"{SKEWED}:{scene.stack.environment['PYTHONPATH']}"
    return {"PYTHONPATH": path, "TEST_CLOCK_SKEW": str(skew.total_seconds())}
