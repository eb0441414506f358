"""Texts that the product's own code passes by name, read from its source."""

from __future__ import annotations

import ast
from pathlib import Path

import followup

SOURCES = [
    path.read_text(encoding="utf-8")
    for path in Path(followup.__file__).parent.rglob("*.py")
    if "web" not in path.parts
]


def literals(*names: str) -> set[str]:
    """Return the texts that the product passes to arguments of these names."""
    return {
        keyword.value.value
        for source in SOURCES
        # Most name none of them, and reading a file as Python takes long.
        if any(f"{name}=" in source for name in names)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in names
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
        # A provider's explanation is a sentence of its own.
        and " " not in keyword.value.value
    }
