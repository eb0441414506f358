"""Signed notes of C2SP: a text and a signature by a named Ed25519 key (c2sp.org/signed-note).

Anybody checks them with the key's public part and a few lines of code, without any of ours.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"
KEY_ID_BYTES = 4
SIGNATURE = re.compile("^— (?P<name>[^ +\n]+) (?P<value>[A-Za-z0-9+/]+={0,2})\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NoteKey:
    """The public part of a key that signs notes, and its name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature says whose it is."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        """Return the key as verifiers take it: name, id and public part."""
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    def signed(self, note: str) -> str | None:
        """Return the text of a note; None where this key did not sign it."""
        text, blank, signatures = note.rpartition("\n\n")
        for match in SIGNATURE.finditer(signatures if blank else ""):
            if match["name"] != self.name:
                continue
            try:
                value = b64decode(match["value"], validate=True)
                if b64encode(value).decode() != match["value"] or value[:KEY_ID_BYTES] != self.id:
                    continue
                Ed25519PublicKey.from_public_bytes(self.public).verify(
                    value[KEY_ID_BYTES:], f"{text}\n".encode()
                )
                return f"{text}\n"
            except (NotBase64, ValueError, InvalidSignature):
                return None
        return None


class NoteSigner:
    """Signs notes with one key."""

    def __init__(self, seed: bytes, *, name: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key = NoteKey(name.format(sha256(public).hexdigest()[:16]), public)

    def sign(self, text: str) -> str:
        """Return the note; `text` ends with a line break."""
        signature = b64encode(self.key.id + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.key.name} {signature}\n"
