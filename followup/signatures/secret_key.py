"""Secret key files of minisign: an Ed25519 key under a passphrase, by scrypt.

What is read may come from `minisign -G`, and what is made here `minisign -S` can read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import struct
from dataclasses import dataclass

from followup.domain.errors import InvalidInput
from followup.signatures.minisign import ALGORITHM, KEY, KEY_ID, UNTRUSTED, SigningKey

SCRYPT, NO_KDF, BLAKE2B = b"Sc", b"\x00\x00", b"B2"
_LAYOUT = struct.Struct("<2s2s2s32sQQ104s")
_MOST_MEMORY = 2**30
"""What minisign itself asks for; a file that wants more was made to wear this machine down."""
SHORTEST_PASSPHRASE = 12


@dataclass(frozen=True, slots=True)
class Effort:
    """What guessing one passphrase costs: operations and bytes of memory, as libsodium says it."""

    operations: int
    memory: int


USUAL = Effort(2**23, 2**28)
"""A quarter of a gigabyte and about a second; minisign's own is a gigabyte."""


def new_signing_key() -> SigningKey:
    """Return a fresh key."""
    return SigningKey(key_id=secrets.token_bytes(KEY_ID), seed=secrets.token_bytes(KEY))


def locked(key: SigningKey, passphrase: str, *, effort: Effort = USUAL) -> str:
    """Return the secret key file; raise `InvalidInput` for a passphrase that is soon guessed."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise InvalidInput.of(
            "passphrase", f"use at least {SHORTEST_PASSPHRASE} characters, as four words have"
        )
    salt = secrets.token_bytes(32)
    plain = key.key_id + key.seed + key.public.key
    plain += _checksum(plain)
    stream = _stream(passphrase, salt, effort)
    blob = _LAYOUT.pack(
        ALGORITHM,
        SCRYPT,
        BLAKE2B,
        salt,
        effort.operations,
        effort.memory,
        _xor(plain, stream),
    )
    return f"{UNTRUSTED}secret key of a followup signer\n{base64.b64encode(blob).decode()}\n"


def unlocked(text: str, passphrase: str) -> SigningKey:
    """Return the key of a secret key file; raise `InvalidInput` for the wrong passphrase."""
    lines = text.splitlines()
    try:
        blob = base64.b64decode(lines[1].strip(), validate=True)
        algorithm, kdf, checksum, salt, operations, memory, sealed = _LAYOUT.unpack(blob)
    except (IndexError, binascii.Error, struct.error):
        raise _no_key() from None
    if kdf == NO_KDF:
        raise InvalidInput.of(
            "key",
            "it is under no passphrase, so whoever finds it signs by it: set one, as with "
            "minisign -C",
        )
    too_much = memory > _MOST_MEMORY or operations > 2 * _MOST_MEMORY
    if algorithm != ALGORITHM or checksum != BLAKE2B or kdf != SCRYPT or too_much:
        raise _no_key()
    opened = _xor(sealed, _stream(passphrase, salt, Effort(operations, memory)))
    plain, check = opened[:-32], opened[-32:]
    if not secrets.compare_digest(_checksum(plain), check):
        raise InvalidInput.of("passphrase", "it does not open this key: check it, and try again")
    return SigningKey(key_id=plain[:KEY_ID], seed=plain[KEY_ID : KEY_ID + KEY])


def _no_key() -> InvalidInput:
    return InvalidInput.of("key", "this is no secret key file of minisign's")


def _checksum(plain: bytes) -> bytes:
    return hashlib.blake2b(ALGORITHM + plain, digest_size=32).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _stream(passphrase: str, salt: bytes, effort: Effort) -> bytes:
    rounds, block, lanes = _parameters(effort)
    return hashlib.scrypt(
        passphrase.encode(),
        salt=salt,
        n=rounds,
        r=block,
        p=lanes,
        maxmem=128 * rounds * block * lanes + 2**21,
        dklen=104,
    )


def _parameters(effort: Effort) -> tuple[int, int, int]:
    """Return N, r and p of scrypt, as libsodium's `pickparams` derives them."""
    operations, block = max(effort.operations, 32768), 8
    by_memory = operations >= effort.memory // 32
    most = effort.memory // (block * 128) if by_memory else operations // (block * 4)
    log = 1
    while log < 63 and 2**log <= most // 2:  # noqa: PLR2004 - as there
        log += 1
    lanes = min(operations // 4 // 2**log, 0x3FFFFFFF) // block if by_memory else 1
    return 2**log, block, max(lanes, 1)
