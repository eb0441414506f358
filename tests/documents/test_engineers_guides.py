"""The documents for engineers: what they name is there, where they say, and nothing is left out.

In backticks stand names that can be checked: `a/path.py`, `function()` or `Class.method()` of a
file that the same table row, list item or paragraph names, `make target`, `followup command`, and
any other word as it stands in the source. Fenced blocks may show what does not exist yet.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.documents import FENCED, NAMES, ROOT, read, texts_of

NAMING = (
    "docs/architecture.md",
    "docs/glossary.md",
    "docs/adding-a-provider.md",
    "CONTRIBUTING.md",
)
LINKING = (*NAMES, "CONTRIBUTING.md")
SOURCE_FOLDERS = ("followup", "tasks", "scripts", "tests")

BLOCK = re.compile(r"\n(?=\s*(?:\||- |\d+\. |#)|\s*\n)")
"""Where a table row, a list item, a heading or a paragraph begins."""
NAME = re.compile(r"`([^`]+)`")
PATH = re.compile(r"\.?\w[\w.-]*(?:/[\w.-]+)*/?")
FILE_ENDING = re.compile(r"\.(?:py|md|toml|ya?ml|env|txt)$")
FUNCTION = re.compile(r"((?:\w+\.)?\w+)\(\)")
MODULE = re.compile(r"(?:followup|tasks|scripts|tests)(?:\.\w+)+")
WORD = re.compile(r"\w+(?:[-.]\w+)*")
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")


def blocks(text: str) -> Iterator[list[str]]:
    """Yield the names in backticks of each table row, list item and paragraph."""
    for block in BLOCK.split(FENCED.sub("", text)):
        names = [" ".join(name.split()) for name in NAME.findall(block)]
        if names:
            yield names


@cache
def defined_in(path: Path) -> frozenset[str]:
    """Return the functions, classes and methods of a file; of a method, `Class.method`."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{part.name}"
                for part in node.body
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return frozenset(found)


@cache
def source() -> str:
    """Return all code, with what configures it, for words that are no path and no function."""
    files = [path for folder in SOURCE_FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    files = [path for path in files if path != Path(__file__)]
    files += [ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / "config" / "example.env"]
    files += sorted((ROOT / "config").rglob("*.toml"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@cache
def words() -> frozenset[str]:
    """Return the words of the source, those with hyphens and dots whole and in their parts."""
    return frozenset(re.findall(r"\w+", source())) | frozenset(WORD.findall(source()))


@cache
def targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))


@cache
def commands() -> frozenset[str]:
    """Return the commands of the registry: the keys of its inner dictionaries."""
    tree = ast.parse(read("followup/cli/framework/registry.py"))
    return frozenset(
        str(key.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Call)
    )


def is_path(name: str) -> bool:
    looks_like_one = "/" in name or FILE_ENDING.search(name) is not None
    return looks_like_one and PATH.fullmatch(name) is not None and not name.startswith(".venv")


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def missing(text: str) -> list[str]:
    """Return what a document names and what is not there, or not where it says."""
    return [
        name
        for names in blocks(text)
        for name in names
        if not _is_there(name, [ROOT / one for one in names if one.endswith(".py")])
    ]


def _is_there(name: str, files: list[Path]) -> bool:
    parts = name.split()
    if (make := MAKE.fullmatch(name)) is not None:
        return make[1] in targets()
    if (function := FUNCTION.fullmatch(name)) is not None:
        return any(path.is_file() and function[1] in defined_in(path) for path in files)
    if is_path(name):
        return (ROOT / name).exists()
    if parts[0] == "followup" and len(parts) == len(("followup", "command")):
        return parts[1] in commands()
    if len(parts) > 1:
        # A command of a shell: what it names of ours is looked at.
        return all(_is_there(word, files) for word in parts if _is_ours(word))
    return is_module(name) if MODULE.fullmatch(name) else _stands_in_the_source(name)


def _stands_in_the_source(word: str) -> bool:
    return word in words() if WORD.fullmatch(word) else word in source()


def _is_ours(word: str) -> bool:
    return is_path(word) or MODULE.fullmatch(word) is not None


def broken_links(name: str, text: str) -> list[str]:
    """Return the links that lead to no file, or to no heading of it."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text)):
        if target.startswith(("http:", "https:")):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            broken.append(target)
    return broken


def anchors(text: str) -> set[str]:
    """Return what a heading is linked by: its words in lower case, with hyphens."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMING)
def test_what_a_document_names_is_there(name):
    assert missing(read(name)) == []


@pytest.mark.parametrize("name", NAMING)
def test_a_document_names_enough_to_be_checked(name):
    assert sum(len(names) for names in blocks(read(name))) > 50


@pytest.mark.parametrize("name", LINKING)
def test_every_link_leads_somewhere(name):
    assert broken_links(name, read(name)) == []


@pytest.mark.parametrize("name", LINKING)
def test_every_make_target_is_one(name):
    code = re.findall(r"`[^`]*`|^\$ .*$", read(name), re.MULTILINE)

    assert {target for line in code for target in MAKE.findall(line)} <= targets()


def test_the_guide_for_contributors_names_every_target_that_help_lists():
    listed = set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE))

    assert listed - set(MAKE.findall(read("CONTRIBUTING.md"))) == set()


