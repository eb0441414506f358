"""A clinic in live use: a configuration of its own, and people with keys who sign its words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

from followup.catalogue.load import load_catalogue
from followup.catalogue.signers import add_signer
from followup.content.layers import load_content, words_of
from followup.context import AppContext, OnCall
from followup.domain.releases.manifest import Manifest, bytes_digest, read_manifest
from followup.domain.releases.signer import Signer, SigningRole
from followup.releases.readings import parts_of
from followup.releases.sign import approve, make_signature, sign, statement_of
from followup.releases.verify import key_text, trusted_comment
from followup.signatures.minisign import SigningKey
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.releases import Release
from followup.store.models.releases import ReleaseFile as KeptFile
from tests.support.apps import make_app
from tests.support.people import CLINIC, PROTOCOL

CHECKOUT = Path(__file__).parents[2]
AUTHOR, APPROVER = SigningRole.AUTHOR, SigningRole.APPROVER
VALID_FROM, VALID_UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)


def key_of(number: int) -> SigningKey:
    """Return a key that is the same for the same number."""
    return SigningKey(key_id=bytes([number]) * 8, seed=bytes([number]) * 32)


ANN, BOB, CAT = key_of(1), key_of(2), key_of(3)
NAMES = {ANN: "Ann Author", BOB: "Dr Bob Approver", CAT: "Cat Both"}
ROLES = {ANN: {AUTHOR}, BOB: {APPROVER}, CAT: {AUTHOR, APPROVER}}


def signer(key: SigningKey, **changes: object) -> Signer:
    """Return the signer of one of these keys."""
    values: dict[str, object] = {
        "name": NAMES.get(key, "Somebody Else"),
        "roles": frozenset(ROLES.get(key, {AUTHOR, APPROVER})),
        "public_key": key.public,
        "valid_from": VALID_FROM,
        "valid_until": VALID_UNTIL,
    }
    return Signer(**{**values, **changes})  # type: ignore[arg-type]


def live_folder(parent: Path) -> Path:
    """Return a configuration that is ready for patients, with the signers' files, below `parent`.

    Without phrases of its own: those that are shipped sort its replies.
    """
    folder = parent / "clinic-config"
    for part in ("protocols", "clinics"):
        copytree(CHECKOUT / "config" / part, folder / part)
    facts = folder / "clinics" / f"{CLINIC}.toml"
    facts.write_text(re.sub(r"(?m)^unconfirmed = .*\n", "", facts.read_text("utf-8")), "utf-8")
    source = folder / "protocols" / f"{PROTOCOL}.toml"
    source.write_text(source.read_text("utf-8").replace("2025-08-31", "2027-08-31"), "utf-8")
    for key in (ANN, BOB, CAT):
        add_signer(folder, signer(key))
    return folder


def live_app(url: str, folder: Path, **policy: object) -> AppContext:
    """Return an app in live use on that configuration."""
    given: dict[str, object] = {"live": True, "on_call": OnCall(email=("on-call@example.com",))}
    catalogue = load_catalogue(folder)
    content = load_content(
        words_of(folder), protocols=catalogue.protocols, clinics=catalogue.clinics
    )
    return make_app(url, catalogue=catalogue, content=content, **{**given, **policy})  # type: ignore[arg-type]


def signed(app: AppContext, *, by: SigningKey = ANN) -> Release:
    """Sign the words as they are."""
    statement = statement_of(app, clinic=CLINIC, protocol=PROTOCOL)
    return sign(app, statement, make_signature(app, statement.text, by, AUTHOR), actor="cli:ann")


def approved(app: AppContext, *, author: SigningKey = ANN, by: SigningKey = BOB) -> Release:
    """Sign the words as they are, by two people."""
    release = signed(app, by=author)
    made = make_signature(app, release.statement, by, APPROVER)
    return approve(app, release.digest, made, actor="cli:bob")


def opened(app: AppContext) -> Iterator[AppContext]:
    """Yield the app and close it afterwards."""
    yield app
    app.close()


def put_releases(app: AppContext, *, label: str = "") -> dict[str, object]:
    """Put an approved release there and one that waits, on an app whose signers nobody knows.

    They differ in one text. Returns their ids, and what stands for that change in an address.
    """
    statement = statement_of(app, clinic=CLINIC, protocol=PROTOCOL)
    manifest = read_manifest(statement.text)
    contents = {file.digest: file.place.read_bytes() for file in statement.files}
    path = "words/dressing/en/sms.txt"
    before = contents[manifest.files[path]] + f"Ring us if in doubt{label}.\n".encode()
    older = replace(manifest, files={**manifest.files, path: bytes_digest(before)})
    newer = replace(manifest, source=f"{manifest.source}{label}")
    at = app.clock.now().replace(microsecond=0)
    waits, stands = _release(newer, at), _release(older, at - timedelta(days=9), by=BOB)
    with app.store.write() as session:
        session.add_all([waits, stands])
        for content in (*contents.values(), before):
            insert_new(session, KeptFile, {"digest": bytes_digest(content), "content": content})
        session.flush()
        (part, *_) = parts_of(session, waits)
        return {"waits": waits.id, "stands": stands.id, "part": part.digest[:16]}


def _release(manifest: Manifest, at: datetime, *, by: SigningKey | None = None) -> Release:
    text = manifest.text()

    def signature(key: SigningKey, role: SigningRole) -> str:
        comment = trusted_comment(role=role, name=NAMES[key], at=at)
        return key.sign(text.encode(), trusted_comment=comment).text()

    return Release(
        id=new_id(at),
        kind="words",
        clinic=CLINIC,
        protocol=PROTOCOL,
        digest=manifest.digest,
        statement=text,
        author=NAMES[ANN],
        author_key=key_text(ANN.public),
        author_signature=signature(ANN, AUTHOR),
        author_key_kept=True,
        signed_at=at,
        approver=NAMES[by] if by else None,
        approver_key=key_text(by.public) if by else None,
        approver_signature=signature(by, APPROVER) if by else None,
        approver_key_kept=False,
        approved_at=at if by else None,
    )
