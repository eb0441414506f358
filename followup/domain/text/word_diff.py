"""Word difference: two texts as runs of words that stay, go and come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_WORDS = 4000
"""Longer texts are shown whole, one after the other: to compare them word by word takes minutes."""


@dataclass(frozen=True, slots=True)
class Run:
    """Words in a row: `kind` is `same`, `gone` or `new`."""

    kind: str
    text: str


def word_runs(before: str, after: str) -> Iterator[Run]:
    """Yield the runs of two texts in the order in which they are read.

    All that is not `new` is the first text exactly, all that is not `gone` the second.
    """
    old, new = (re.findall(r"\s+|[^\s\w]|\w+", text) for text in (before, after))
    if max(len(old), len(new)) > MOST_WORDS:
        yield Run("gone", before)
        yield Run("new", after)
        return
    matcher = SequenceMatcher(a=old, b=new, autojunk=False)
    for _, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        gone, come = "".join(old[old_from:old_to]), "".join(new[new_from:new_to])
        if gone == come:
            yield Run("same", gone)
            continue
        if gone:
            yield Run("gone", gone)
        if come:
            yield Run("new", come)
