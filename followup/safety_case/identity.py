"""Identity of what a safety case is about: version, commit, a digest of the program, its words."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from followup.data_files import CHECKOUT, data_folder

DATA = ("config", "templates", "docs/safety")
GIT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramIdentity:
    """Which program it is: `commit` is known in a checkout alone, `digest` tells alike files."""

    version: str
    commit: str | None
    changed: bool
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRelease:
    """Words that two people signed: which protocol's, its digest, who signed and who approved."""

    protocol: str
    digest: str
    author: str
    approver: str


def program_identity(*, checkout: Path = CHECKOUT) -> ProgramIdentity:
    """Return what this program is."""
    commit = _git(checkout, "rev-parse", "HEAD")
    return ProgramIdentity(
        version=installed_version("followup"),
        commit=commit,
        changed=bool(commit and _git(checkout, "status", "--porcelain")),
        digest=program_digest(),
    )


def program_digest() -> str:
    """Return the SHA-256 over every file of the program and its data, by path."""
    digest = hashlib.sha256()
    roots: list[tuple[str, Traversable]] = [("followup", files("followup"))]
    roots += [(name, data_folder(name)) for name in DATA]
    for name, root in roots:
        for path, file in sorted(_walk(root, name), key=lambda found: found[0]):
            digest.update(path.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def signed_releases() -> Sequence[SignedRelease]:
    """Return the releases of words that two people signed: none, before the product knows any."""
    return ()


def _walk(folder: Traversable, at: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.name.startswith((".", "__pycache__")) or entry.name == "_data":
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{at}/{entry.name}")
        else:
            yield f"{at}/{entry.name}", entry


def _git(checkout: Path, *arguments: str) -> str | None:
    """Return what git says of a checkout; None where there is no git, or no checkout."""
    program = shutil.which("git")
    if program is None or not (checkout / ".git").exists():
        return None
    answer = subprocess.run(  # noqa: S603 - fixed words, in our own folder
        [program, *arguments],
        cwd=checkout,
        check=False,
        capture_output=True,
        text=True,
        timeout=GIT_SECONDS,
    )
    return answer.stdout.strip() if answer.returncode == 0 else None
