"""The Celery composition root: queues, limits, the beat schedule, and this process's app context.

Nothing clinical rides on the broker. Tasks carry ids and tokens only; what is lost with the broker
is planned again from the database. Schedules are rows there, never an ETA or a countdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock
from typing import Any

from celery import Celery, signals
from kombu import Exchange, Queue

from followup.bootstrap import build_app, open_heartbeat_store, require_database
from followup.broker.address import sentinels_of
from followup.context import AppContext
from followup.domain.errors import ConfigurationError
from followup.jobs import JOBS, period_of
from followup.monitoring.broker_probe import BROKER_QUEUES
from followup.monitoring.heartbeats import HeartbeatThread, LivenessProbe, OwnHeartbeatStore
from followup.releases.in_force import with_words_in_force
from followup.settings.logging import configure_logging
from followup.settings.settings import Settings, load_settings

TASK_SECONDS = 240
"""The hard limit of one task: far above what a batch takes, far below the visibility timeout."""
VISIBILITY_SECONDS = 600
"""After this long Redis hands a task to another worker if the first never acknowledged it."""

app = Celery("followup")
# The embedded stack runs tasks in threads: a thread that has no app of its own takes this one.
app.set_default()


class Resources:
    """What this process works with, made at first use: after any fork, and never before."""

    def __init__(self) -> None:
        self.embedded = False
        self.forget()

    def forget(self) -> None:
        """Drop what another process made: a fork inherits neither threads nor connections."""
        self._lock = Lock()
        self._app: AppContext | None = None
        self._executor: ThreadPoolExecutor | None = None

    def use(self, app: AppContext) -> None:
        """Work with the app context of the embedded stack, in whose process the worker runs."""
        with self._lock:
            self.embedded, self._app = True, app

    def app(self) -> AppContext:
        """Return this process's app context, with the words that are in force now."""
        with self._lock:
            if self._app is None:
                self._app = build_app(load_settings(), traced_as="worker")
            found = self._app
        return with_words_in_force(found)

    def executor(self) -> ThreadPoolExecutor:
        """Return the threads in which this process calls providers."""
        app = self.app()
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(
                    app.policy.send_concurrency, thread_name_prefix="provider"
                )
            return self._executor

    def close(self) -> None:
        """Give back threads and connections."""
        with self._lock:
            if self._executor is not None:
                self._executor.shutdown(wait=True)
            if self._app is not None:
                self._app.close()
            self._executor = self._app = None


resources = Resources()


def own_ledger() -> OwnHeartbeatStore:
    """Return where a process that has no app context notes that it is alive."""
    return open_heartbeat_store(load_settings())


def start_heart(parts: Mapping[str, LivenessProbe], *, instance: str) -> HeartbeatThread:
    """Start noting that parts of this process are alive."""
    return HeartbeatThread(own_ledger, parts, instance=instance, every=load_settings().heart_every)


def configure(settings: Settings) -> None:
    """Set Celery up. Every queue that a task is routed to is declared, so every worker reads it."""
    app.conf.update(
        broker_url=_broker_url(settings),
        result_backend=None,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        enable_utc=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_time_limit=TASK_SECONDS,
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.worker_concurrency,
        worker_max_tasks_per_child=2000,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        # What a worker has begun needs no broker: cancelled, a call would be in doubt.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=20,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_transport(settings),
        task_default_queue="sweeps",
        task_queues=[Queue(name, Exchange(name), routing_key=name) for name in BROKER_QUEUES],
        task_routes={
            "tasks.dispatch.tick": {"queue": "dispatch"},
            "tasks.dispatch.deliver": {"queue": "send"},
            "tasks.dispatch.hand_over_again": {"queue": "dispatch"},
        },
        imports=("tasks.dispatch", "tasks.liveness", "tasks.sweeps"),
        # Every entry repeats within minutes: there is nothing worth keeping between two beats.
        beat_scheduler="tasks.fixed_schedule:FixedSchedule",
        beat_max_loop_interval=1,
        beat_schedule=_schedule(settings),
    )


def _broker_url(settings: Settings) -> str:
    if settings.is_embedded:
        return "memory://localhost/"
    sentinels = sentinels_of(settings.broker_url)
    return settings.broker_url if sentinels is None else sentinels.celery_url


def _transport(settings: Settings) -> dict[str, Any]:
    if settings.is_embedded:
        # Each look costs as much as a task: at 0.1 s they take a hundredth of a core.
        return {"polling_interval": 0.2}
    options: dict[str, Any] = {
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "retry_on_timeout": True,
    }
    if (sentinels := sentinels_of(settings.broker_url)) is not None:
        times = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout")}
        options["master_name"] = sentinels.master
        options["sentinel_kwargs"] = times | sentinels.sentinel_options
    return options


def _schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the beat's entries. A tick that waited is useless, so it dies instead of piling up."""
    schedule: dict[str, dict[str, Any]] = {
        "dispatch": {
            "task": "tasks.dispatch.tick",
            "schedule": settings.tick,
            "options": {"expires": max(10 * settings.tick, 10)},
        }
    }
    chosen = timedelta(seconds=settings.missed_texts_every)
    periods = {job.name: period_of(job, missed_texts_every=chosen) for job in JOBS}
    for every in sorted(set(periods.values())):
        # A quicker tick, as in a demonstration, quickens every look.
        seconds = every.total_seconds() * min(settings.tick, 1.0)
        # One task for all jobs of a period: on an idle machine tasks cost more than what they do.
        schedule[f"sweeps-{every.total_seconds():g}s"] = {
            "task": "tasks.sweeps.sweep",
            "schedule": seconds,
            "args": [name for name, period in periods.items() if period == every],
            "options": {"expires": max(5 * seconds, 10)},
        }
    return schedule


@signals.worker_process_init.connect
def _after_fork(**_: object) -> None:
    resources.forget()


@signals.worker_process_shutdown.connect
def _before_exit(**_: object) -> None:
    resources.close()


@signals.setup_logging.connect
def _log_our_way(**_: object) -> None:
    if not resources.embedded:
        settings = load_settings()
        configure_logging(level=settings.log_level, log_format=settings.log_format)


@signals.celeryd_init.connect
@signals.beat_init.connect
def _require_broker_and_database(**_: object) -> None:
    if not resources.embedded:
        with _refusing():
            settings = load_settings()
            settings.require_shared_broker()
            require_database(settings)


@contextmanager
def _refusing() -> Iterator[None]:
    """End the process with the sentence of a wrong setting, where Celery would show a traceback."""
    try:
        yield
    except ConfigurationError as error:
        raise SystemExit(f"followup: {error}") from error


with _refusing():
    configure(load_settings())
