"""Stops a test server whose owner died without stopping it, and removes its folders.

Run as a program of its own, in a session of its own, so that neither Ctrl-C nor the death of the
owner reaches it: `python -I -S watchdog.py OWNER_PID FOLDER…`. The server's process id is read from
`server.pid` in the first folder at that moment, because a server under test is killed and started
again.

It polls its parent rather than asking the kernel for a signal on the parent's death: that signal
comes with the end of the *thread* that started the child, and fault tests start servers in threads.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 5.0


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def stop(group: int) -> None:
    """Stop a process, which leads a group of its own, and the children that stayed in it."""
    # SIGQUIT is PostgreSQL's immediate shutdown, children included. Redis has no handler for it.
    for number in (signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while is_alive(group) and time.monotonic() < deadline:
            time.sleep(0.05)


def main() -> None:
    owner, *folders = int(sys.argv[1]), *map(Path, sys.argv[2:])
    while os.getppid() == owner:
        time.sleep(POLL_SECONDS)
    with contextlib.suppress(FileNotFoundError, ValueError):
        stop(int((folders[0] / "server.pid").read_text(encoding="ascii")))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
