"""A signer: a person, the public half of their key, and what they may sign, from when until when.

Keys belong to people. One key is one person's, and one person has one key at a time.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from followup.domain.errors import InvalidInput
from followup.domain.identity import fold_name

_KEY_ID, _KEY = 8, 32
_MARK = b"Ed"


class SigningRole(StrEnum):
    """What a person may do to words: the words are those of the signers' files."""

    AUTHOR = "author"
    APPROVER = "approver"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of an Ed25519 key, and the number by which minisign finds it."""

    key_id: bytes
    key: bytes

    @property
    def name(self) -> str:
        """The key's number, as minisign prints it."""
        return self.key_id[::-1].hex().upper()

    @property
    def line(self) -> str:
        """The key as `minisign -P` and the files of signers have it."""
        return base64.b64encode(_MARK + self.key_id + self.key).decode()


def read_public_key(line: str) -> PublicKey:
    """Return the key that a line of minisign's says; raise `InvalidInput` where it is none."""
    try:
        blob = base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    if len(blob) != len(_MARK) + _KEY_ID + _KEY or not blob.startswith(_MARK):
        raise InvalidInput.of(
            "public_key", "this is no public key of minisign's: copy its line that begins with RW"
        )
    return PublicKey(blob[2 : 2 + _KEY_ID], blob[2 + _KEY_ID :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A person who may sign. `revoked` is since when the key is no longer to be believed."""

    name: str
    roles: frozenset[SigningRole]
    public_key: PublicKey
    valid_from: datetime
    valid_until: datetime
    revoked: datetime | None = None

    def refusal(self, role: SigningRole, at: datetime) -> str | None:
        """Return why a signature in that role, made then, does not count; None where it does."""
        if role not in self.roles:
            return f"{self.name} may not sign as {role}: see roles in their signer's file"
        if at < self.valid_from:
            return f"the key of {self.name} was not valid yet on {at:%Y-%m-%d}"
        if at >= self.valid_until:
            return f"the key of {self.name} was not valid any more on {at:%Y-%m-%d}"
        if self.revoked is not None and at >= self.revoked:
            return f"the key of {self.name} is revoked since {self.revoked:%Y-%m-%d %H:%M} UTC"
        return None


def same_person(one: str, other: str) -> bool:
    """Say whether two names are one person's, however they are written."""
    return fold_name(one) == fold_name(other)


def clashes(signers: Iterable[Signer]) -> list[str]:
    """Return a sentence for each key that stands under two names."""
    seen: dict[bytes, Signer] = {}
    found = []
    for signer in signers:
        first = seen.setdefault(signer.public_key.key, signer)
        if first is not signer and not same_person(first.name, signer.name):
            found.append(
                f"{first.name} and {signer.name} have one key, {signer.public_key.name}: each "
                "person needs a key of their own"
            )
    return found


def signer_of(signers: Iterable[Signer], public_key: bytes) -> Signer | None:
    """Return whose key that is."""
    return next((one for one in signers if one.public_key.key == public_key), None)
