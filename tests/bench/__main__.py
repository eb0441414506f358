"""`make bench`: how fast patients are enrolled, and messages claimed and sent, on this machine.

Machines are shared and noisy, so what counts are ratios between contestants that take turns in one
run. Nothing here fails for being slow.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from statistics import median

from sqlalchemy import func, select

from followup.dispatch import claim_due
from followup.domain.lifecycle import State
from followup.enrol import enrol
from followup.kit import Kit
from followup.store.messages import state_is
from followup.store.models import Message
from followup.store.schema import migrate
from tests.bench.crowd import add_crowd
from tests.bench.machinery import MORNING, Machinery, kit_of
from tests.people import request
from tests.stacks import Stack

ENROLMENTS = 200
MESSAGES = 2000
ROUNDS = 3
THREADS = 32
DUE = 100
LONGEST = 120.0


def main() -> None:
    """Measure everything and print one line for each figure."""
    with Machinery() as machinery:
        _enrolments(machinery)
        _throughput(machinery)
        _claims(machinery)


def _say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:<64}{figure:>14}\n")
    sys.stdout.flush()


@contextmanager
def _stack(machinery: Machinery, **changes: str) -> Iterator[tuple[Stack, Kit]]:
    with (
        machinery.database() as url,
        Stack(machinery.environment(url, **changes)) as stack,
        kit_of(stack) as kit,
    ):
        migrate(kit.store.engine)
        yield stack, kit


def _enrolments(machinery: Machinery) -> None:
    with _stack(machinery) as (_, kit):
        started = time.perf_counter()
        for serial in range(ENROLMENTS):
            enrol(kit, request(serial + 1, procedure_at=MORNING), actor="bench")
        _say(
            "enrolments a second, PostgreSQL", f"{ENROLMENTS / (time.perf_counter() - started):.0f}"
        )


def _throughput(machinery: Machinery) -> None:
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(_bare(machinery))
        ours.append(_ours(machinery))
    _say("messages a second, due to accepted, two workers", f"{median(ours):.0f}")
    _say("bare calls of the client as it comes, two processes", f"{median(bare):.0f}")
    _say("ratio (wanted: 1.5)", f"{median(ours) / median(bare):.2f}")


def _ours(machinery: Machinery) -> float:
    with _stack(machinery) as (stack, kit):
        stack.worker()
        stack.worker()
        stack.beat()
        time.sleep(5)
        due = kit.clock.now()
        add_crowd(kit, MESSAGES, due=lambda _serial: due)
        started = time.perf_counter()
        while _unsent(kit) and time.perf_counter() - started < LONGEST:
            time.sleep(0.05)
        return MESSAGES / (time.perf_counter() - started)


def _unsent(kit: Kit) -> int:
    underway = state_is(State.PLANNED, State.CLAIMED, State.SENDING, State.UNKNOWN)
    with kit.store.read() as session:
        return session.scalar(select(func.count()).select_from(Message).where(underway)) or 0


def _bare(machinery: Machinery) -> float:
    twilio = machinery.twilio
    command = [sys.executable, "-m", "tests.bench.bare_calls", twilio.url]
    command += [twilio.account_sid, twilio.auth_token, str(MESSAGES // 2), str(THREADS)]
    callers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    seconds = [float(caller.communicate(timeout=LONGEST)[0]) for caller in callers]
    return MESSAGES / max(seconds)


def _claims(machinery: Machinery) -> None:
    """Time the claim of a hundred due rows among few and many that are planned for later."""
    times = {}
    for later in (10_000, 100_000):
        with _stack(machinery, FOLLOWUP_IN_FLIGHT_LIMIT="100") as (_, kit):
            add_crowd(kit, later, due=partial(_due, kit.clock.now()))
            started = time.perf_counter()
            claim_due(kit)
            times[later] = time.perf_counter() - started
        _say(f"claim of 100 due rows among {later:,} planned", f"{times[later] * 1000:.0f} ms")
    few, many = times.values()
    _say("ratio (wanted: at most 1.3)", f"{many / few:.2f}")


def _due(now: datetime, serial: int) -> datetime:
    return now if serial < DUE else now + timedelta(days=365)


if __name__ == "__main__":
    main()
