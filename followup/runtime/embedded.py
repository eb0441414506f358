"""Embedded Celery: worker and beat as threads of this process, over an in-memory transport."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import structlog

from followup.bootstrap import instance_name, make_watchdog
from followup.context import AppContext
from followup.monitoring.heartbeats import HeartbeatThread, always_alive
from followup.monitoring.watchdog import WatchdogThread
from followup.settings.settings import Settings

WORKER_THREADS = 4
STOP_SECONDS = 30.0
"""How long a thread may take to finish what it is doing."""

log = structlog.get_logger()


class Threads:
    """Named threads that live and die together; `stopping` is set as soon as one has to."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.failed = False
        self._first: list[Callable[[], None]] = []
        self._running: list[tuple[threading.Thread, Callable[[], None]]] = []

    def start(self, name: str, work: Callable[[], None], stop: Callable[[], None]) -> None:
        """Run `work` in a thread; `stop` must make it return soon."""

        def body() -> None:
            try:
                work()
            except BaseException:
                # The edge of a thread: whichever dies, the process must not go on without it.
                log.exception("embedded.thread_died", thread=name)
                self.failed = True
            finally:
                if not self.stopping.is_set():
                    self.failed = True
                    self.stopping.set()

        thread = threading.Thread(target=body, name=name, daemon=True)
        self._running.append((thread, stop))
        thread.start()

    def at_stop(self, *calls: Callable[[], None]) -> None:
        """Make these calls first when the threads are stopped."""
        self._first.extend(calls)

    def stop(self) -> None:
        """Stop all threads and wait for them."""
        self.stopping.set()
        for call in self._first:
            call()
        for _, stop in self._running:
            stop()
        for thread, _ in self._running:
            thread.join(STOP_SECONDS)


def start_tasks(threads: Threads, settings: Settings, app: AppContext) -> None:
    """Start a worker and a beat that work with `app`; Celery's app is this process's own."""
    from celery.beat import Service  # noqa: PLC0415 - slow to import
    from celery.worker import WorkController, state  # noqa: PLC0415 - likewise

    from tasks.app import app as celery  # noqa: PLC0415 - sets Celery up
    from tasks.app import configure, resources  # noqa: PLC0415 - likewise
    from tasks.liveness import beats  # noqa: PLC0415 - likewise

    configure(settings)
    resources.use(app)
    worker = WorkController(
        app=celery,
        pool="threads",
        concurrency=settings.worker_concurrency or WORKER_THREADS,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    beat = Service(celery, scheduler_cls=celery.conf.beat_scheduler)

    def stop_worker() -> None:
        # The consumer's loop looks at this between two messages; 0 is the exit code.
        state.should_stop = 0  # type: ignore[assignment]

    heart = HeartbeatThread(
        lambda: app,
        {"beat": partial(beats, beat), "worker": always_alive, "web": always_alive},
        instance=instance_name(),
        every=settings.heart_every,
    )
    watching = WatchdogThread(make_watchdog(settings, lambda: app, name="run"))
    threads.at_stop(watching.close, heart.close)
    threads.start("beat", beat.start, beat.stop)
    threads.start("worker", worker.start, stop_worker)


def release_worker(app: AppContext) -> None:
    """Give back what the tasks held, once the threads have stopped."""
    from tasks.app import resources  # noqa: PLC0415 - sets Celery up

    resources.close()
    app.close()
