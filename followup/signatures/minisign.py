"""Minisign formats: public keys and signatures that `minisign -V` verifies, and the other way.

As minisign's page "Signature format" and its source have them: an Ed25519 signature over the
BLAKE2b-512 digest of the content (`ED`), or over the content itself (`Ed`, of old files), and a
second one over the first and the trusted comment, so that the comment can't be exchanged.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from followup.domain.errors import BadSignature
from followup.domain.releases.signer import PublicKey

ALGORITHM, PREHASHED = b"Ed", b"ED"
KEY_ID, KEY, SIGNATURE = 8, 32, 64

UNTRUSTED, TRUSTED = "untrusted comment: ", "trusted comment: "
LONGEST_COMMENT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The content of a signature file. The comment is trusted once `verify` has returned it."""

    key_id: bytes
    prehashed: bool
    signature: bytes
    trusted_comment: str
    comment_signature: bytes

    def text(self) -> str:
        """Return the signature as the file that minisign reads."""
        head = (PREHASHED if self.prehashed else ALGORITHM) + self.key_id + self.signature
        return (
            f"{UNTRUSTED}signature of a followup signing key\n{_encoded(head)}\n"
            f"{TRUSTED}{self.trusted_comment}\n{_encoded(self.comment_signature)}\n"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A person's key while it is unlocked: never kept, never printed."""

    key_id: bytes
    seed: bytes

    @property
    def public(self) -> PublicKey:
        """The half that others may have."""
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        return PublicKey(self.key_id, private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id[::-1].hex()})"

    def sign(self, content: bytes, *, trusted_comment: str) -> Signature:
        """Return the signature over the exact bytes, with a comment that it covers too."""
        if "\n" in trusted_comment or len(trusted_comment) > LONGEST_COMMENT:
            raise BadSignature(f"the comment must be one line of at most {LONGEST_COMMENT}")
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        signature = private.sign(_digest(content))
        return Signature(
            key_id=self.key_id,
            prehashed=True,
            signature=signature,
            trusted_comment=trusted_comment,
            comment_signature=private.sign(signature + trusted_comment.encode()),
        )


def verify(content: bytes, signature: Signature, *, key: PublicKey) -> str:
    """Return the trusted comment; raise `BadSignature` unless all of it holds under this key."""
    if signature.key_id != key.key_id:
        raise BadSignature(
            f"it was made with the key {signature.key_id[::-1].hex().upper()}, and not with "
            f"{key.name}"
        )
    public = Ed25519PublicKey.from_public_bytes(key.key)
    signed = _digest(content) if signature.prehashed else content
    try:
        public.verify(signature.signature, signed)
    except InvalidSignature:
        raise BadSignature("it does not fit these bytes: one of them was changed") from None
    comment = signature.signature + signature.trusted_comment.encode()
    try:
        public.verify(signature.comment_signature, comment)
    except InvalidSignature:
        raise BadSignature("its trusted comment was changed") from None
    return signature.trusted_comment


def read_signature(text: str) -> Signature:
    """Return what a signature file says; raise `BadSignature` where it is none."""
    lines = text.splitlines()
    if len(lines) < 4 or not lines[2].startswith(TRUSTED):  # noqa: PLR2004 - the lines of a file
        raise BadSignature("this is no signature file of minisign's: it has four lines")
    head, comment_signature = _decoded(lines[1]), _decoded(lines[3])
    algorithm, key_id, signature = head[:2], head[2 : 2 + KEY_ID], head[2 + KEY_ID :]
    sizes = (len(signature), len(comment_signature))
    if algorithm not in {ALGORITHM, PREHASHED} or sizes != (SIGNATURE, SIGNATURE):
        raise BadSignature("this is no signature of minisign's: its second line is not one")
    return Signature(
        key_id=key_id,
        prehashed=algorithm == PREHASHED,
        signature=signature,
        trusted_comment=lines[2].removeprefix(TRUSTED),
        comment_signature=comment_signature,
    )


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content).digest()


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(line: str) -> bytes:
    try:
        return base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise BadSignature("a line of it is not base64: it was cut, or copied wrongly") from None
