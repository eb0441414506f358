"""Processes of the product forked from one that has imported it already.

A fresh Python spends two seconds of processor time on importing Celery, FastAPI, SQLAlchemy and the
product; a fork spends none. What is forked is a process of its own for all that tests do to it: own
memory, files, signals and session. It has made nothing yet but modules: no setting is read, no
thread started, nothing connected. What a fresh Python does at its start is tested by
`tests/cli/test_shell.py`, `tests/faults/test_smallest.py` and the examples of the README.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INTERPRETER = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
"""What a Python reads of its environment at its start: a fork can have no other."""
POLL_SECONDS = 0.01

PRELOADED = (
    "celery.__main__", "celery.apps.beat", "celery.apps.worker", "celery.bin.celery",
    "celery.concurrency.prefork", "celery.concurrency.thread", "celery.worker.components",
    "celery.worker.consumer", "celery.worker.strategy", "kombu.transport.memory",
    "kombu.transport.redis", "psycopg", "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite", "uvicorn.lifespan.off", "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
)  # fmt: skip
PACKAGES = ("followup",)
LEFT_OUT = ("followup.demo", "followup.store.schema.migrations")
"""Not needed, and scripts that Alembic runs. `tasks` reads the settings as it is imported."""


class Forked:
    """A process that was forked: what `subprocess.Popen` offers of it."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs. It keeps its number until then."""
        if self.returncode is None:
            self.returncode = self._server.exit_code(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks. It ends with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            env=INTERPRETER,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
    ) -> Forked:
        """Start `python -m module arguments…`, its output at the end of a file."""
        words = {"module": module, "arguments": list(arguments), "environment": dict(environment)}
        pid = self._ask({**words, "folder": str(folder), "log": str(log)})
        assert pid is not None
        return Forked(self, pid)

    def exit_code(self, pid: int) -> int | None:
        """Return how a process ended, and let its number go; None while it runs."""
        return self._ask({"pid": pid})

    def close(self) -> None:
        """End the process that forks; those that were forked go on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, request: Mapping[str, Any]) -> int | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            answer: int | None = json.loads(self._process.stdout.readline())
        return answer


_server: ForkServer | None = None


def fork_server() -> ForkServer:
    """Return the one of this process, started when it is first asked for."""
    global _server  # noqa: PLW0603 - one for each process, wherever it is asked for
    if _server is None:
        _server = ForkServer()
        atexit.register(_server.close)
    return _server


# ----------------------------------------------------------------- in the process that forks


def main() -> None:
    """Fork what standard input asks for; each fork goes on from here as the program it is to be."""
    _preload()
    request = _next_to_become()
    if request is not None:
        _become(request)


def _preload() -> None:
    gc.disable()
    for name in PRELOADED:
        import_module(name)
    for package in PACKAGES:
        for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not found.name.startswith(LEFT_OUT) and not found.name.endswith("__main__"):
                import_module(found.name)
    assert "tasks" not in sys.modules
    assert threading.active_count() == 1
    # Shared by all forks, as long as no collection writes into it.
    gc.freeze()
    gc.enable()


def _next_to_become() -> dict[str, Any] | None:
    """Answer requests; return one in the fork that is to do it, None at the end of them."""
    for line in sys.stdin.buffer:
        request: dict[str, Any] = json.loads(line)
        if "pid" in request:
            _answer(_reap(request["pid"]))
            continue
        pid = os.fork()
        if pid == 0:
            return request
        _answer(pid)
    return None


def _reap(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _answer(number: int | None) -> None:
    sys.stdout.write(json.dumps(number) + "\n")
    sys.stdout.flush()


def _become(request: Mapping[str, Any]) -> None:
    """Run a module as `python -m` does, in a session, a folder and an environment of its own."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for given, standard in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(given, standard)
    os.closerange(3, max(nothing, log) + 1)
    os.chdir(request["folder"])
    # As `-m` has it: first of all places to look in.
    sys.path[0] = request["folder"]
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
