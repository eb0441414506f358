"""Encryption at rest: a data key for each patient, wrapped by a master key that can be rotated.

AES-256-GCM throughout (NIST SP 800-38D), with a fresh 96-bit nonce in front of each ciphertext and
the column's name as associated data, so that a value moved to another column does not open. What
was said, to a patient and by one, is sealed for its row as well: the words and the address of an
attempt do not open as those of another, though both are the same patient's.
Look-up goes over keyed hashes (HMAC-SHA256 cut to 128 bits) with a key that is wrapped likewise, so
that rotating the master key changes neither the indexes nor the sealed columns.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from followup.domain.errors import WrongMasterKey

NONCE_BYTES = 12
KEY_BYTES = 32
KEYS_KEPT = 4096
"""Patients whose unwrapped keys a process keeps."""


class Sealer:
    """Seals and opens texts with one data key. Safe to share between threads."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, value: str, *, column: str, row: UUID | None = None) -> bytes:
        """Return `value` sealed for the column (`table.column`), and for one row of it if given."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.encode(), _place(column, row))

    def seal_if(self, value: str | None, *, column: str, row: UUID | None = None) -> bytes | None:
        """Seal a value that may be absent."""
        return None if value is None else self.seal(value, column=column, row=row)

    def open(self, sealed: bytes, *, column: str, row: UUID | None = None) -> str:
        """Return the text; raise `WrongMasterKey` if another key, column or row sealed it."""
        try:
            plain = self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _place(column, row)
            )
        except InvalidTag:
            message = (
                f"a sealed value of {column} does not open: it was sealed with another key, or for "
                "another place"
            )
            raise WrongMasterKey(message) from None
        return plain.decode()

    def open_if(self, sealed: bytes | None, *, column: str, row: UUID | None = None) -> str | None:
        """Open a value that may be absent."""
        return None if sealed is None else self.open(sealed, column=column, row=row)


def _place(column: str, row: UUID | None) -> bytes:
    return (column if row is None else f"{column} of {row}").encode()


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key under a master key, with the name of that master key."""

    wrapped: bytes
    master_key_id: str


def master_key_id(key: bytes) -> str:
    """Return the name under which the database remembers a master key: a hash, not a part of it."""
    return hashlib.sha256(b"followup master key\0" + key).hexdigest()[:16]


class MasterKeys:
    """The configured master keys: the first wraps, all unwrap."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._ciphers = {master_key_id(key): AESGCM(key) for key in keys}
        self.current_id = master_key_id(keys[0])

    def new_data_key(self) -> tuple[bytes, WrappedKey]:
        """Return a fresh data key, in the clear and wrapped under the current master key."""
        key = os.urandom(KEY_BYTES)
        return key, self.wrap(key)

    def wrap(self, key: bytes) -> WrappedKey:
        """Return `key` under the current master key."""
        nonce = os.urandom(NONCE_BYTES)
        wrapped = nonce + self._ciphers[self.current_id].encrypt(nonce, key, b"data key")
        return WrappedKey(wrapped, self.current_id)

    def unwrap(self, wrapped: WrappedKey) -> bytes:
        """Return the data key; raise `WrongMasterKey` if none of the configured keys wrapped it."""
        cipher = self._ciphers.get(wrapped.master_key_id)
        try:
            if cipher is not None:
                return cipher.decrypt(
                    wrapped.wrapped[:NONCE_BYTES], wrapped.wrapped[NONCE_BYTES:], b"data key"
                )
        except InvalidTag:
            pass
        message = (
            f"this database was sealed with master key {wrapped.master_key_id}, which is not among "
            f"the configured ones ({', '.join(self._ciphers)}); "
            "put that key back into FOLLOWUP_MASTER_KEYS, behind the current one if it was rotated"
        )
        raise WrongMasterKey(message)


class BlindIndexes:
    """Keyed hashes for exact look-up of values that are sealed."""

    def __init__(self, key: bytes) -> None:
        # A copy of it costs a third of a fresh start, and keeps other threads waiting less.
        self._begun = HMAC(key, SHA256())

    def of(self, kind: str, value: str) -> bytes:
        """Return the 16-byte index of a value; `kind` keeps equal values of two kinds apart."""
        begun = self._begun.copy()
        begun.update(f"{kind}\0{value}".encode())
        return begun.finalize()[:16]

    def of_if(self, kind: str, value: str | None) -> bytes | None:
        """Index a value that may be absent."""
        return None if value is None else self.of(kind, value)


class Keyring:
    """All keys that a process works with: the master keys, and the service's own ones."""

    def __init__(
        self, masters: MasterKeys, *, system: bytes, blind: bytes, audit: bytes, links: bytes
    ) -> None:
        self.masters = masters
        self.system = Sealer(system)
        self.indexes = BlindIndexes(blind)
        self.audit_key = audit
        self.links_key = links
        # Keys of the patients whose messages are on their way: a few dozen bytes each.
        self._open = lru_cache(maxsize=KEYS_KEPT)(self._unwrap)

    def patient(self, data_key: bytes | None, master: str | None) -> Sealer | None:
        """Return the sealer of a patient, or None if the patient was erased."""
        if data_key is None or master is None:
            return None
        return self._open(WrappedKey(data_key, master))

    def _unwrap(self, wrapped: WrappedKey) -> Sealer:
        return Sealer(self.masters.unwrap(wrapped))
