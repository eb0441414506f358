"""Master keys: read from a setting, or made once for an embedded stack."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from followup.domain.errors import ConfigurationError
from followup.settings.paths import make_data_dir

KEY_BYTES = 32
FEWEST_DIFFERENT = 16
"""Of 32 random bytes fewer are different once in 10^12 keys; of zeros, or of typed letters, few."""


def parse_master_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys of a comma-separated list, the current one first.

    Raises `ValueError` with what is wrong, and never with a part of a key.
    """
    parts = [part.strip() for part in text.replace("\n", ",").split(",")]
    keys = tuple(_parse_key(part, number) for number, part in enumerate(filter(None, parts), 1))
    if not keys:
        raise ValueError("holds no key")
    return keys


def _parse_key(text: str, number: int) -> bytes:
    try:
        key = base64.b64decode(text.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"holds a key (number {number}) that is not base64") from (error)
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"holds a key (number {number}) of {len(key)} bytes where {KEY_BYTES} are needed"
        )
    if len(set(key)) < FEWEST_DIFFERENT:
        raise ValueError(
            f"holds a key (number {number}) that is not random: make one with openssl rand"
        )
    return key


def own_master_keys(data_dir: Path) -> tuple[bytes, ...]:
    """Return the keys of `<data_dir>/master-keys`, made on the first call, for this account alone.

    Two processes that start at once get the same keys.
    """
    path = data_dir / "master-keys"
    make_data_dir(data_dir)
    try:
        if not path.exists():
            _make(path)
        return _read(path)
    except OSError as error:
        raise ConfigurationError(
            f"the master keys in {path} can't be read or made ({error.strerror}); give this "
            "account access to the folder, or set FOLLOWUP_MASTER_KEYS"
        ) from error


def _make(path: Path) -> None:
    # Written aside and linked into place, so that no process ever reads half a key.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        # Another process was first: its keys count.
        pass
    finally:
        draft.unlink()


def _read(path: Path) -> tuple[bytes, ...]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigurationError(
            f"the master keys in {path} can be read by other accounts (mode {mode:04o}); "
            f"run: chmod 600 {path}"
        )
    try:
        return parse_master_keys(path.read_text("ascii"))
    except ValueError as error:
        raise ConfigurationError(
            f"{path} is damaged; put it back from a backup: without it nothing that was sealed "
            "with it can be read. If nothing was, delete it and a new one is made"
        ) from error
