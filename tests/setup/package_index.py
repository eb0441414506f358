"""A package index on loopback: all that the locks name, and of each a release newer than its lock.

The packages are stand-ins: the metadata of the real ones without their code. Only what installing
itself runs is real: the tools that build the product's own wheel, and pip.
"""

from __future__ import annotations

import hashlib
import re
import threading
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.check_wheels import read_lock

ROOT = Path(__file__).parents[2]
RUNNING, BUILDING, TESTING = (ROOT / f"requirements{kind}.txt" for kind in ("", "-build", "-dev"))

_WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def locked_here(lock: Path) -> dict[str, str]:
    """Return the version of each package that a lock file names for this Python and machine."""
    return {it.name: it.version for it in read_lock(lock) if it.applies()}


class PackageIndex:
    """What the index offers, below `folder`, where `serve` serves it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hashes: dict[str, str] = {}
        real = set(locked_here(BUILDING)) | {"pip"}
        for name, version in locked_here(TESTING).items():
            installed = distribution(name)
            assert installed.version == version, "the locks have changed: run make setup"
            made = self._offer(installed, version, whole=name in real)
            self._hashes[name] = hashlib.sha256(made.read_bytes()).hexdigest()
            self._offer(installed, f"{Version(version).major + 1}.0", whole=False)

    def lock(self, lock: Path, *, only: Collection[str] = ()) -> str:
        """Return a lock file with the hashes of what is offered here in place of the real ones."""
        return "".join(
            f"{it.requirement} --hash=sha256:{self._hashes.get(it.name, '0' * 64)}\n"
            for it in read_lock(lock)
            if not only or it.name in only
        )

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve the index, and tell its address."""
        handler = partial(_Quiet, directory=self.folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/"
            finally:
                server.shutdown()

    def _offer(self, installed: Distribution, version: str, *, whole: bool) -> Path:
        name = canonicalize_name(installed.name)
        stem = f"{name.replace('-', '_')}-{version}"
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        files = dict(_code(installed)) if whole else {}
        metadata = installed.read_text("METADATA") or ""
        metadata = re.sub(
            r"^Version: .*$", f"Version: {version}", metadata, count=1, flags=re.MULTILINE
        )
        files |= {
            f"{stem}.dist-info/METADATA": metadata.encode(),
            f"{stem}.dist-info/WHEEL": _WHEEL.encode(),
        }
        record = f"{stem}.dist-info/RECORD"
        files[record] = "".join(f"{path},,\n" for path in [*files, record]).encode()
        wheel = folder / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        return wheel


@cache
def _code(installed: Distribution) -> dict[str, bytes]:
    """Return the files of an installed package but what its installation added to them."""
    added = {"RECORD", "INSTALLER", "REQUESTED", "METADATA", "WHEEL"}
    return {
        path.as_posix(): path.locate().read_bytes()
        for path in installed.files or ()
        if path.suffix != ".pyc" and ".." not in path.parts
        if not (path.parent.suffix == ".dist-info" and path.name in added)
    }


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and lists folders, which is all that an index is."""

    def log_message(self, *args: object) -> None:
        pass
