"""What the workers weigh after many messages."""

from __future__ import annotations

import psutil

from tests.bench.crowd import add_crowd
from tests.bench.figures import Figures
from tests.bench.machinery import Machinery, stack_of, wait_until_sent
from tests.support.stacks import Running

PORTIONS = 10


def measure(machinery: Machinery, figures: Figures, *, messages: int) -> None:
    figures.title(f"Memory of the workers over {messages:,} messages")
    with stack_of(machinery) as (stack, app):
        workers = [stack.worker(), stack.worker()]
        stack.beat()
        weights: list[float] = []
        for _ in range(PORTIONS):
            add_crowd(app, messages // PORTIONS, due=lambda _: app.clock.now())
            wait_until_sent(app, seconds=600)
            weights.append(max(_weight(worker) for worker in workers))
    figures.add(f"the heavier worker process after {messages // PORTIONS:,}", weights[0], "MB")
    figures.add("after half of them", weights[PORTIONS // 2 - 1], "MB")
    figures.add("after all", weights[-1], "MB", wanted="flat")


def _weight(worker: Running) -> float:
    """Return the resident memory of the process that sends, in MB."""
    children = psutil.Process(worker.process.pid).children()
    return max(float(child.memory_info().rss) for child in children) / 1e6
