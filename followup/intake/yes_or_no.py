"""Yes and no, as people write them."""

from __future__ import annotations

YES = frozenset({"yes", "y", "true", "1"})
NO = frozenset({"no", "n", "false", "0"})


def read_yes_or_no(text: str) -> bool | None:
    """Return what a word means, or None where it means neither."""
    word = text.strip().lower()
    return True if word in YES else False if word in NO else None
