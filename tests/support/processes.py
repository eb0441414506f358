"""Processes of another user's, their children, and folders that such a user can reach."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psutil

from tests.support.fork_server import Forked

POLL_SECONDS = 0.01

MEMORY = (Path("/dev/shm"),)
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))
ROOM = 2**30


def spawn(
    command: list[str], *, log: Path, folder: Path, user: str | None
) -> subprocess.Popen[bytes]:
    """Start a process that Ctrl-C at this terminal does not reach: its owner stops it.

    It is given none of this process's environment. Only root can name a `user`.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={"LC_ALL": "C", "PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
        )


def watch(folders: list[Path]) -> subprocess.Popen[bytes]:
    """Start the watchdog that outlives this process and cleans up after it."""
    watchdog = Path(__file__).with_name("watchdog_process.py")
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(watchdog), str(os.getpid()), *map(str, folders)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_family(process: subprocess.Popen[bytes] | Forked, *, seconds: float) -> None:
    """Kill a process and its children at once, and wait until none of them is left."""
    if process.poll() is not None:
        return
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait(seconds)
    deadline = time.monotonic() + seconds
    while any(_runs(child) for child in family) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _runs(process: psutil.Process) -> bool:
    # An orphan that has ended keeps its number until init reaps it, but holds nothing any more.
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def new_folder(name: str, *, user: str | None, on_disk: bool) -> Path:
    """Make an empty folder that belongs to `user`, where that user can reach it.

    In memory where there is room and durability does not matter: a database is then copied in a
    fifteenth of the time.
    """
    for parent in [*([] if on_disk else MEMORY), Path(tempfile.gettempdir()), *TEMPORARY]:
        if _suits(parent, user=user):
            folder = Path(tempfile.mkdtemp(prefix=f"followup-{name}-", dir=parent)).resolve()
            if user is not None:
                shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
            return folder
    raise FileNotFoundError(
        f"no temporary folder with 1 GiB free that {user or 'this user'} reaches"
    )


def _suits(parent: Path, *, user: str | None) -> bool:
    return (
        parent.is_dir()
        and os.access(parent, os.W_OK | os.X_OK)
        and shutil.disk_usage(parent).free >= ROOM
        and (user is None or can_reach(parent, user=user))
    )


def can_reach(path: Path, *, user: str) -> bool:
    """Tell whether everybody, and so `user` too, may read a path and every folder above it."""
    wanted = stat.S_IXOTH | stat.S_IROTH
    inner = path.resolve()
    return inner.stat().st_mode & wanted == wanted and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in inner.parents
    )


def package_folder(package: str) -> Path:
    """Return where an installed package lies, without running it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed: run make setup")
    return Path(spec.submodule_search_locations[0])
