"""The fork server hands out processes that are what a fresh Python would be."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.support.fork_server import INTERPRETER, fork_server
from tests.support.stacks import Stack

SHOWN = """
import json, os, sys, threading
print(json.dumps({
    "argv": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(),
    "session": os.getsid(0) == os.getpid(), "threads": threading.active_count(),
    "reads": sys.stdin.read(), "files": sorted(map(int, os.listdir("/dev/fd")))[:4],
    "product": "followup.bootstrap" in sys.modules, "tasks": "tasks" in sys.modules,
    "named": __name__,
}))
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def start(tmp_path):
    """Start a program that lies in the test's folder, and return the process."""

    def started(source: str, *arguments: str, **environment: str):
        name = f"program_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        return fork_server().start(
            name,
            arguments,
            environment={**INTERPRETER, **environment},
            folder=tmp_path,
            log=tmp_path / "log",
        )

    return started


def test_a_fork_has_its_own_arguments_environment_folder_and_session(start, tmp_path):
    process = start(SHOWN, "one", "two words", COLOUR="blue")

    assert process.wait(30) == 0
    shown = json.loads((tmp_path / "log").read_text("utf-8"))
    assert shown == {
        "argv": ["one", "two words"],
        "environment": {**INTERPRETER, "COLOUR": "blue"},
        "folder": str(tmp_path),
        "session": True,
        "threads": 1,
        "reads": "",
        # Standard input, output and error, and the folder that is being listed.
        "files": [0, 1, 2, 3],
        "product": True,
        "tasks": False,
        "named": "__main__",
    }


def test_its_end_is_told_once_and_for_all(start):
    assert start("raise SystemExit(7)").wait(30) == 7
    assert start("raise ValueError").wait(30) == 1

    process = start("import time\nwhile True: time.sleep(1)")
    assert process.poll() is None
    process.kill()

    assert process.wait(30) == -signal.SIGKILL
    assert process.poll() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_stack_forks_unless_it_is_told_not_to():
    for forked in (True, False):
        with Stack({}, forked=forked) as stack:
            stack.migrate()
            running = stack.web()

            assert running.stop() == 0
            assert hasattr(running.process, "args") is not forked
