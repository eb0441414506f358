"""Messages a second from due to accepted, beside bare calls and beside the usual design.

All contestants call the same stand-in, in two processes of their own, and take turns. Ours counts
a message when the database knows that it was taken; the others, when they have the answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

import psycopg

from tests.bench.crowd import add_crowd
from tests.bench.figures import Figures
from tests.bench.machinery import Machinery, spent, stack_of, wait_until_sent
from tests.bench.timeline import BusyCores, show
from tests.support.fork_server import ROOT
from tests.support.stacks import Running

THREADS = 64
WARM_UP = 300
LONGEST = 180.0
USUAL = {"prefork": 300, "threads": 1000}
"""How many messages the usual design sends, by the pool of its workers."""
CONTESTANTS = ("bare", *USUAL)
NAMES = {
    "ours": "followup, PostgreSQL + Redis, two workers",
    "bare": "(a) bare calls of Twilio's client, two processes",
    "prefork": "(b) a Celery ETA task each, two workers",
    "threads": f"(b) with pools of {THREADS} threads",
}
WANTED = {"bare": "1.0 of 4,000, 1.2 of 20,000", "prefork": "25", "threads": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One contestant's turn: messages a second, and milliseconds of all processors a message."""

    rate: float
    cost: float


def measure(
    machinery: Machinery,
    figures: Figures,
    *,
    messages: int,
    rounds: int,
    beside: Collection[str] = CONTESTANTS,
    timeline: bool = False,
) -> None:
    """Let contestants take turns; show one turn of ours on a time line, if asked to."""
    figures.title(f"From due to accepted, {messages:,} messages, medians of {rounds} turns each")
    turns: dict[str, list[Run]] = {name: [] for name in ("ours", *beside)}
    for turn in range(1, rounds + 1):
        if "bare" in beside:
            turns["bare"].append(_bare(machinery, messages))
        shown = figures if timeline and turn == rounds else None
        turns["ours"].append(_ours(machinery, messages, shown))
        for pool, count in USUAL.items():
            if pool in beside:
                turns[pool].append(_usual(machinery, pool, count))
    rates = {name: median(run.rate for run in runs) for name, runs in turns.items()}
    costs = {name: median(run.cost for run in runs) for name, runs in turns.items()}
    for name, words in NAMES.items():
        if name in rates:
            figures.add(words, rates[name], "a second")
    for name, wanted in WANTED.items():
        if name in rates:
            figures.add(f"followup : {NAMES[name]}", rates["ours"] / rates[name], wanted=wanted)
    figures.add("processor time of followup with its servers", costs["ours"], "ms a message")
    if "bare" in beside:
        figures.add("processor time of (a)", costs["bare"], "ms a message")
        figures.add("processor time, followup : (a)", costs["ours"] / costs["bare"], wanted="0.6")


def _ours(machinery: Machinery, count: int, shown: Figures | None = None) -> Run:
    with stack_of(machinery, FOLLOWUP_SEND_CONCURRENCY=str(THREADS)) as (stack, app):
        running = [stack.worker(), stack.worker(), stack.beat()]
        add_crowd(app, WARM_UP, due=lambda _: app.clock.now())
        wait_until_sent(app, seconds=LONGEST)
        due = app.clock.now() + timedelta(seconds=4 + count / 1000)
        add_crowd(app, count, due=lambda _: due)
        time.sleep(max((due - app.clock.now()).total_seconds(), 0))
        late = app.clock.now() - due
        due_real, began = app.clock.real_now() - late, time.perf_counter() - late.total_seconds()
        pids = [one.process.pid for one in running]
        pids += [machinery.postgres.pid, machinery.redis.pid, machinery.twilio.pid]
        before = {pid: spent(pid) for pid in pids}
        with BusyCores() as busy:
            wait_until_sent(app, seconds=LONGEST)
        seconds = time.perf_counter() - began
        cost = sum(spent(pid) - before[pid] for pid in pids)
        if shown:
            show(shown, app, busy, due=due_real)
    return Run(rate=count / seconds, cost=1000 * cost / count)


def _bare(machinery: Machinery, count: int) -> Run:
    twilio, start = machinery.twilio, time.time() + 4
    command = [sys.executable, "-m", "tests.bench.bare_calls", twilio.url, twilio.account_sid]
    command += [twilio.auth_token, str(count // 2), str(THREADS), str(start)]
    callers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    time.sleep(max(start - time.time(), 0))
    before = spent(twilio.pid)
    told = [caller.communicate(timeout=LONGEST)[0].split() for caller in callers]
    cost = spent(twilio.pid) - before + sum(float(cpu) for _, cpu in told)
    seconds = max(float(end) for end, _ in told) - start
    return Run(rate=count / seconds, cost=1000 * cost / count)


def _usual(machinery: Machinery, pool: str, count: int) -> Run:
    with _usual_workers(machinery, pool, count) as environment:
        os.environ.update(environment)
        from tests.bench.usual_design import app, send  # noqa: PLC0415 - it reads these

        app.conf.update(broker_url=environment["BENCH_BROKER"])
        before = machinery.twilio.taken()
        due = datetime.now(UTC) + timedelta(seconds=8)
        for message_id in range(1, count + 1):
            send.apply_async((message_id,), eta=due)
        time.sleep(max((due - datetime.now(UTC)).total_seconds(), 0))
        deadline = time.monotonic() + LONGEST
        while machinery.twilio.taken() - before < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the usual design did not send {count} messages")
            time.sleep(0.02)
        seconds = (datetime.now(UTC) - due).total_seconds()
    return Run(rate=count / seconds, cost=0.0)


@contextmanager
def _usual_workers(machinery: Machinery, pool: str, count: int) -> Iterator[dict[str, str]]:
    name = machinery.postgres.create_database()
    machinery.redis.flush()
    environment = {
        "BENCH_BROKER": machinery.redis.url(),
        "BENCH_DATABASE": machinery.postgres.url(name).replace("+psycopg", ""),
        "BENCH_TWILIO": machinery.twilio.url,
        "BENCH_ACCOUNT": machinery.twilio.account_sid,
        "BENCH_TOKEN": machinery.twilio.auth_token,
    }
    _fill(environment["BENCH_DATABASE"], count)
    command = [sys.executable, "-m", "celery", "-A", "tests.bench.usual_design", "worker"]
    command += ["-l", "error"]
    if pool == "threads":
        command += ["-P", "threads", "-c", str(THREADS)]
    workers = [
        subprocess.Popen(
            [*command, "-n", f"usual{number}@%h"],
            env=os.environ | environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for number in range(2)
    ]
    try:
        yield environment
    finally:
        for worker in workers:
            Running("usual", worker, ROOT).kill()
        machinery.postgres.drop_database(name)


def _fill(url: str, count: int) -> None:
    from tests.bench import usual_design  # noqa: PLC0415 - it needs its environment

    with psycopg.connect(url) as connection:
        connection.execute(usual_design.TABLE)
        connection.execute(usual_design.FILL, [count])
