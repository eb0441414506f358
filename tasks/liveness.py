"""Heartbeats of Celery's processes: a beat that ticks, and a worker that takes up tasks.

A prefork worker's children note it, because only they may hold connections; but they do so only as
long as the main process, which hands them their tasks, goes round its loop.
"""

from __future__ import annotations

import atexit
import mmap
import struct
from functools import partial
from time import monotonic
from typing import Any

import structlog
from celery import signals

from followup.bootstrap import instance_name
from followup.domain.errors import FollowupError
from followup.monitoring.heartbeats import HeartbeatThread, end_heartbeat
from tasks.app import own_ledger, resources, start_heart

PULSE_EVERY = 5.0
STUCK_SECONDS = 30.0
"""How long the loop of a worker or a beat may take for one round."""


class _Stamp:
    """When the main process of a worker last went round its loop; its children see it too."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def set(self) -> None:
        self._memory[:8] = struct.pack("d", monotonic())

    def is_fresh(self) -> bool:
        (at,) = struct.unpack("d", self._memory[:8])
        return monotonic() - float(at) < STUCK_SECONDS


log = structlog.get_logger()

_stamp = _Stamp()
_hearts: list[HeartbeatThread] = []


def beats(service: Any) -> bool:  # noqa: ANN401 - Celery's beat service
    """Say whether a beat still ticks."""
    last: float | None = getattr(service, "_last_tick", None)
    # Before its first tick it is only just beginning.
    return last is None or monotonic() - last < STUCK_SECONDS


@signals.beat_init.connect
def _of_beat(sender: Any = None, **_: object) -> None:  # noqa: ANN401 - likewise
    if resources.embedded:
        return
    heart = start_heart({"beat": partial(beats, sender)}, instance=instance_name())
    atexit.register(heart.close)


@signals.worker_ready.connect
def _of_main(sender: Any = None, **_: object) -> None:  # noqa: ANN401 - Celery's consumer
    _stamp.set()
    sender.timer.call_repeatedly(PULSE_EVERY, _stamp.set)


@signals.worker_process_init.connect
def _of_child(sender: Any = None, **_: object) -> None:  # noqa: ANN401 - the worker's name
    _hearts.append(start_heart({"worker": _stamp.is_fresh}, instance=str(sender)))


@signals.worker_process_shutdown.connect
def _of_ending_child(**_: object) -> None:
    while _hearts:
        _hearts.pop().close(for_good=False)


@signals.worker_shutdown.connect
def _of_ending_worker(sender: Any = None, **_: object) -> None:  # noqa: ANN401 - Celery's worker
    if resources.embedded:
        return
    try:
        ledger = own_ledger()
        end_heartbeat(ledger, "worker", str(sender.hostname))
        ledger.store.close()
    except FollowupError:
        log.warning("heart.not_taken_off", instance=str(sender.hostname))
