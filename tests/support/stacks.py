"""The real product as real processes on loopback: workers, beats and web, started and killed.

with Stack(environment) as stack:
stack.migrate()
worker = stack.worker()
stack.beat()
worker.kill()        # SIGKILL, children included
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psutil
from typer.testing import CliRunner

from followup.cli.framework.registry import app
from tests.support.fork_server import INTERPRETER, Forked, fork_server
from tests.support.processes import kill_family, new_folder
from tests.support.servers import free_port

START_SECONDS = 60.0
STOP_SECONDS = 40.0
COMMAND_SECONDS = 300.0
POLL_SECONDS = 0.1
BIN = Path(sys.executable).parent


class StackError(Exception):
    """A process of the product did not do what it should; the message holds the end of its log."""


class Running:
    """One process of the product, with its log."""

    def __init__(self, name: str, process: subprocess.Popen[bytes] | Forked, log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def pids(self) -> list[int]:
        """The process and its children: a prefork worker sends from these."""
        if not self.is_running:
            return []
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [self.process.pid, *(child.pid for child in family)]

    def kill(self) -> None:
        """SIGKILL, to the process and all its children."""
        kill_family(self.process, seconds=STOP_SECONDS)

    def stop(self) -> int:
        """SIGTERM, and wait; return the exit code."""
        if self.is_running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise StackError(f"{self.name} did not stop:\n{self.end_of_log()}") from late

    def end_of_log(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


class Stack:
    """Processes of the product that share one environment; all are killed at the end.

    They are forked from one that has the product in memory, or else are each a fresh Python.
    """

    def __init__(self, environment: Mapping[str, str], *, forked: bool = True) -> None:
        # Who measures starts fresh ones, and has them write to a disk.
        self.folder = new_folder("stack", user=None, on_disk=not forked)
        self._forked = forked
        self.environment = {
            **INTERPRETER,
            # Tests send in minutes what a clinic sends in months.
            "FOLLOWUP_VERSION_PER_MINUTE": "1000000",
            "FOLLOWUP_DATA_DIR": str(self.folder / "data"),
            "FOLLOWUP_MASTER_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            **environment,
        }
        self.running: list[Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for one in self.running:
            one.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def worker(
        self,
        *,
        concurrency: int = 1,
        queues: str | None = None,
        most_tasks: int | None = None,
        **environment: str,
    ) -> Running:
        """Start a Celery worker with so many processes, each replaced after so many tasks."""
        name = f"worker-{len(self.running)}"
        options = ["worker", "-c", str(concurrency), "-n", f"{name}@%h", "-l", "warning"]
        options += ["--without-gossip", "--without-mingle"]
        if queues:
            options += ["-Q", queues]
        if most_tasks:
            options += ["--max-tasks-per-child", str(most_tasks)]
        return self._start(name, "celery", "-A", "tasks", *options, **environment)

    def beat(self) -> Running:
        """Start a Celery beat."""
        name = f"beat-{len(self.running)}"
        return self._start(name, "celery", "-A", "tasks", "beat", "-l", "warning")

    def web(self, *, port: int | None = None) -> Running:
        """Start the web process and wait until it answers."""
        port = port or free_port()
        running = self._start("web", "followup.cli", "web", FOLLOWUP_PORT=str(port))
        self.wait_until_answers(port, of=running)
        return running

    def wait_until_answers(self, port: int, *, of: Running) -> None:
        """Wait until the web process answers there."""
        self.wait_for(lambda: _answers(port), what="the web process to answer", of=of)

    def hl7(self, *, port: int, **environment: str) -> Running:
        """Start an HL7 listener and wait until it listens."""
        running = self._start(
            "hl7", "followup.cli", "listen", "hl7", FOLLOWUP_HL7_PORT=str(port), **environment
        )
        self.wait_for(lambda: listens(port), what="the listener to listen", of=running)
        return running

    def watch(self) -> Running:
        """Start a watchdog of its own."""
        return self._start("watch", "followup.cli", "watch")

    def embedded(self, *arguments: str, **environment: str) -> Running:
        """Start the embedded stack."""
        return self._start("run", "followup.cli", "run", *arguments, **environment)

    def module(self, name: str, *arguments: str) -> Running:
        """Start a module of the tests in the product's environment."""
        return self._start(name.rpartition(".")[2], name, *arguments)

    def migrate(self) -> None:
        """Make or update the tables."""
        self.command("migrate")

    def command(self, *arguments: str, given: str | None = None) -> str:
        """Run a command of the product to its end, in this process; return what it printed.

        A process spends a second of processor time on its start: `followup` is for what needs one.
        """
        done = CliRunner().invoke(app, arguments, input=given, env=self.environment)
        if done.exit_code != 0:
            raise StackError(
                f"followup {' '.join(arguments)} ended with {done.exit_code}: {done.exception!r}\n"
                f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            )
        return done.stdout

    def followup(
        self, *arguments: str, given: str | None = None, seconds: float = COMMAND_SECONDS
    ) -> str:
        """Run a command of the product as a process, to its end; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "followup.cli", *arguments],
            env=self.environment,
            cwd=self.folder,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        if done.returncode != 0:
            raise StackError(
                f"followup {' '.join(arguments)} ended with {done.returncode}:\n"
                f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            )
        return done.stdout

    def balance(self) -> dict[str, int]:
        """Return the balance sheet, whatever the exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "followup.cli", "balance", "--json"],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return {str(key): int(value) for key, value in answer.items()}

    def wait_for(
        self,
        condition: Callable[[], bool],
        *,
        what: str,
        seconds: float = START_SECONDS,
        of: Running | None = None,
    ) -> None:
        """Wait until a condition holds; raise with the logs if it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            dead = of is not None and not of.is_running
            if dead or time.monotonic() > deadline:
                logs = "\n".join(f"--- {one.name}\n{one.end_of_log()}" for one in self.running)
                raise StackError(f"waited in vain for {what}:\n{logs}")
            time.sleep(POLL_SECONDS)

    def _start(self, name: str, module: str, *arguments: str, **environment: str) -> Running:
        log = self.folder / f"{name}-{len(self.running)}.log"
        # There at once, for whoever looks at it before the process has begun to write.
        log.touch()
        whole = {**self.environment, **environment}
        # One that is to start with a `sitecustomize` of a test's is a Python of its own.
        forks = self._forked and INTERPRETER.items() <= whole.items()
        start: Callable[..., subprocess.Popen[bytes] | Forked] = self._fork if forks else self._open
        running = Running(name, start(module, arguments, environment=whole, log=log), log)
        self.running.append(running)
        return running

    def _fork(
        self, module: str, arguments: Sequence[str], *, environment: Mapping[str, str], log: Path
    ) -> Forked:
        return fork_server().start(
            module, arguments, environment=environment, folder=self.folder, log=log
        )

    def _open(
        self, module: str, arguments: Sequence[str], *, environment: Mapping[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
