"""Imports point inwards, for modules that nobody has listed anywhere too.

The import linter's contracts name the parts of the product; a new use case is in none of them. Here
each inner part says what it may know, and everything else is thereby forbidden.
"""

from __future__ import annotations

import grimp
import pytest

ROOTS = ("followup", "tasks", "config", "templates")

# What each inner part may import, beside itself.
MAY_IMPORT = {
    "followup.domain": set(),
    "followup.clock": {"followup.domain"},
    "followup.providers": {"followup.domain", "followup.clock"},
    "followup.content": {
        "followup.domain",
        "followup.clock",
        "followup.content.languages",
        "templates",
    },
    "followup.store": {"followup.domain", "followup.clock", "followup.providers"},
    "config": {"followup.domain", "followup.clock"},
}


OUTERMOST = (
    "tasks",
    "followup.web",
    "followup.cli",
    "followup.demo",
    "followup.cli.service.run_stack",
    "followup.runtime.embedded",
    "followup.bootstrap",
)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOTS, cache_dir=None)


def belongs(module: str, part: str) -> bool:
    return module == part or module.startswith(f"{part}.")


def is_program(module: str) -> bool:
    """Tell whether a module is an entry point of its own, which nobody imports."""
    return module.endswith(".__main__")


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_an_inner_part_knows_nothing_further_out(graph, part):
    allowed = {part, *MAY_IMPORT[part]}

    strays = {
        f"{module} imports {imported}"
        for module in graph.modules
        if belongs(module, part) and not is_program(module)
        for imported in graph.find_modules_directly_imported_by(module)
        if not any(belongs(imported, it) for it in allowed)
    }

    assert strays == set()


def test_only_the_outermost_parts_import_one_another(graph):
    strays = {
        f"{module} imports {imported}"
        for module in graph.modules
        if not any(belongs(module, it) for it in OUTERMOST)
        for imported in graph.find_modules_directly_imported_by(module)
        if any(belongs(imported, it) for it in OUTERMOST)
    }

    assert strays == set()
