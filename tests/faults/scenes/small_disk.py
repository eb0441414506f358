"""A disk that can be filled up and emptied: a small tmpfs for root, a limit on files for others."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil

MIB = 1 << 20


class SmallDisk:
    """A folder of `mebibytes`, on which `full` leaves not a byte.

    Only root may mount one. Otherwise the processes named to `full` may for that long not let any
    file grow, which SQLite meets as an input/output error instead of a full disk.
    """

    def __init__(self, *, mebibytes: int) -> None:
        self._size = mebibytes
        self.folder = Path(tempfile.mkdtemp(prefix="followup-disk-"))
        self.is_real = False

    def __enter__(self) -> Self:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={self._size}m", "tmpfs", str(self.folder)]
        if os.geteuid() == 0 and shutil.which("mount"):
            self.is_real = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        return self

    def __exit__(self, *exception: object) -> None:
        if self.is_real:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def full(self, pids: list[int]) -> Iterator[None]:
        """Leave no room for as long as the block lasts."""
        if not self.is_real:
            with _no_file_may_grow(pids):
                yield
            return
        ballast = self.folder / "ballast"
        _fill(ballast)
        try:
            yield
        finally:
            ballast.unlink()


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


@contextmanager
def _no_file_may_grow(pids: list[int]) -> Iterator[None]:
    _limit(pids, 1)
    try:
        yield
    finally:
        _limit(pids, resource.RLIM_INFINITY)


def _limit(pids: list[int], size: int) -> None:
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))
