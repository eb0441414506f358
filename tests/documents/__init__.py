"""What the documents promise is read by tests: their figures, examples, commands and names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
NAMES = [
    "README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]
"""Every document that is read, by its path below the root. New ones are read by themselves."""

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: where it stands, in which language, and what it holds."""

    document: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        """Return its name in a test: the document, and the how-many-th block there it is."""
        return f"{self.document}-{self.number}-{self.language or 'none'}"


def read(document: str) -> str:
    """Return a document as it stands."""
    return (ROOT / document).read_text(encoding="utf-8")


def blocks_of(document: str) -> list[Block]:
    """Return the fenced blocks of a document, in order."""
    found = FENCED.findall(read(document))
    return [
        Block(document, number, language, text)
        for number, (language, text) in enumerate(found, start=1)
    ]


def texts_of(document: str, language: str) -> list[str]:
    """Return what the blocks of a document in a language hold."""
    return [block.text for block in blocks_of(document) if block.language == language]


def all_blocks(language: str) -> list[Block]:
    """Return the blocks of every document in a language."""
    return [each for name in NAMES for each in blocks_of(name) if each.language == language]


def prose_of(document: str) -> str:
    """Return a document without its blocks, as one line: where lines break means nothing."""
    text = FENCED.sub(" ", read(document))
    if not document.endswith(".md"):
        text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
    return " ".join(text.split())


def commands_in(block: Block) -> list[str]:
    """Return the commands of a console block, as they are typed, without remarks behind them."""
    lines = [line for line in block.text.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s+# .*", "", line.removeprefix("$ ")) for line in lines]
