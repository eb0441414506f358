"""Identifier prefixes as people give them, with or without hyphens."""

from __future__ import annotations

import re
from uuid import UUID

SHORTEST_PREFIX = 8
"""Ids begin with the time, so that fewer characters would hardly tell two apart."""

HEX = re.compile(r"[0-9a-f]{1,32}")


def is_id_like(text: str) -> bool:
    """Say whether a text could be an id, or the beginning of one, however short."""
    return HEX.fullmatch(_digits(text)) is not None


def id_range(text: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last id that begin so, or None where it is no such beginning."""
    digits = _digits(text)
    if not is_id_like(text) or len(digits) < SHORTEST_PREFIX:
        return None
    return UUID(hex=digits.ljust(32, "0")), UUID(hex=digits.ljust(32, "f"))


def _digits(text: str) -> str:
    return text.strip().lower().replace("-", "")
