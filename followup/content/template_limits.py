"""Template limits: how long a source may be, and what must not run in who reads or checks it."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_SOURCE = 16_000
"""Characters of one file of words: an e-mail of ours has at most three thousand."""

_ACTIVE = re.compile(
    r"<\s*(?:script|iframe|frame|form|input|button|select|textarea|object|embed|applet|link|base|"
    r"img|svg|video|audio)\b|\son[a-z]+\s*=|javascript:|\burl\(|@import",
    re.IGNORECASE,
)
"""What an e-mail, a patient's page or a preview must not hold: scripts, forms, and things from
elsewhere, which tell somebody who read it."""


def beyond_words(path: str, source: str) -> Iterator[str]:
    """Yield what in one source is more than words, each with the line and what to do."""
    if len(source) > LONGEST_SOURCE:
        yield f"{path}: has {len(source)} characters: make it {LONGEST_SOURCE} at most"
    if path.endswith(".txt"):
        return
    for match in _ACTIVE.finditer(source):
        line = source.count("\n", 0, match.start()) + 1
        yield (
            f'{path}, line {line}: "{match.group().strip()}" does not belong in a message: it '
            "would run, ask, or load something"
        )
