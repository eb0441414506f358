"""Workers without Celery: claim, send and sweep in forked processes, each replaced when it dies.

    python -m tests.faults.scenes.bare_workers 4

What they run is the product's own; a pair of sockets stands in for the broker. A dead one costs a
fork and a connection, so that a thousand can be killed in minutes. All end with their parent.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NoReturn
from uuid import UUID

from followup import bootstrap as wiring
from followup.context import AppContext
from followup.domain.errors import FollowupError
from followup.jobs import JOBS
from followup.monitoring.health import watched
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.settings.logging import configure_logging
from followup.settings.settings import Settings, load_settings

CLAIM_EVERY = 0.2
SWEEP_EVERY = 1.0
LONGEST_WAIT = 1.0
"""Seconds: between two claims, between two sweeps, and until a worker looks for its parent."""
MOST_BYTES = 65_536

Part = Callable[[AppContext], None]


@dataclass(frozen=True)
class Broker:
    """Hands each batch to one of the workers; what it hands to a dead one is lost, as it may be."""

    into: socket.socket
    out_of: socket.socket

    @classmethod
    def make(cls) -> Broker:
        into, out_of = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        out_of.settimeout(LONGEST_WAIT)
        return cls(into, out_of)

    def dispatch(self, app: AppContext) -> None:
        """Claim what is due, and hand it over."""

        def run() -> int:
            batches = claim_due(app)
            for batch in batches:
                self.into.send(
                    json.dumps([str(batch.token), *map(str, batch.message_ids)]).encode()
                )
            return len(batches)

        watched(app, "dispatch", run)
        time.sleep(CLAIM_EVERY)

    def work(self, app: AppContext, *, executor: ThreadPoolExecutor) -> None:
        """Send one batch, if one comes."""
        try:
            token, *ids = json.loads(self.out_of.recv(MOST_BYTES))
        except TimeoutError:
            return
        send_batch(app, UUID(token), [UUID(one) for one in ids], executor=executor)


def sweep(app: AppContext) -> None:
    """Run every periodic job."""
    for job in JOBS:
        job.until_empty(app)
    time.sleep(SWEEP_EVERY)


def main(workers: int) -> NoReturn:
    settings = load_settings()
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    handbook = wiring.read_content_context(settings)
    # Read and imported once, before the fork: a process that is replaced need not do it again.
    wiring.build_app(settings).close()
    wiring.read_content_context = lambda settings, *, clock=None: handbook
    broker = Broker.make()
    executor = ThreadPoolExecutor(settings.send_concurrency)  # Its threads start at first use.
    parts: list[Part] = [broker.dispatch, sweep]
    parts += [partial(broker.work, executor=executor)] * workers
    running = {_fork(settings, part): part for part in parts}
    while True:
        dead, _ = os.wait()
        part = running.pop(dead)
        running[_fork(settings, part)] = part


def _fork(settings: Settings, part: Part) -> int:
    parent = os.getpid()
    child = os.fork()
    if not child:
        try:
            app = wiring.build_app(settings)
            while os.getppid() == parent:
                _once(part, app)
        except Exception:  # noqa: BLE001 - nothing is above it
            traceback.print_exc()
        finally:
            os._exit(1)
    return child


def _once(part: Part, app: AppContext) -> None:
    try:
        part(app)
    except FollowupError as error:
        sys.stderr.write(f"{error}\n")
        time.sleep(CLAIM_EVERY)


if __name__ == "__main__":
    main(int(sys.argv[1]))
