"""What the embedded stack takes of a core when there is nothing to do."""

from __future__ import annotations

import time
from statistics import median

from tests.bench.figures import Figures
from tests.bench.machinery import spent
from tests.support.servers import free_port
from tests.support.stacks import Stack

SETTLE = 15.0
SPAN = 10.0


def measure(figures: Figures, *, spans: int) -> None:
    figures.title(f"The embedded stack, idle, median of {spans} times {SPAN:.0f} s")
    with Stack({"FOLLOWUP_LOG_LEVEL": "warning"}, forked=False) as stack:
        port = free_port()
        running = stack.embedded("--port", str(port))
        time.sleep(SETTLE)
        shares = [_share(running.process.pid) for _ in range(spans)]
        if not running.is_running:
            raise RuntimeError(running.end_of_log())
    figures.add("share of a core", median(shares), "%", wanted="less than 2")


def _share(pid: int) -> float:
    before, began = spent(pid), time.perf_counter()
    time.sleep(SPAN)
    return 100 * (spent(pid) - before) / (time.perf_counter() - began)
