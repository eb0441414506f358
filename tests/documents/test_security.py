"""Each threat of the security document has a control and a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
BOUNDARIES = 11


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_threat_has_a_control_and_a_test_that_is_there():
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([STRIDE]) \| (.+?) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    named = [
        (place, name) for *_, tests in rows for place, name in re.findall(r"`(\S+)::(\w+)`", tests)
    ]

    assert text.count("\n| | threat | control | test |\n") == BOUNDARIES
    assert len(re.findall(r"^\| [STRIDE] ", text, re.MULTILINE)) == len(rows)
    assert all(re.search(r"`\S+::\w+`", tests) for *_, tests in rows)
    there = {place: names_in(ROOT / place) for place, _ in named}
    assert [one for one in named if one[1] not in there[one[0]]] == []
    assert "docs/security.md" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
