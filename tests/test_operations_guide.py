"""The guide for whoever runs it leaves out no alarm, and no event of the log."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def sources() -> Iterator[ast.Module]:
    for folder in ("followup", "tasks"):
        for path in (ROOT / folder).rglob("*.py"):
            yield ast.parse(path.read_text(encoding="utf-8"))


def calls_of(name: str) -> Iterator[ast.Call]:
    for tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                yield node


def test_no_alarm_is_left_out():
    codes = set()
    for call in calls_of("HealthProblem"):
        for keyword in call.keywords:
            # What is passed on from an alarm that was raised before is no code of its own.
            if keyword.arg == "code" and not isinstance(keyword.value, ast.Attribute):
                codes.add(ast.unparse(keyword.value).removeprefix("f").strip("'"))
    told = re.findall(r"^\| `([^`]+)` \|", GUIDE, flags=re.MULTILINE)

    assert len(codes) > 10
    for code in codes:
        assert re.sub(r"\{.*?\}", "…", code) in told, code


def test_no_event_of_the_log_is_left_out():
    events = {
        node.args[0].value
        for tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") in {"warning", "error", "exception"}
        and getattr(getattr(node.func, "value", None), "id", "") == "log"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }

    assert len(events) > 10
    for event in events:
        assert f"`{event}`" in GUIDE, event
