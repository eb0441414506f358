"""The import contract: every unit has its tier, and an import that points upwards fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACT = next(
    contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    if contract["type"] == "layers"
)
TIERS = [
    [unit.strip() for unit in layer.replace("|", ":").split(":")] for layer in CONTRACT["layers"]
]
MOST_AT_THE_TOP = 10


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "400"},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the packages and their contract, to be broken."""
    for package in ("followup", "tasks"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _module_of(folder: Path, unit: str) -> Path:
    package = folder / "followup" / unit
    return package / "__init__.py" if package.is_dir() else package.with_suffix(".py")


@pytest.mark.slow
def test_an_import_that_points_upwards_fails_whichever_unit_has_it(copy):
    broken = []
    for above, layer in pairwise(TIERS):
        for unit in layer:
            with _module_of(copy, unit).open("a") as file:
                file.write(f"\nimport followup.{above[0]}\n")
            broken.append(f"followup.{unit} is not allowed to import followup.{above[0]}")

    linted = _lint(copy)

    assert linted.returncode == 1
    said = " ".join(linted.stdout.split())
    assert [line for line in broken if line not in said] == []


@pytest.mark.slow
def test_a_unit_that_stands_in_no_tier_fails(copy):
    (copy / "followup" / "newcomer.py").write_text('"""A unit that nobody gave a tier."""\n')

    linted = _lint(copy)

    assert linted.returncode == 1
    assert "newcomer" in linted.stdout


def test_few_entries_lie_at_the_top_besides_packages():
    entries = [path for path in (ROOT / "followup").iterdir() if path.suffix == ".py"]

    assert len(entries) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("folder", ["config", "templates"])
def test_data_folders_hold_no_code(folder):
    assert list((ROOT / folder).rglob("*.py")) == []
