"""Signers: who may sign words, one file a person in `signers/` of the clinic's configuration.

Their files lie with the protocols and are kept under version control with them: the database holds
no key, so that whoever writes to it alone can sign nothing.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from followup.domain.errors import Conflict, NotFound, ProtocolError
from followup.domain.releases.signer import Signer, clashes, same_person
from followup.domain.releases.signer_file import parse_signer, signer_text

FOLDER = "signers"


def load_signers(config_dir: Path | None) -> tuple[Signer, ...]:
    """Return all signers; raise `ProtocolError` with a line for everything wrong with them."""
    found, problems = [], []
    for file in _files(config_dir):
        try:
            found.append(_read(file))
        except ProtocolError as error:
            problems.append(str(error))
    problems += clashes(found)
    lasting = [signer for signer in found if _lasts(signer)]
    problems += [
        f"{FOLDER}: {signer.name} has two keys that are not revoked: revoke the older one"
        for place, signer in enumerate(lasting)
        if any(same_person(signer.name, other.name) for other in lasting[:place])
    ]
    if problems:
        raise ProtocolError("\n".join(problems))
    return tuple(found)


def signers_stamp(config_dir: Path | None) -> tuple[object, ...]:
    """Return what changes whenever a signer's file does."""
    stats = [(file.name, file.stat()) for file in _files(config_dir)]
    return tuple((name, st.st_size, st.st_mtime_ns, st.st_ctime_ns) for name, st in stats)


def add_signer(config_dir: Path, signer: Signer) -> Path:
    """Write the file of a new signer; raise `Conflict` where the person or the key is there."""
    known = load_signers(config_dir)
    for other in known:
        if same_person(other.name, signer.name) and _lasts(other):
            raise Conflict(
                f"{other.name} has a key already: revoke it first, with: followup keys sign revoke"
            )
    if refusals := clashes([*known, signer]):
        raise Conflict(refusals[0])
    folder = config_dir / FOLDER
    folder.mkdir(exist_ok=True)
    file = folder / f"{file_name(signer.name)}-{signer.public_key.name.lower()[:8]}.toml"
    file.write_text(signer_text(signer), encoding="utf-8")
    return file


def revoke_signer(config_dir: Path, name: str, *, since: datetime) -> tuple[Path, Signer]:
    """Write into a signer's file since when their key does not count; raise `NotFound`."""
    for file in _files(config_dir):
        signer = _read(file)
        if same_person(signer.name, name) and _lasts(signer):
            revoked = replace(signer, revoked=since)
            file.write_text(signer_text(revoked), encoding="utf-8")
            return file, revoked
    raise NotFound(f"nobody called {name!r} has a key that counts: see followup keys sign list")


def file_name(name: str) -> str:
    """Return a person's name as a file's."""
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "signer"


def _lasts(signer: Signer) -> bool:
    return signer.revoked is None


def _files(config_dir: Path | None) -> list[Path]:
    folder = None if config_dir is None else config_dir / FOLDER
    return sorted(folder.glob("*.toml")) if folder is not None and folder.is_dir() else []


def _read(file: Path) -> Signer:
    try:
        data = tomllib.loads(file.read_bytes().decode())
    except (ValueError, OSError) as error:
        raise ProtocolError(f"{file}: can't be read as TOML: {error}") from error
    return parse_signer(data, file=str(file))
