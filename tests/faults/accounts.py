"""Two SMS accounts, of which the first goes away and comes back in mid-flight, in every way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from followup.store.models.messages import Attempt
from tests.faults.kills import ANSWERS, RECEIPTS, UNHURRIED, Plan
from tests.faults.scenes.cast import Cast
from tests.faults.scenes.reckoning import Taken, taken_by_twilio
from tests.faults.scenes.report import Result
from tests.faults.scenes.scene import LISTED_AFTER, Scene
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.apps import rows

SECOND_SID, SECOND_TOKEN = "AC" + "fedcba9876543210" * 2, "0123456789abcdef" * 2
SECOND_SENDER = "+447700900997"
USUAL = ANSWERS | RECEIPTS
UNREPORTED = {"callback-none": 0.7}
"""Most of what an account takes in its trouble is to be found by looking for it alone."""
TROUBLES: Mapping[str, Mapping[str, float]] = {
    "first account hangs": {"accept-never-answer": 0.5, "refuse-never-answer": 0.5},
    "first account resets": {"accept-reset": 0.5, "refuse-reset": 0.5},
    "first account answers 500": {"accept-500": 0.5, "refuse-500": 0.5},
}
SUSPENDED = "first account suspended"
AWAY = 6.0
"""Seconds for which the first account is away: longer than its circuit breaker stays open."""


class TwoAccounts(Scene):
    """A scene with a second account at a provider of its own."""

    def _set_up(self) -> None:
        self.second = self._open.enter_context(
            TwilioStandIn(
                account_sid=SECOND_SID,
                auth_token=SECOND_TOKEN,
                list_delay=LISTED_AFTER,
                latency=0.02,
            )
        )
        self.second.chances(USUAL, seed=self.seed + 1)
        self._settings |= {
            "FOLLOWUP_TWILIO_FALLBACK_ACCOUNT_SID": SECOND_SID,
            "FOLLOWUP_TWILIO_FALLBACK_AUTH_TOKEN": SECOND_TOKEN,
            "FOLLOWUP_TWILIO_FALLBACK_FROM": SECOND_SENDER,
            "FOLLOWUP_TWILIO_FALLBACK_API_URL": self.second.url,
        }
        super()._set_up()

    def taken(self) -> list[Taken]:
        """Return everything that either account took."""
        return [*super().taken(), *taken_by_twilio(self.second.messages())]

    def result(self, name: str, *, since: float) -> Result:
        result = super().result(name, since=since)
        injected = Counter(result.injected) + Counter(self.second.faults()["counts"])
        return replace(result, injected=injected).with_wrong(self._strays())

    def _strays(self) -> list[str]:
        """Return what an account took that was not the one written ahead, and an idle account."""
        accounts = {one.id: one.account for one in rows(self.app, Attempt)}
        wrong = []
        for account in (self.twilio, self.second):
            taken = taken_by_twilio(account.messages())
            wrong += [
                f"{one.message_id} went by {account.account_sid}, not the account written ahead"
                for one in taken
                if one.attempt_id and accounts.get(one.attempt_id) != account.account_sid
            ]
            if not taken:
                wrong.append(f"{account.account_sid} took nothing, so this run shows nothing")
        return wrong


def accounts(plan: Plan) -> Result:
    """Let the first account go away again and again, and kill processes in between.

    `servers` of the plan is how often; the other account fails now and then all the time.
    """
    began = time.monotonic()
    with TwoAccounts(seed=plan.seed, rules=plan.rules, settings=UNHURRIED, chances=USUAL) as scene:
        scene.enrol(plan.patients, over=plan.over)
        cast = Cast(scene)
        kinds = [*TROUBLES, SUSPENDED]
        blows: list[Callable[[], object]] = [cast.kill_one] * plan.kills
        blows += [
            partial(_take_away, scene, kinds[place % len(kinds)]) for place in range(plan.servers)
        ]
        scene.random.shuffle(blows)
        end = time.monotonic() + plan.over
        for struck, blow in enumerate(blows):
            pause = max(end - time.monotonic(), 0.0) / (len(blows) - struck)
            time.sleep(scene.random.uniform(0.2, 1.8) * pause)
            blow()
        scene.finish(short=plan.short)
        return scene.result("first account taken away", since=began)


def _take_away(scene: TwoAccounts, kind: str) -> None:
    if kind == SUSPENDED:
        scene.twilio.configure(suspended=True)
    else:
        scene.twilio.chances(TROUBLES[kind] | UNREPORTED, seed=scene.seed)
    scene.kills[kind] += 1
    time.sleep(AWAY)
    scene.twilio.configure(suspended=False)
    scene.twilio.chances(USUAL, seed=scene.seed)
