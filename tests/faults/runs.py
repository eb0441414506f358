"""The fault runs by name, as long as `make faults` makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tests.faults.accounts import accounts
from tests.faults.emails import email_faults
from tests.faults.embedded import disk_full, embedded_kills
from tests.faults.failover import master_killed
from tests.faults.feeds import feed_kills
from tests.faults.kills import (
    Plan,
    frozen_in_calls,
    frozen_workers,
    precise_kills,
    precise_kills_of_bare_workers,
    random_kills,
    rivals,
)
from tests.faults.model import model
from tests.faults.outages import dispatcher_stopped, skewed_worker
from tests.faults.scenes.report import Result
from tests.faults.soak import soak


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run does, and how much of it unless scaled; `plan` has no seed yet."""

    go: Callable[[Plan], Result]
    plan: Plan

    def __call__(self, plan: Plan | None = None, *, seed: int) -> Result:
        """Make the run, by its own plan or another."""
        return self.go(replace(plan or self.plan, seed=seed))


RUNS: Mapping[str, Run] = {
    "kills": Run(go=random_kills, plan=Plan(messages=10_000, over=300, kills=310)),
    "precise": Run(
        go=precise_kills_of_bare_workers, plan=Plan(messages=2_800, over=30, kills=1_000)
    ),
    "precise-celery": Run(go=precise_kills, plan=Plan(messages=320, over=20, kills=100)),
    "rivals": Run(go=rivals, plan=Plan(messages=2_000, over=1)),
    "outages": Run(go=random_kills, plan=Plan(messages=2_000, over=90, servers=20)),
    "failover": Run(go=master_killed, plan=Plan(messages=960, over=36, servers=6, short=True)),
    "accounts": Run(go=accounts, plan=Plan(messages=2_400, over=180, kills=20, servers=12)),
    "skew": Run(go=skewed_worker, plan=Plan(messages=960, over=40)),
    "freeze": Run(go=frozen_workers, plan=Plan(messages=1_600, over=90, freezes=6, short=True)),
    "freeze-call": Run(go=frozen_in_calls, plan=Plan(messages=1_200, over=60, freezes=20)),
    "dispatcher-hour": Run(go=dispatcher_stopped, plan=Plan(messages=800, over=15)),
    "embedded": Run(go=embedded_kills, plan=Plan(messages=1_600, over=120, kills=60)),
    "disk-full": Run(go=disk_full, plan=Plan(messages=1_600, over=100, servers=8)),
    "model": Run(go=model, plan=Plan(messages=100, over=0)),
    "soak": Run(go=soak, plan=Plan(messages=8_000, over=3_600)),
    "email": Run(go=email_faults, plan=Plan(messages=2_000, over=60, kills=60)),
    "feeds": Run(go=feed_kills, plan=Plan(messages=0, over=0, kills=1_000)),
}


BREAKS: Mapping[str, tuple[str, Plan]] = {
    "write-ahead": ("precise", Plan(messages=80, over=2, kills=30)),
    "compare-and-set": ("rivals", Plan(messages=400, over=1)),
    "reconciliation-wait": ("kills", Plan(messages=500, over=15, kills=10, short=True)),
    "lease-check": ("freeze-call", Plan(messages=200, over=2, freezes=2)),
    "own-account": ("accounts", Plan(messages=240, over=40, servers=4, short=True)),
}
"""For each safety mechanism, the run that has to fail without it, made so short."""
