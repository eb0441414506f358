"""Verification of a stored release: both signatures, by whom, and whether that was theirs to do."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

from followup.domain.errors import BadSignature
from followup.domain.releases.manifest import text_digest
from followup.domain.releases.signer import PublicKey, Signer, SigningRole, signer_of
from followup.domain.releases.two_people import Signed, pair_refusal, signing_refusal
from followup.signatures.minisign import read_signature, verify
from followup.store.models.releases import Release


def key_text(key: PublicKey) -> str:
    """Return the bare key as the database has it."""
    return base64.b64encode(key.key).decode()


def trusted_comment(*, role: SigningRole, name: str, at: datetime) -> str:
    """Return what a signature says of itself, as minisign writes it: fields and tabs between."""
    plain = " ".join(name.split())
    return f"timestamp:{int(at.timestamp())}\thashed\trole:{role}\tsigner:{plain}"


def signed_at(comment: str, *, role: SigningRole) -> datetime:
    """Return when a signature says that it was made; raise `BadSignature` for another role's.

    What minisign itself writes says the time and no role.
    """
    fields = dict(part.partition(":")[::2] for part in comment.split("\t"))
    if fields.get("role", role) != role:
        raise BadSignature(f"it was made as {fields['role']}, not as {role}")
    try:
        return datetime.fromtimestamp(int(fields["timestamp"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        raise BadSignature(
            "its trusted comment does not say when it was made: leave that to minisign, or begin "
            "it with timestamp: and seconds since 1970"
        ) from None


def check_signature(
    statement: str, signature: str, role: SigningRole, *, signers: Sequence[Signer], key: str
) -> Signed:
    """Return whose signature it is, and of when; raise `BadSignature` where it does not count."""
    public = base64.b64decode(key)
    signer = signer_of(signers, public)
    if signer is None:
        raise BadSignature("it is by a key that stands in no file of signers/")
    comment = verify(statement.encode(), read_signature(signature), key=signer.public_key)
    signed = Signed(signer.name, public, signed_at(comment, role=role))
    if (refusal := signing_refusal(signers, signed, role)) is not None:
        raise BadSignature(refusal)
    return signed


def author_of(release: Release, signers: Sequence[Signer]) -> Signed:
    """Return who wrote it; raise `BadSignature` where that can't be believed."""
    if text_digest(release.statement) != release.digest:
        raise BadSignature("the list of its files was changed in the database")
    kept = (release.author_signature, release.author_key, release.author, release.signed_at)
    return _as_stored(release.statement, *kept, signers=signers, role=SigningRole.AUTHOR)


def two_people_of(release: Release, signers: Sequence[Signer]) -> tuple[Signed, Signed]:
    """Return author and approver; raise `BadSignature` unless both signed, as two people."""
    author = author_of(release, signers)
    if release.approver is None or not release.approver_key or not release.approver_signature:
        raise BadSignature("nobody has approved it yet")
    kept = (release.approver_signature, release.approver_key, release.approver, release.approved_at)
    approver = _as_stored(release.statement, *kept, signers=signers, role=SigningRole.APPROVER)
    if (refusal := pair_refusal(author, approver)) is not None:
        raise BadSignature(refusal)
    return author, approver


def _as_stored(
    statement: str,
    signature: str,
    key: str,
    name: str,
    at: datetime | None,
    *,
    signers: Sequence[Signer],
    role: SigningRole,
) -> Signed:
    """Hold what the database says of a signature against the signature itself."""
    signed = check_signature(statement, signature, role, signers=signers, key=key)
    stored = Signed(name, signed.public_key, signed.at)
    if (refusal := signing_refusal(signers, stored, role)) is not None:
        raise BadSignature(refusal)
    if at != signed.at:
        raise BadSignature("the database gives another time than the signature")
    return signed
