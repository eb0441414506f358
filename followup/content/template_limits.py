"""Template limits: how long a source may be, and what must not run in who reads or checks it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import nodes

LONGEST_SOURCE = 16_000
"""Characters of one file of words: an e-mail of ours has at most three thousand."""
DEEPEST = 24
"""Conditions within conditions, and signs within signs."""

_ACTIVE = re.compile(
    r"<\s*(?:script|iframe|frame|form|input|button|select|textarea|object|embed|applet|link|base|"
    r"img|svg|video|audio)\b|\son[a-z]+\s*=|javascript:|\burl\(|@import",
    re.IGNORECASE,
)
"""What an e-mail, a patient's page or a preview must not hold: scripts, forms, and things from
elsewhere, which tell somebody who read it."""


def beyond_words(path: str, source: str, tree: nodes.Template) -> Iterator[str]:
    """Yield what in one source is more than words, each with the line and what to do."""
    if len(source) > LONGEST_SOURCE:
        yield f"{path}: has {len(source)} characters: make it {LONGEST_SOURCE} at most"
    yield from _nested(path, tree)
    for fact in tree.find_all(nodes.Getattr):
        if not isinstance(fact.node, nodes.Name):
            yield f"{path}, line {fact.lineno}: take a fact as in {{{{ clinic.phone }}}}"
    if path.endswith(".txt"):
        return
    for match in _ACTIVE.finditer(source):
        line = source.count("\n", 0, match.start()) + 1
        yield (
            f'{path}, line {line}: "{match.group().strip()}" does not belong in a message: it '
            "would run, ask, or load something"
        )


def _nested(path: str, tree: nodes.Template) -> Iterator[str]:
    """Find blocks that stand for others, by which a short file makes a text without end."""
    for block in tree.find_all(nodes.Block):
        calls = [*block.find_all(nodes.Call)]
        if any(isinstance(call.node, nodes.Getattr) for call in calls):
            yield f"{path}, line {block.lineno}: a block can't stand in a block: write its words"
        elif len(calls) > 1:
            yield f"{path}, line {block.lineno}: super() stands once in a block at most"
    if _depth(tree) > DEEPEST:
        yield f"{path}: has too many conditions within conditions: write it more simply"


def _depth(node: nodes.Node) -> int:
    return 1 + max((_depth(child) for child in node.iter_child_nodes()), default=0)
