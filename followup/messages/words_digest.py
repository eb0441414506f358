"""Digest of sent words: what binds the exact text of a message to the event that it was sent.

SHA-256 over a salt and the words as canonical JSON. The salt lies sealed beside the words and goes
with them, so that a digest that outlives an erasure can't be tried against guesses.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256

SALT_BYTES = 16
SALT_COLUMN = "attempts.words_salt"

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def new_salt() -> str:
    """Return a salt, in hex."""
    return os.urandom(SALT_BYTES).hex()


def canonical_words(*, subject: str | None, text: str, html: str | None) -> str:
    """Return all words of a message as JSON in ASCII, keys in order and no spaces."""
    return _encode({"html": html, "subject": subject, "text": text})


def words_digest(salt: str, words: str) -> str:
    """Return the digest of canonical words, in hex."""
    return sha256(bytes.fromhex(salt) + words.encode()).hexdigest()
