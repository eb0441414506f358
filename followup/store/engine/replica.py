"""Replica: a streaming copy of the database that figures are read from, as old as it may be.

How old is told by the logs of both servers, not by their clocks. What the primary had flushed when
it was asked, and the replica has replayed, is up to date; else the last transaction that was
replayed says, by the primary's clock, of when the copy is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock

import structlog
from sqlalchemy import text

from followup.domain.errors import ConfigurationError, StoreUnavailable
from followup.store.engine.session import Store

FRESH_SECONDS = 1.0
"""So long an answer about the replica counts: a page reads more than once."""
AGAIN_SECONDS = 15.0
"""One that could not be reached is left alone for so long: asking it holds a page up."""

PRIMARY = """
SELECT pg_current_wal_flush_lsn()::text, clock_timestamp(),
       (SELECT system_identifier FROM pg_control_system())
"""
STANDBY = """
SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp(),
       (SELECT system_identifier FROM pg_control_system())
"""

NOT_THE_SAME = (
    "the database of FOLLOWUP_REPLICA_URL is not a copy of the one of FOLLOWUP_DATABASE_URL: "
    "another installation's, or another schema's; let it name the same database on a streaming "
    "replica"
)

log = structlog.get_logger()


class Trouble(StrEnum):
    """Why the primary was read although there is a replica."""

    AWAY = "away"
    BEHIND = "behind"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFrom:
    """Where figures were read: from a replica where `trouble` is None.

    `behind` is how old the replica is, in real time; None where that can't be told.
    """

    behind: timedelta | None = None
    trouble: Trouble | None = None


class Replica:
    """A replica, and whether it may be read at present. Safe to share between threads.

    `most_behind` is how old it may be, in real time. `require_ours` raises `ConfigurationError` for
    a database that is no copy of the primary's.
    """

    def __init__(
        self,
        store: Store,
        primary: Store,
        *,
        most_behind: timedelta,
        require_ours: Callable[[Store], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._primary = primary
        self._most_behind = most_behind
        self._require_ours = require_ours
        self._now = now
        self._is_ours = False
        self._kept: tuple[float, ReadFrom] | None = None
        self._lock = Lock()

    def look(self) -> ReadFrom:
        """Say whether it may be read, and how old it is."""
        with self._lock:
            if self._kept is not None and self._now() < self._kept[0]:
                return self._kept[1]
            try:
                return self._keep(self._checked())
            except StoreUnavailable as error:
                return self._keep(ReadFrom(trouble=Trouble.AWAY), why=str(error))
            except ConfigurationError as error:
                return self._keep(ReadFrom(trouble=Trouble.REFUSED), why=str(error))

    def give_up(self, error: StoreUnavailable) -> ReadFrom:
        """Leave it alone for now: it could not be read."""
        with self._lock:
            return self._keep(ReadFrom(trouble=Trouble.AWAY), why=str(error))

    def require_usable(self) -> None:
        """Raise `ConfigurationError` for what is no replica of the primary.

        One that is away, or behind, is used once it is not.
        """
        with self._lock:
            try:
                self._keep(self._checked())
            except StoreUnavailable as error:
                self._keep(ReadFrom(trouble=Trouble.AWAY), why=str(error))

    def close(self) -> None:
        """Give back every connection."""
        self.store.close()

    def _proved_ours(self, *, is_current: bool) -> bool:
        """Say whether it is known to be ours; raise `ConfigurationError` where it is known not to.

        One that has something left to replay may be our own from before it was brought up to date.
        """
        try:
            self._require_ours(self.store)
        except ConfigurationError:
            if is_current:
                raise
            return False
        self._is_ours = True
        return True

    def _keep(self, found: ReadFrom, *, why: str = "") -> ReadFrom:
        """Keep an answer for a while; what is new about it is logged once."""
        before = self._kept[1].trouble if self._kept else None
        again = AGAIN_SECONDS if found.trouble in {Trouble.AWAY, Trouble.REFUSED} else FRESH_SECONDS
        self._kept = (self._now() + again, found)
        if found.trouble is not before:
            seconds = None if found.behind is None else round(found.behind.total_seconds(), 1)
            if found.trouble is None:
                log.info("replica.used", behind=seconds)
            else:
                log.warning(
                    "replica.not_used", trouble=found.trouble.value, behind=seconds, why=why
                )
        return found

    def _checked(self) -> ReadFrom:
        with self._primary.read() as session:
            flushed, at, system = session.execute(text(PRIMARY)).one()
        with self.store.read() as session:
            standby = session.execute(text(STANDBY)).one()
        is_standby, replayed, newest, other = standby
        if not is_standby:
            raise ConfigurationError(
                _refusal("takes writes itself: it is no replica, or no longer")
            )
        if other != system:
            raise ConfigurationError(_refusal("is a replica of another PostgreSQL server"))
        behind = timedelta() if _place(replayed) >= _place(flushed) else _since(newest, at)
        late = behind is None or behind > self._most_behind
        if not late and not self._is_ours:
            late = not self._proved_ours(is_current=not behind)
        return ReadFrom(behind=behind, trouble=Trouble.BEHIND if late else None)


def _since(newest: datetime | None, at: datetime) -> timedelta | None:
    """Return how long before `at` the newest transaction was; None where none was replayed."""
    return None if newest is None else max(at - newest, timedelta(microseconds=1))


def _place(lsn: str | None) -> int:
    """Return a place in the log as a number; PostgreSQL writes its two halves in hexadecimal."""
    high, _, low = (lsn or "0/0").partition("/")
    return int(high, 16) << 32 | int(low, 16)


def _refusal(what: str) -> str:
    return (
        f"the database of FOLLOWUP_REPLICA_URL {what}: let it name a streaming replica of the one "
        "of FOLLOWUP_DATABASE_URL, with the same database name, or unset it"
    )
