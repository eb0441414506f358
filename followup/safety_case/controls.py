"""Controls of hazards: each is proved by a test that is there and is not skipped.

In a checkout the tests are looked for in their files. An installed product has none: it goes by the
list that `scripts/list_controls.py` made as the tests were collected, and which is shipped with it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from followup.data_files import CHECKOUT
from followup.safety_case.hazards import Hazard, safety_folder

LIST_FILE = "controls.txt"
SKIPPING = frozenset({"skip", "skipif", "xfail", "importorskip"})
APART = frozenset({"long", "faults"})
"""Marks of tests that take long: `make faults-short` runs them, and CI at its own times."""


@dataclass(frozen=True, slots=True)
class ControlFault:
    """A control without its proof."""

    hazard: str
    test: str
    why: str

    def __str__(self) -> str:
        return f"{self.hazard}: {self.test} {self.why}"


def control_faults(
    hazards: Iterable[Hazard], *, checkout: Path = CHECKOUT
) -> Sequence[ControlFault]:
    """Return every control whose test is gone or skipped."""
    why = _why_not_in(checkout) if has_tests(checkout) else _why_not_listed()
    return [
        ControlFault(hazard.id, control.test, reason)
        for hazard in hazards
        for control in hazard.controls
        if (reason := why(control.test)) is not None
    ]


def has_tests(checkout: Path = CHECKOUT) -> bool:
    """Say whether the tests are here, or only the list of them."""
    return (checkout / "tests" / "conftest.py").is_file()


def run_apart(test: str, *, checkout: Path = CHECKOUT) -> bool:
    """Say whether a test is one of the long ones, which run apart from the others."""
    file, _, name = test.partition("::")
    found = _tests_of(checkout / file).get(name)
    return found is not None and bool(_marks(found) & APART)


def listed_controls() -> frozenset[str]:
    """Return the tests that were there when the list was made."""
    text = (safety_folder() / LIST_FILE).read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def _why_not_listed() -> Callable[[str], str | None]:
    listed = listed_controls()
    return lambda test: None if test in listed else f"is not in {LIST_FILE} of this version"


def _why_not_in(checkout: Path) -> Callable[[str], str | None]:
    def why(test: str) -> str | None:
        file, _, name = test.partition("::")
        path = checkout / file
        if not path.is_file():
            return "is gone: there is no such file"
        found = _tests_of(path).get(name)
        if found is None:
            return "is gone: the file has no such test"
        return "is skipped" if _marks(found) & SKIPPING or _file_skips(path) else None

    return why


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _tests_of(path: Path) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    if not path.is_file():
        return {}
    return {
        node.name: node
        for node in _tree(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _marks(test: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the names of a test's decorators, and of what it calls to skip itself."""
    decorators = {name for each in test.decorator_list for name in _names(each)}
    called = {
        name
        for node in ast.walk(test)
        if isinstance(node, ast.Call)
        for name in _names(node.func)
        if name in SKIPPING
    }
    return decorators | called


def _file_skips(path: Path) -> bool:
    marked = [
        node.value
        for node in _tree(path).body
        if isinstance(node, ast.Assign)
        and {name for it in node.targets for name in _names(it)} == {"pytestmark"}
    ]
    called = [
        node.value
        for node in _tree(path).body
        if isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Call)
    ]
    return any(name in SKIPPING for each in (*marked, *called) for name in _names(each))


def _names(node: ast.AST) -> set[str]:
    """Return every name and attribute in an expression, but those of its arguments' values."""
    return {
        part.attr if isinstance(part, ast.Attribute) else part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute | ast.Name)
    }
