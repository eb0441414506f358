"""Process heartbeats: upsert, and detection of silence.

A process that ends in good order takes its sign away. One that is killed leaves it behind, and is
missed until it, or another of its kind, comes in its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from followup.clock import Clock
from followup.domain.errors import FollowupError
from followup.store.engine.session import Store
from followup.store.models.operations import Heartbeat

FORGOTTEN_AFTER = timedelta(hours=1)
"""A process that was silent for that long while others of its kind live is missed no more."""
STOP_SECONDS = 5.0
AGAIN_SECONDS = 2.0
"""After how long a part that was not alive is looked at again."""

LivenessProbe = Callable[[], bool]
"""Says whether a part of a process still does its work, without asking anybody."""

log = structlog.get_logger()


class HeartbeatStore(Protocol):
    """Where heartbeats are stored, and by which clock. An app context is one."""

    @property
    def store(self) -> Store: ...
    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHeartbeatStore:
    """A ledger for a process that has no app context."""

    store: Store
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatSign:
    """The last heartbeat of a process. `since` and `at` are real time."""

    component: str
    instance: str
    since: datetime
    at: datetime


def record_heartbeat(ledger: HeartbeatStore, component: str, instance: str) -> None:
    """Note that a process is alive."""
    now = ledger.clock.real_now()
    row = {"component": component, "instance": instance, "real_at": now, "since_real_at": now}
    insert = sqlite.insert if ledger.store.is_sqlite else postgresql.insert
    statement = insert(Heartbeat).values(**row)
    with ledger.store.write() as session:
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["component", "instance"], set_={"real_at": now}
            )
        )


def end_heartbeat(ledger: HeartbeatStore, component: str, instance: str) -> None:
    """Take a process off the list: it ended in good order."""
    with ledger.store.write() as session:
        session.execute(
            delete(Heartbeat).where(
                Heartbeat.component == component, Heartbeat.instance == instance
            )
        )


def latest_heartbeats(session: Session) -> list[HeartbeatSign]:
    """Return the last heartbeat of every process that has not ended in good order."""
    rows = session.scalars(select(Heartbeat).order_by(Heartbeat.component, Heartbeat.instance))
    return [
        HeartbeatSign(
            component=it.component, instance=it.instance, since=it.since_real_at, at=it.real_at
        )
        for it in rows
    ]


def missed_heartbeats(
    found: Iterable[HeartbeatSign], *, now: datetime, silent: timedelta
) -> list[HeartbeatSign]:
    """Return the processes that fell silent and were not replaced.

    Each that began after another of its kind fell silent stands in for one such. The last of a
    kind is missed for ever.
    """
    by_component: dict[str, list[HeartbeatSign]] = {}
    for sign in found:
        by_component.setdefault(sign.component, []).append(sign)
    return [one for kind in by_component.values() for one in _missed(kind, now, silent)]


def _missed(kind: Sequence[HeartbeatSign], now: datetime, silent: timedelta) -> list[HeartbeatSign]:
    alive = [one for one in kind if now - one.at <= silent]
    gone = sorted((one for one in kind if now - one.at > silent), key=lambda one: one.at)
    if not alive:
        return gone[-1:]
    newcomers = sorted(one.since for one in alive)
    missing = []
    for one in gone:
        replacement = next((since for since in newcomers if since > one.at), None)
        if replacement is not None:
            newcomers.remove(replacement)
        elif now - one.at <= FORGOTTEN_AFTER:
            missing.append(one)
    return missing


class HeartbeatThread:
    """Notes in a thread of its own that the parts of this process are alive, until `close`.

    `open_ledger` is called in that thread, again where it fails. `parts` are the components with
    their pulses: one whose pulse fails is not noted, so that a part that is stuck falls silent.
    """

    def __init__(
        self,
        open_ledger: Callable[[], HeartbeatStore],
        parts: Mapping[str, LivenessProbe],
        *,
        instance: str,
        every: timedelta,
    ) -> None:
        self._open_ledger = open_ledger
        self._parts = parts
        self._instance = instance
        self._every = every.total_seconds()
        self._ledger: HeartbeatStore | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
        self._thread.start()

    def close(self, *, for_good: bool = True) -> None:
        """Stop; take the signs away where the process ends `for_good`."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        if self._ledger is None or not for_good:
            return
        try:
            for component in self._parts:
                end_heartbeat(self._ledger, component, self._instance)
        except FollowupError:
            log.warning("heart.not_taken_off", instance=self._instance)

    def _run(self) -> None:
        while True:
            noted = False
            try:
                noted = self._beat()
            except FollowupError:
                log.warning("heart.missed_a_beat", instance=self._instance)
            except Exception:
                # The edge of a thread: whatever fails here, the next beat may not.
                log.exception("heart.failed")
            if self._stopping.wait(self._every if noted else min(self._every, AGAIN_SECONDS)):
                return

    def _beat(self) -> bool:
        """Note the parts that are alive; return whether all are."""
        if self._ledger is None:
            self._ledger = self._open_ledger()
        alive = [component for component, pulse in self._parts.items() if pulse()]
        for component in alive:
            record_heartbeat(self._ledger, component, self._instance)
        return len(alive) == len(self._parts)


def always_alive() -> bool:
    """Be the pulse of what lives as long as its process does."""
    return True
