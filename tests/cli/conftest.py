"""The command line on a database of its own, at a time that stands still."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from followup.cli.framework.registry import app
from followup.context import AppContext
from tests.support.apps import MASTER_KEY, HandClock, make_app, read_shipped_files_once
from tests.support.fork_server import fork_server
from tests.support.people import ENROLLED_AT, PROCEDURE_AT, nhs_number

FOLLOWUP = Path(sys.executable).with_name("followup")
SECONDS = 60


@pytest.fixture(autouse=True)
def _shipped_files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read_shipped_files_once(monkeypatch)


class Answer(NamedTuple):
    """What a command ended with and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON objects of a listing, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """Calls commands, in this process or in one of its own. Move `now` to let time pass."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self.now = ENROLLED_AT
        self.more: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        # So slow that it stands still.
        clock = f"{self.now:%Y-%m-%dT%H:%M:%SZ}={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}@1e-9"
        return {
            "FOLLOWUP_DATABASE_URL": self.database_url,
            "FOLLOWUP_DATA_DIR": str(self.folder / "data"),
            "FOLLOWUP_MASTER_KEYS": base64.b64encode(MASTER_KEY).decode(),
            "FOLLOWUP_CLOCK": clock,
            **self.more,
        }

    def __call__(self, *args: object, stdin: str | bytes | None = None) -> Answer:
        """Run a command in this process; a crash of it is the test's."""
        result = CliRunner().invoke(
            app, [str(each) for each in args], input=stdin, env=self.environment
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def process(
        self, *args: object, streams: Mapping[str, str] | None = None, **more: str
    ) -> Answer:
        """Run the program as a process, with nothing else in its environment.

        It is forked from one that has the product in memory: `installed` is a fresh Python.
        `streams` are paths for what is not to be kept: stdout, stderr.
        """
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            for each in (out, err):
                each.touch()
            given = {"stdout": str(out), "stderr": str(err), **(streams or {})}
            process = fork_server().start(
                "tests.stand_ins.shell",
                [os.devnull, given["stdout"], given["stderr"], *map(str, args)],
                environment={**self.environment, **more},
                folder=self.folder,
                log=err,
            )
            try:
                code = process.wait(SECONDS)
            finally:
                process.kill()
            return Answer(code, out.read_text("utf-8"), err.read_text("utf-8"))

    def on_terminal(self, *args: object, stream: str = "stdout", **more: str) -> tuple[Answer, str]:
        """Run it with a terminal in the place of a stream; return also what a person sees there."""
        leader, follower = pty.openpty()
        drawn = bytearray()
        reading = threading.Thread(target=_drain, args=(leader, drawn))
        reading.start()
        terminal = {"TERM": "xterm", "COLUMNS": "80", **more}
        try:
            answer = self.process(*args, streams={stream: os.ttyname(follower)}, **terminal)
        finally:
            os.close(follower)
            reading.join()
            os.close(leader)
        return answer, drawn.decode().replace("\r\n", "\n")

    def installed(self, *args: object, stdin: bytes | None = None, **more: str) -> Answer:
        """Run the installed program as a shell does."""
        ended = subprocess.run(
            [str(FOLLOWUP), *map(str, args)],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env={**self.environment, **more},
            timeout=SECONDS,
            check=False,
        )
        return Answer(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    @contextmanager
    def app(self, *, sandbox: bool = True) -> Iterator[AppContext]:
        """Give an app context on the same database, to play what happens between two commands."""
        app = make_app(self.database_url, clock=HandClock(self.now), sandbox=sandbox)
        try:
            yield app
            self.now = app.clock.now()
        finally:
            app.close()


def _drain(descriptor: int, into: bytearray) -> None:
    while True:
        try:
            into += os.read(descriptor, 4096)
        except OSError:
            # How a terminal says that nobody is at its other end any more.
            return


def document(serial: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the JSON of an enrolment that is right in every field."""
    return {
        "clinic": "derriford-pain",
        "protocol": "nerve-root-block",
        "reference": f"REF-{serial}",
        "procedure_at": PROCEDURE_AT.isoformat(),
        "attributes": {"diabetic": True, "steroid_given": True},
        "patient": {
            "name": f"Test Patient-{serial:05d}",
            "nhs_number": nhs_number(serial),
            "date_of_birth": "1957-05-17",
            "mobile": f"07700 900{serial % 1000:03d}",
            "email": f"patient{serial}@example.com",
        },
        "channels": ["sms", "email"],
        **changes,
    }


def enrolled(followup: CommandLine, serial: int = 1, **changes: Any) -> dict[str, Any]:
    """Enrol a patient and return what the command printed."""
    answer = followup("enrol", "--json", "-", stdin=json.dumps(document(serial, **changes)))
    assert answer.code == 0, answer.err
    printed: dict[str, Any] = answer.json
    return printed


@pytest.fixture
def followup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite_url: str
) -> CommandLine:
    """The command line on SQLite."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, migrated_sqlite_url)


@pytest.fixture
def on_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_url: str) -> CommandLine:
    """The command line once on each database."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, migrated_url)


@pytest.fixture
def unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line of a fresh installation: no database, no keys, nothing set."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, f"sqlite:///{tmp_path / 'data' / 'followup.db'}")
