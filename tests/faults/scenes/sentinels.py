"""Redis as hospitals run it: a master, its replica, and three Sentinels that choose between them.

with WatchedRedis() as redis:
    redis.url()
    redis.kill_master()      # the Sentinels make the replica the master; the dead one joins it
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

from redis import Redis, RedisError
from redis.sentinel import MasterNotFoundError, Sentinel

from tests.support.servers import HOST, RedisServer, ServerError, redis_program

MASTER, PASSWORD, SENTINEL_PASSWORD = "followup", "r:d@s", "watch"
SENTINELS, QUORUM = 3, 2
DEAD_AFTER_MS, FAILOVER_MS = 2_000, 10_000
"""When the Sentinels hold a silent master for dead; their own default is half a minute."""
LONGEST_FAILOVER = 60.0
SECONDS, POLL_SECONDS = 2.0, 0.1


def _wait_until(condition: Callable[[], bool], failing: str) -> None:
    deadline = time.monotonic() + LONGEST_FAILOVER
    while not condition():
        if time.monotonic() > deadline:
            raise ServerError(f"the Sentinels {failing} in {LONGEST_FAILOVER:g} s")
        time.sleep(POLL_SECONDS)


class Node(RedisServer):
    """A Redis with a password, at first a replica where it is told of whom."""

    def __init__(self, of: RedisServer | None = None) -> None:
        super().__init__()
        self.of: RedisServer | None = of

    def client(self, database: int = 0) -> Redis:
        return Redis(host=HOST, port=self.port, db=database, password=PASSWORD)

    def _command(self) -> list[str]:
        of = [] if self.of is None else ["--replicaof", HOST, str(self.of.port)]
        passwords = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
        return [*super()._command(), *passwords, "--repl-diskless-sync-delay", "0", *of]


class SentinelServer(RedisServer):
    """One Sentinel. It writes what it learns into its own configuration."""

    name = "sentinel"

    def __init__(self, master: RedisServer) -> None:
        super().__init__()
        lines = (
            f"port {self.port}",
            f"bind {HOST}",
            f"dir {self.folder}",
            f"requirepass {SENTINEL_PASSWORD}",
            f"sentinel monitor {MASTER} {HOST} {master.port} {QUORUM}",
            f"sentinel auth-pass {MASTER} {PASSWORD}",
            f"sentinel down-after-milliseconds {MASTER} {DEAD_AFTER_MS}",
            f"sentinel failover-timeout {MASTER} {FAILOVER_MS}",
        )
        self._file = self.folder / "sentinel.conf"
        self._file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def client(self, database: int = 0) -> Redis:
        return Redis(host=HOST, port=self.port, db=database, password=SENTINEL_PASSWORD)

    def _command(self) -> list[str]:
        return [redis_program(), str(self._file), "--sentinel"]


class WatchedRedis:
    """A master, a replica and Sentinels, started together."""

    def __init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            first = opening.enter_context(Node())
            self.nodes = [first, opening.enter_context(Node(of=first))]
            self.sentinels = [
                opening.enter_context(SentinelServer(first)) for _ in range(SENTINELS)
            ]
            self._open = opening.pop_all()
        self._wait_until_watched()
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def url(self) -> str:
        """Return the address as the product is given it."""
        hosts = ",".join(f"{HOST}:{one.port}" for one in self.sentinels)
        return (
            f"sentinel://:r%3Ad%40s@{hosts}/0?master={MASTER}&sentinel_password={SENTINEL_PASSWORD}"
        )

    @property
    def master(self) -> Node:
        """The node that the Sentinels call the master."""
        port = self._asked().discover_master(MASTER)[1]
        return next(one for one in self.nodes if one.port == port)

    def kill_master(self) -> Node:
        """Kill the master, wait until there is another, and start the dead one as its replica."""
        dead = self.master
        dead.kill()
        _wait_until(lambda: self._has_master_but(dead), "chose no other master")
        alive = self.master
        dead.of, alive.of = alive, None
        dead.start()
        self._wait_until_watched()
        return alive

    def _has_master_but(self, dead: Node) -> bool:
        try:
            with (found := self.master).client() as client:
                return found is not dead and client.role()[0] == b"master"
        except (RedisError, StopIteration):
            return False

    def _wait_until_watched(self) -> None:
        """Wait until every Sentinel knows the others and a replica that could take over."""
        _wait_until(lambda: all(map(self._knows_all, self.sentinels)), "did not find each other")

    def _knows_all(self, sentinel: SentinelServer) -> bool:
        try:
            with sentinel.client() as client:
                master = client.sentinel_master(MASTER)
                replicas = client.sentinel_slaves(MASTER)
        except (RedisError, MasterNotFoundError):
            return False
        ready = [one for one in replicas if not one["is_disconnected"] and not one["is_sdown"]]
        others = int(master["num-other-sentinels"])
        return others == SENTINELS - 1 and len(ready) == 1 and not master["is_sdown"]

    def _asked(self) -> Sentinel:
        hosts = [(HOST, one.port) for one in self.sentinels]
        return Sentinel(
            hosts, sentinel_kwargs={"password": SENTINEL_PASSWORD, "socket_timeout": SECONDS}
        )
