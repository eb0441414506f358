"""The environment is what the locks say, whatever has been released since they were made.

Each test sets up a copy of the checkout with its own Makefile, from an index on loopback that has a
newer release of every package: with the pip that Python brings, and with the newest that is locked.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution, distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from scripts.check_wheels import read_lock
from tests.setup.package_index import BUILDING, ROOT, RUNNING, TESTING, PackageIndex, locked_here

# A machine that is busy with other things is no reason to fail.
pytestmark = pytest.mark.timeout(1200)

SETTINGS = ROOT / "pyproject.toml"
BROUGHT_BY_PYTHON = {"pip", "setuptools"}
INTERPRETER = getattr(sys, "_base_executable", sys.executable)
"""The Python that this test environment was made with, and not the one in it."""
NEWEST_PIP = f"{sys.executable} -m pip --python .venv/bin/python"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of this checkout, with locks of its own, and an environment that names one index."""

    folder: Path
    index: str

    def make(self, target: str, *settings: str) -> str:
        """Run make as a person with an empty environment does, and return what it printed."""
        empty = {"HOME": str(self.folder), "PATH": os.environ["PATH"]}
        index = {"PIP_INDEX_URL": self.index, "PIP_CONFIG_FILE": os.devnull}
        done = subprocess.run(
            ["make", target, f"PYTHON={INTERPRETER}", *settings],
            cwd=self.folder,
            env=empty | index,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def write(self, file: Path, text: str) -> None:
        """Put another lock, or other settings, in the place of what is there."""
        (self.folder / file.name).write_text(text, encoding="utf-8")

    @property
    def settings(self) -> str:
        return (self.folder / SETTINGS.name).read_text(encoding="utf-8")

    def require_nothing(self) -> None:
        """Let the product need no packages, so that its locks may be short."""
        none = re.sub(
            r"^dependencies = \[.*?^\]",
            "dependencies = []",
            self.settings,
            flags=re.MULTILINE | re.DOTALL,
        )
        self.write(SETTINGS, none)

    def installed(self) -> dict[str, str]:
        """Return the version of each package in the environment."""
        found = distributions(path=[str(self._packages)])
        return {canonicalize_name(it.name): it.version for it in found}

    def add_by_hand(self, name: str) -> None:
        """Put a package into the environment that no lock names."""
        folder = self._packages / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n", encoding="utf-8")

    @property
    def _packages(self) -> Path:
        [found] = self.folder.glob(".venv/lib/python*/site-packages")
        return found


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> PackageIndex:
    return PackageIndex(tmp_path_factory.mktemp("index"))


@pytest.fixture
def checkout(index: PackageIndex, tmp_path: Path) -> Iterator[Checkout]:
    for name in ("followup", "tasks", "config", "templates", "docs", "LICENSE", "README.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for lock in (RUNNING, BUILDING, TESTING):
        (tmp_path / lock.name).write_text(index.lock(lock), encoding="utf-8")
    with index.serve() as address:
        yield Checkout(tmp_path, address)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pip",
    [
        pytest.param(None, id="the-pip-of-python"),
        pytest.param(NEWEST_PIP, id="the-newest-pip", marks=pytest.mark.long),
    ],
)
def test_the_environment_is_what_the_locks_say(index, checkout, pip):
    """Running takes no test tools, testing adds them, and another lock leaves nothing behind.

    Newer releases of everything change nothing.
    """
    given = [f"PIP={pip}"] if pip else []
    one, two, three = [it for it in locked_here(RUNNING) if not distribution(it).requires][:3]
    tools = set(locked_here(BUILDING)) | {"followup"}
    whole = checkout.settings

    checkout.require_nothing()
    checkout.write(RUNNING, index.lock(RUNNING, only={one, two}))
    checkout.write(TESTING, index.lock(TESTING, only={one, two, three, *tools}))
    said = checkout.make("setup-run", *given)
    assert "Installing what running takes" in said
    assert set(checkout.installed()) - BROUGHT_BY_PYTHON == {one, two} | tools

    checkout.make("setup", *given)
    assert set(checkout.installed()) - BROUGHT_BY_PYTHON == {one, two, three} | tools
    assert "Installing" not in checkout.make("setup-run", *given)

    checkout.add_by_hand("left-behind")
    assert "left-behind" in checkout.installed()
    checkout.write(SETTINGS, whole)
    checkout.write(RUNNING, index.lock(RUNNING))
    checkout.write(TESTING, index.lock(TESTING))
    said = checkout.make("setup", *given)
    assert "No broken requirements found." in said
    itself = {"followup": distribution("followup").version}
    brought = {"setuptools": checkout.installed().get("setuptools")}
    assert checkout.installed().items() - brought.items() == (locked_here(TESTING) | itself).items()


@pytest.mark.parametrize("part", [RUNNING, BUILDING], ids=["running", "building"])
def test_what_is_tested_is_what_runs(part):
    """Holds the locks to each other: the same versions, by the same hashes."""
    assert set(read_lock(part)) <= set(read_lock(TESTING))