def test_the_tree_shows_every_unit_and_nothing_else():
    [tree] = texts_of("docs/architecture.md", "text")
    shown = re.findall(r"^  (\w+(?:/|\.py)) +\S", tree, re.MULTILINE)
    there = [
        path.name + ("/" if path.is_dir() else "")
        for path in (ROOT / "followup").iterdir()
        if (path / "__init__.py").exists() or (path.suffix == ".py" and path.stem != "__init__")
    ]

    assert sorted(shown) == sorted(there)


def test_the_picture_of_the_tiers_is_the_import_contract():
    [picture, _] = texts_of("docs/architecture.md", "mermaid")
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    [layers] = [one["layers"] for one in contracts if one["type"] == "layers"]

    assert re.findall(r'\["(.*?)"\]', picture) == layers


def test_every_contract_is_told():
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]

    for contract in contracts:
        assert f"| {contract['name']} |" in read("docs/architecture.md")


def test_every_state_of_a_message_is_in_the_glossary():
    [states] = _bodies("followup/domain/lifecycle.py", "State")
    told = re.findall(r"^\| ([a-z]+) \|", read("docs/glossary.md"), re.MULTILINE)

    assert {node.value.value for node in states if isinstance(node, ast.Assign)} <= set(told)


def test_every_member_of_the_interface_is_explained():
    [members] = _bodies("followup/providers/interface.py", "Channel")
    told = re.findall(r"^\| `(\w+)` \|", read("docs/adding-a-provider.md"), re.MULTILINE)

    assert {node.name for node in members if isinstance(node, ast.FunctionDef)} == set(told)


def _bodies(path: str, name: str) -> list[list[ast.stmt]]:
    return [
        node.body
        for node in ast.parse(read(path)).body
        if isinstance(node, ast.ClassDef) and node.name == name
    ]


@pytest.mark.parametrize("folder", ["docs", "docs/decisions"])
def test_every_document_is_in_its_index(folder):
    linked = set(re.findall(r"\]\(([^)#]+)\)", read(f"{folder}/README.md")))
    there = {path.name for path in (ROOT / folder).glob("*.md")} - {"README.md"}

    assert there - linked == set()


# --------------------------------------------------------------------------- the search itself


@pytest.mark.parametrize(
    "text",
    [
        "`followup/sending/no_such_file.py`",
        "`followup/no_such_package/`",
        "`no_such_function()` of `followup/sending/claim.py`",
        "`settle_attempt()` of `followup/sending/claim.py`",
        "`Store.no_such_method()` of `followup/store/engine/session.py`",
        "`settle_attempt()`",
        "| `claim_batches()` | |\n| `followup/sending/claim.py` | |",
        "`make no-such-target`",
        "`followup no-such-command`",
        "`followup.sending.no_such_module`",
        "`.venv/bin/pytest tests/no_such_folder`",
        "`no_such_word_anywhere`",
    ],
)
def test_a_name_of_nothing_is_found(text):
    assert len(missing(text)) == 1


def test_a_name_of_something_is_let_pass():
    text = (
        "`claim_batches()` of `followup/sending/claim.py`; `Store.transact()` of\n"
        "`followup/store/engine/session.py`; `make lint`, `followup check`, `tests.support.apps`,\n"
        "`claimable_at`\n\n```text\n`no_such_word_anywhere`\n```\n"
    )

    assert missing(text) == []


@pytest.mark.parametrize(
    "target", ["no-such.md", "glossary.md#no-such-heading", "#no-such-heading"]
)
def test_a_link_to_nothing_is_found(target):
    name = "docs/architecture.md"

    assert broken_links(name, f"{read(name)}\n[x]({target})") == [target]
