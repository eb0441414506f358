"""Revisions are frozen once they are released, and together they make what the models say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from sqlalchemy import Engine, inspect

from followup.store.engine.session import make_engine
from followup.store.models.staff import Staff
from followup.store.schema.current import migrate
from followup.store.schema.drift import current_shape
from followup.store.schema.revisions import known_revisions, newest_revision
from followup.store.schema.run_migrations import build_shape

VERSIONS = Path(__file__).parents[2] / "followup/store/schema/migrations/versions"
TABLE = "released.sha256"
"""One line for each revision, as `sha256sum` writes and checks it."""
FIRST = "0001_make_the_first_tables.py"


def revision_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.py") if file.name[0].isdigit())


def digest_of(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def complaints(folder: Path) -> list[str]:
    """Return what is wrong with the table of released revisions, each with what to do about it."""
    lines = [line.split() for line in (folder / TABLE).read_text("utf-8").splitlines()]
    released = {name: digest for digest, name in lines}
    files = {file.name: digest_of(file) for file in revision_files(folder)}
    gone = [f"{name} was released and is gone: put it back" for name in released - files.keys()]
    added = [
        f"{name} has no line in {TABLE}: once it is as it is to stay, append this one:\n"
        f"{files[name]}  {name}"
        for name in files.keys() - released
    ]
    edited = [
        f"{name} was released and has been edited: a database that it made before is not changed "
        "by that. Take the edit back, and write a new revision that makes the change"
        for name in released.keys() & files
        if released[name] != files[name]
    ]
    return [*gone, *added, *edited]


def new_complaints(changed: Path) -> list[str]:
    """Return what is wrong with a changed copy, and not with the revisions themselves."""
    return [each for each in complaints(changed) if each not in complaints(VERSIONS)]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A copy of the revisions, to be changed."""
    return copytree(VERSIONS, tmp_path / "versions")


def test_every_released_revision_is_as_it_was_released():
    assert complaints(VERSIONS) == [], "\n".join(complaints(VERSIONS))


def test_an_edited_revision_is_told_with_what_to_do(versions: Path):
    file = versions / FIRST
    file.write_text(file.read_text("utf-8") + "\n", "utf-8")

    [sentence] = new_complaints(versions)

    assert sentence.startswith(f"{FIRST} was released and has been edited")
    assert "write a new revision" in sentence


def test_a_new_revision_is_told_with_the_line_that_it_needs(versions: Path):
    (versions / "9999_add_nothing.py").write_text('revision = "9999"\n', "utf-8")

    [sentence] = new_complaints(versions)

    with (versions / TABLE).open("a", encoding="utf-8") as table:
        table.write(sentence.splitlines()[-1] + "\n")
    assert new_complaints(versions) == []


def test_a_revision_that_is_gone_is_told(versions: Path):
    (versions / FIRST).unlink()

    assert new_complaints(versions) == [f"{FIRST} was released and is gone: put it back"]


@pytest.mark.parametrize("file", revision_files(VERSIONS), ids=lambda file: file.stem)
def test_a_revision_depends_on_nothing_that_changes(file: Path):
    """What it imports of the product would change what it makes, under the same name."""
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    }

    assert imported <= {"__future__", "alembic", "sqlalchemy"}


def test_each_revision_comes_after_the_one_before():
    chain = []
    for file in revision_files(VERSIONS):
        assigned = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in ast.parse(file.read_text("utf-8")).body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        }
        assert file.name.startswith(f"{assigned['revision']}_")
        chain.append((assigned["revision"], assigned["down_revision"]))

    names = [revision for revision, _ in chain]
    assert [before for _, before in chain] == [None, *names[:-1]]
    assert set(names) == known_revisions()


def test_the_revisions_make_what_the_models_say(engine: Engine, tmp_path: Path, request):
    migrate(engine)
    made = description(engine)
    for table in reversed(Staff.metadata.sorted_tables):
        table.drop(engine)

    Staff.metadata.create_all(engine)

    assert made == description(engine)
    assert made.keys() == Staff.metadata.tables.keys()


def description(engine: Engine) -> dict[str, Any]:
    """Return all that a database says of each table: columns, keys, checks, indexes."""
    look = inspect(engine)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in look.get_columns(table)
            },
            "primary key": look.get_pk_constraint(table),
            "foreign keys": by_name(look.get_foreign_keys(table)),
            "unique": by_name(look.get_unique_constraints(table)),
            "checks": by_name(look.get_check_constraints(table)),
            "indexes": by_name(look.get_indexes(table)),
        }
        for table in set(look.get_table_names()) - {"alembic_version"}
    }


def by_name(found: Any) -> dict[str, str]:
    return {each["name"]: in_words(each) for each in found}


def in_words(found: Any) -> str:
    """Return what was found as text, also what compares by identity: the condition of an index."""
    if isinstance(found, dict):
        return ", ".join(f"{key}: {in_words(found[key])}" for key in sorted(found))
    return str(found)


def test_the_newest_revision_made_in_memory_is_what_the_models_say():
    assert build_shape(newest_revision()) == current_shape()
