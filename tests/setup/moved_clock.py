"""Runs tests under a clock that is years ahead: `make years`, or by itself.

    python -m tests.setup.moved_clock YEARS [pytest's arguments]

libfaketime moves the clock of the tests and of every process that inherits their environment. Test
servers and whole stacks have an environment of their own and keep the real time. So three kinds of
test can't run here: of the server's time (`tests/store/test_server_time.py`), of a whole
stack (`tests/replies/test_end_to_end.py`), and of the watchdog that stops what a dead test left
(`tests/support/test_servers.py`).
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

UNDER_FAKETIME = Path(__file__).with_name("under_faketime")


def main() -> None:
    """Become pytest, so many years ahead."""
    years, *arguments = sys.argv[1:]
    if shutil.which("faketime") is None:
        sys.exit("there is no faketime: install the system's package of that name")
    environment = {
        **os.environ,
        # Spans of time are what they are.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(UNDER_FAKETIME),
    }
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    os.execvpe("faketime", ["faketime", "-f", f"+{years}y", *pytest], environment)


if __name__ == "__main__":
    main()
