"""A streaming replica of a PostgreSQL server on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tests.support.servers import (
    HOST,
    START_SECONDS,
    PostgresServer,
    ServerError,
)

REPLICATING: Mapping[str, str] = {
    "hot_standby": "on",
    "max_wal_senders": "4",
    "wal_level": "replica",
}
"""What a server that has a replica, and the replica, are set to."""


class StandbyServer(PostgresServer):
    """A copy of another server that follows it. `pause` and `resume` hold up what it replays."""

    name: ClassVar[str] = "standby"

    def __init__(self, primary: PostgresServer) -> None:
        super().__init__(REPLICATING)
        self._primary = primary

    def pause(self) -> None:
        self.execute("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        self.execute("SELECT pg_wal_replay_resume()")

    def _make_cluster(self) -> None:
        self._guard()
        command = [
            *(str(self._programs / "pg_basebackup"), "--pgdata", str(self._data)),
            *("--host", HOST, "--port", str(self._primary.port), "--username", "postgres"),
            *("--checkpoint", "fast", "--no-sync", "--write-recovery-conf"),
        ]
        if self._spawn(command).wait(START_SECONDS) != 0:
            raise ServerError(f"pg_basebackup failed:\n{self._end_of_log()}")
