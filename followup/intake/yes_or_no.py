"""Yes and no, as people write them."""

from __future__ import annotations

TICKS = "\N{CHECK MARK}\N{HEAVY CHECK MARK}\N{BALLOT BOX WITH CHECK}\N{WHITE HEAVY CHECK MARK}"
YES = frozenset({"yes", "y", "true", "1", *TICKS})
NO = frozenset({"no", "n", "false", "0", "nil", "none"})


def read_yes_or_no(text: str) -> bool | None:
    """Return what a word means, or None where it means neither."""
    # A tick may have the mark behind it that makes it a coloured one; a cross says either.
    word = text.strip().removesuffix("\N{VARIATION SELECTOR-16}").removesuffix(".").lower()
    return True if word in YES else False if word in NO else None
