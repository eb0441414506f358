"""Export of a release: a folder that anybody checks with minisign and sha256sum alone."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from followup.catalogue.signers import load_signers
from followup.context import AppContext
from followup.domain.errors import Conflict
from followup.domain.releases.signer import PublicKey
from followup.releases.difference import kept_files
from followup.releases.queries import WORDS
from followup.releases.verify import key_text
from followup.store.models.releases import Release

STATEMENT = {WORDS: "release.txt"}
AUTHOR, APPROVER = "author", "approver"


def export_parts(session: Session, app: AppContext, release: Release) -> dict[str, bytes]:
    """Return the files of an evidence pack by path: manifest, signatures, keys, and what is signed.

    As they are in the database, also of a release whose signature does not hold: that is for
    whoever checks it.
    """
    name = STATEMENT.get(release.kind, "extension.txt")
    parts = {
        name: release.statement.encode(),
        f"{name}.{AUTHOR}.minisig": release.author_signature.encode(),
    }
    keys = {key_text(one.public_key): one.public_key for one in load_signers(app.catalogue.folder)}
    if release.author_key in keys:
        parts[f"{AUTHOR}.pub"] = _public(keys[release.author_key])
    if release.approver_key and release.approver_signature:
        parts[f"{name}.{APPROVER}.minisig"] = release.approver_signature.encode()
        if release.approver_key in keys:
            parts[f"{APPROVER}.pub"] = _public(keys[release.approver_key])
    if release.kind == WORDS:
        parts |= kept_files(session, release)
    parts["README.txt"] = _readme(release, name).encode()
    return parts


def write_parts(folder: Path, parts: dict[str, bytes]) -> None:
    """Write them below a new folder; raise `Conflict` where it is there already."""
    if folder.exists():
        raise Conflict(f"{folder} is there already: name a folder that is not")
    for path, content in parts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _public(key: PublicKey) -> bytes:
    return f"untrusted comment: minisign public key {key.name}\n{key.line}\n".encode()


def _readme(release: Release, name: str) -> str:
    approver = (
        f"Approved by {release.approver} on {release.approved_at:%Y-%m-%d %H:%M} UTC"
        f"{', by a key kept on the server' if release.approver_key_kept else ''}.\n"
        if release.approved_at
        else "Approved by nobody.\n"
    )
    withdrawn = (
        f"Withdrawn on {release.withdrawn_at:%Y-%m-%d %H:%M} UTC: {release.remark}\n"
        if release.withdrawn_at
        else ""
    )
    return (
        f"{name} of {release.protocol} at {release.clinic}, SHA-256 {release.digest}\n"
        f"Signed by {release.author} on {release.signed_at:%Y-%m-%d %H:%M} UTC"
        f"{', by a key kept on the server' if release.author_key_kept else ''}.\n"
        f"{approver}{withdrawn}\n"
        "Whose the keys are, ask the clinic: these files can't say so themselves. To check:\n\n"
        f"minisign -V -p {AUTHOR}.pub -m {name} -x {name}.{AUTHOR}.minisig\n"
        f"minisign -V -p {APPROVER}.pub -m {name} -x {name}.{APPROVER}.minisig\n"
        + (f"sha256sum --check {name}\n" if release.kind == WORDS else "")
    )
