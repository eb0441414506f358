"""Template limits: what a source may hold, so that no author reaches further or keeps us busy.

Words are text with a few conditions: what may stand in them is listed, and all else is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from followup.content.html_limits import beyond_html
from followup.domain.file_shape import did_you_mean

FILTERS = frozenset({"capitalize", "lower", "replace", "title", "trim", "upper"})
"""The filters of a template: none that can make much of little."""
WORDS = (
    nodes.Template, nodes.TemplateData, nodes.Output, nodes.Const, nodes.Name, nodes.Getattr,
    nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.Block, nodes.Extends, nodes.Include, nodes.Filter,
)  # fmt: skip
"""What words are made of. The rest of the language computes, names what is not given, or lets HTML
in unescaped; and by most of it a short file could keep a process busy for ever."""
MOST_BLOCK_CALLS = 3
"""How often a file may have a block stand for another."""
LONGEST_SOURCE = 16_000
"""Characters of one file of words: an e-mail of ours has at most three thousand."""
DEEPEST = 24
"""Conditions within conditions, and signs within signs."""


def beyond_words(path: str, source: str, tree: nodes.Template) -> Iterator[str]:
    """Yield what in one source is more than words, each with the line and what to do."""
    if len(source) > LONGEST_SOURCE:
        yield f"{path}: has {len(source)} characters: make it {LONGEST_SOURCE} at most"
    yield from _worked_out(path, tree)
    yield from _nested(path, tree)
    for fact in tree.find_all(nodes.Getattr):
        if not isinstance(fact.node, nodes.Name):
            yield f"{path}, line {fact.lineno}: take a fact as in {{{{ clinic.phone }}}}"
    if path.endswith(".txt"):
        return
    assert tree.environment is not None  # noqa: S101 - it was parsed by one
    for line, what in beyond_html(path, source, tree.environment):
        yield (
            f'{path}, line {line}: "{what}" does not belong in a message: it would run, ask, or '
            "load something, or is no tag that is written whole"
        )


def _worked_out(path: str, tree: nodes.Template) -> Iterator[str]:
    """Find what computes: words are written, not worked out."""
    calls = 0
    for part, line in _parts(tree, 1):
        if isinstance(part, nodes.Call) and _is_block(part.node) and calls < MOST_BLOCK_CALLS:
            calls += 1
        elif not isinstance(part, WORDS):
            yield f"{path}, line {line}: words are not worked out: write what they say"
    for used in tree.find_all(nodes.Filter):
        if used.name not in FILTERS:
            hint = did_you_mean(used.name, dict.fromkeys(sorted(FILTERS)))
            yield f'{path}, line {used.lineno}: the filter "{used.name}" is not for words; {hint}'
        elif used.name == "replace" and not _keeps_short(used):
            yield (
                f"{path}, line {used.lineno}: replace takes two texts in quotes, of which the "
                "second is not the longer"
            )


def _parts(node: nodes.Node, line: int) -> Iterator[tuple[nodes.Node, int]]:
    """Yield a node and all below it with their lines; of what is not for words only itself."""
    line = node.lineno or line
    yield node, line
    if isinstance(node, WORDS):
        for child in node.iter_child_nodes():
            yield from _parts(child, line)


def _keeps_short(replace: nodes.Filter) -> bool:
    """Say whether a filter can only make less of a text: a few in a row would fill the memory."""
    texts = [each.value for each in replace.args if isinstance(each, nodes.Const)]
    if len(replace.args) != 2 or not all(isinstance(text, str) for text in texts):  # noqa: PLR2004
        return False
    return len(texts) == 2 and 0 < len(texts[0]) >= len(texts[1])  # noqa: PLR2004 - old and new


def _is_block(called: nodes.Node) -> bool:
    """Say whether a call is that of a block: `self.heading()` or `super()`."""
    if isinstance(called, nodes.Getattr):
        called = called.node
    return isinstance(called, nodes.Name) and called.name in {"self", "super"}


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
