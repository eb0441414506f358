"""A soak: a thousand patients for an hour, and nothing that grows but what was sent.

Memory, threads, file handles and connections of every process, and the rows of the tables that keep
no messages, are looked at all the while. The last quarter must be as the second was.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import median

import psutil
from sqlalchemy import func, select, text

from followup.clock import TimeLapseClock
from followup.store.models.audit import AuditEvent
from followup.store.models.base import Base
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt
from tests.faults.kills import Plan
from tests.faults.scenes.cast import Cast
from tests.faults.scenes.clinics import Rules
from tests.faults.scenes.report import Result
from tests.faults.scenes.scene import Scene

SPEED = 60
"""Two and a half days in an hour."""
LOOKS = 60
RULES = Rules(apart=0, windows=(240,), receipt=60)
GROWING = {"messages", "attempts", "receipts", "audit_events", "audit_seals"}
GROWING |= {"patients", "enrolments", "generations", "worklist_items"}
"""Tables with a row for each thing that happens: everything else stays as it is."""
MEMORY_SHARE, MEMORY_MIB = 0.15, 24
"""How much memory may grow: Python gives back little of what a busy moment took."""
SPARE = {"handles": 12, "threads": 6, "connections": 6, "rows": 60}

Look = Mapping[str, float]


def soak(plan: Plan) -> Result:
    """Let messages fall due evenly, with a provider that is in good order, and watch what grows."""
    began = time.monotonic()
    clock = TimeLapseClock(datetime.now(UTC), datetime.now(UTC), speed=SPEED)
    settings = {"FOLLOWUP_CLOCK": str(clock)}
    with Scene(seed=plan.seed, rules=RULES, settings=settings) as scene:
        cast = Cast(scene)
        scene.wait_until_running()
        scene.enrol(plan.patients, over=plan.over)
        looks = _watch(scene, cast, seconds=plan.over)
        scene.settle(seconds=300)
        result = scene.result("soak", since=began)
        _tell(looks)
        return result.with_wrong(grown(looks))


def grown(looks: Sequence[Look]) -> list[str]:
    """Return what was more in the last quarter than in the second; the first is for warming up."""
    quarter = max(len(looks) // 4, 1)
    before, after = looks[quarter : 2 * quarter], looks[-quarter:]
    found = []
    for name in sorted(set(before[0]) & set(after[-1])):
        was, is_ = (median(look.get(name, 0) for look in some) for some in (before, after))
        if is_ > was + _spare(name, was):
            found.append(f"{name} grew from {was:g} to {is_:g}")
    return found


def _spare(name: str, was: float) -> float:
    kind = name.partition(" ")[0]
    if kind == "MiB":
        return max(MEMORY_SHARE * was, MEMORY_MIB)
    # The share of rows that each message leaves.
    return 0.15 * was + 1 if kind == "per" else SPARE[kind]


def _watch(scene: Scene, cast: Cast, *, seconds: float) -> list[Look]:
    looks: list[Look] = []
    for _ in range(LOOKS):
        time.sleep(seconds / LOOKS)
        looks.append({**_of_processes(cast), **_of_tables(scene)})
    return looks


def _of_processes(cast: Cast) -> dict[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for running in (cast.web, *cast.workers, *cast.beats):
        for pid in running.pids:
            try:
                process = psutil.Process(pid)
                with process.oneshot():
                    found[f"MiB of {running.name}"] += process.memory_info().rss / 2**20
                    found[f"handles of {running.name}"] += process.num_fds()
                    found[f"threads of {running.name}"] += process.num_threads()
            except psutil.NoSuchProcess:
                continue
    return dict(found)


def _of_tables(scene: Scene) -> dict[str, float]:
    with scene.app.store.read() as session:
        rows = {
            f"rows of {name}": float(session.scalar(select(func.count()).select_from(table)) or 0)
            for name, table in Base.metadata.tables.items()
            if name not in GROWING
        }
        sent = session.scalar(select(func.count()).select_from(Attempt)) or 0
        enrolled = session.scalar(select(func.count()).select_from(Enrolment)) or 1
        events = session.scalar(select(func.count()).select_from(AuditEvent)) or 0
        connections = session.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        )
    return {
        **rows,
        "per message sent, events": (events - enrolled) / max(sent, 1),
        "connections to PostgreSQL": float(connections or 0),
    }


def _tell(looks: Sequence[Look]) -> None:
    """Say how it went on standard error: at the start, in the middle, at the end."""
    shown = [looks[len(looks) // 4], looks[len(looks) // 2], looks[-1]]
    for name in sorted(shown[-1]):
        if any(look.get(name) for look in shown):
            figures = "  ".join(f"{look.get(name, 0):9.1f}" for look in shown)
            sys.stderr.write(f"  {figures}  {name}\n")
