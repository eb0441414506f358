"""Finds and kills the process at the other end of a loopback connection."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

PROC = Path("/proc")


def kill_caller(
    peer: tuple[str, int], here: tuple[str, int], *, number: signal.Signals = signal.SIGKILL
) -> list[int]:
    """Kill, or signal, at once, every process that holds the caller's end; return their ids.

    Callers on loopback only, and never this process itself.
    """
    inode = _inode(peer, here)
    if inode is None:
        return []
    killed = []
    for pid in _holders(f"socket:[{inode}]"):
        if pid not in {1, os.getpid()}:
            with contextlib.suppress(ProcessLookupError):  # It may be dying already.
                os.kill(pid, number)
                killed.append(pid)
    return killed


def _inode(peer: tuple[str, int], here: tuple[str, int]) -> str | None:
    """Return the inode of the socket that is connected from `peer` to `here`."""
    wanted = [_hex(peer), _hex(here)]
    for line in (PROC / "net" / "tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == wanted:
            return fields[9]
    return None


def _hex(address: tuple[str, int]) -> str:
    """Return an address as /proc/net/tcp writes it: the number in the machine's byte order."""
    host, port = address
    if not host.startswith("127."):
        raise ValueError(f"{host} is not on loopback")
    number = int.from_bytes(socket.inet_aton(host), "little")
    return f"{number:08X}:{port:04X}"


def _holders(link: str) -> list[int]:
    processes = [folder for folder in PROC.iterdir() if folder.name.isdigit()]
    return [int(folder.name) for folder in processes if _holds(folder / "fd", link)]


def _holds(folder: Path, link: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(_link(entry.path) == link for entry in entries)
    except OSError:
        return False  # It has ended, or belongs to somebody else.


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - thousands of them, so no Path for each
    except OSError:
        return ""
