"""Checks that every locked package has a wheel for each Python and machine: `make wheels`.

The package index that the machine is set up for is asked, so this needs a network. The result is
written to docs/supported-platforms.md with the lock's digest: a test compares the two.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.txt"
"""It holds everything that the other locks hold."""
REPORT = ROOT / "docs" / "supported-platforms.md"

PAGE = """\
# Supported platforms

Nothing is built from source when followup is installed, so every package that the locks name needs
a wheel. `make wheels` asks the package index for them and writes this page; a test fails when the
lock has changed since.

How many of the packages that running and testing take have one, for CPython on Linux (glibc 2.28 or
newer) and on macOS (14 or newer):

| Python | {machines} |
| --- | {lines} |
{rows}

Needed on some of these alone: {partly}. Where the locks have no Redis, the tests take the system's
`redis-server`, which `.ci/run` installs.

`{lock}`: SHA-256 `{digest}`
"""

OLDEST_GLIBC = 28
"""Debian 10, Ubuntu 18.10 and RHEL 8 have it or a newer one."""
OLDEST_MACOS = (14, 0)
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_ENTRY = re.compile(r"^([a-z0-9].*?==.*?) \\\n((?: +--hash.*\n)+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Locked:
    """A package in a lock: its requirement, marker included, and the SHA-256 of each file."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        return self.requirement.name

    @property
    def version(self) -> str:
        return str(self.requirement.specifier).removeprefix("==")

    def applies(self, environment: Mapping[str, str] | None = None) -> bool:
        """Say whether it is installed there; without an environment, here."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate(dict(environment) if environment else None)


@dataclass(frozen=True, slots=True)
class Machine:
    """An operating system on a kind of processor."""

    name: str
    system: str
    platform: str
    processor: str

    def tags(self) -> list[str]:
        """Return the platform tags of wheels that run there."""
        if self.platform == "darwin":
            return list(mac_platforms(OLDEST_MACOS, self.processor))
        names = [f"manylinux_2_{minor}" for minor in range(OLDEST_GLIBC, 4, -1)]
        return [f"{name}_{self.processor}" for name in [*names, *_LEGACY.values(), "linux"]]


MACHINES = (
    Machine("Linux x86_64", "Linux", "linux", "x86_64"),
    Machine("Linux aarch64", "Linux", "linux", "aarch64"),
    Machine("macOS arm64", "Darwin", "darwin", "arm64"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A Python version on a machine."""

    python: str
    machine: Machine

    def environment(self) -> dict[str, str]:
        """Return what environment markers are decided by there."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.machine.processor,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": self.machine.system,
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": self.machine.platform,
        }

    def tags(self) -> set[Tag]:
        """Return the tags of wheels that can be installed there."""
        major, minor = map(int, self.python.split("."))
        platforms, interpreter = self.machine.tags(), f"cp{major}{minor}"
        return {
            *cpython_tags((major, minor), abis=[interpreter], platforms=platforms),
            *compatible_tags((major, minor), interpreter=interpreter, platforms=platforms),
        }


def read_lock(lock: Path) -> list[Locked]:
    """Return every package that a lock file names."""
    return [
        Locked(Requirement(requirement), frozenset(re.findall(r"sha256:(\w+)", hashes)))
        for requirement, hashes in _ENTRY.findall(lock.read_text(encoding="utf-8"))
    ]


def supported_pythons() -> list[str]:
    """Return the Python versions that the package's metadata names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = [it.rpartition(" :: ")[2] for it in project["classifiers"] if ":: Python ::" in it]
    return [it for it in versions if "." in it]


def targets() -> Iterator[Target]:
    """Return each Python version on each machine."""
    for python in supported_pythons():
        for machine in MACHINES:
            yield Target(python, machine)


def missing(
    packages: Iterable[Locked], wheels: Mapping[str, Mapping[str, str]], target: Target
) -> list[str]:
    """Return the packages that can't be installed there.

    `wheels` has the SHA-256 of each wheel, by its file name, by package. One that the lock has no
    hash of does not count: pip would refuse it.
    """
    tags, environment = target.tags(), target.environment()
    return [
        it.name
        for it in packages
        if it.applies(environment)
        if not any(
            digest in it.hashes and parse_wheel_filename(file)[3] & tags
            for file, digest in wheels.get(it.name, {}).items()
        )
    ]


def ask_for_wheels(lock: Path) -> dict[str, dict[str, str]]:
    """Return every wheel that the index has of what a lock names, as `missing` takes them."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "pylock.toml"
        lowest = supported_pythons()[0]
        subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal"),
                *("--no-deps", "--only-binary", ":all:", "--python-version", lowest),
                *("--format", "pylock.toml", "--output-file", str(found), str(lock)),
            ],
            check=True,
        )
        packages = tomllib.loads(found.read_text(encoding="utf-8"))["packages"]
    return {
        package["name"]: {
            unquote(urlsplit(it["url"]).path.rpartition("/")[2]): it["hashes"]["sha256"]
            for it in package.get("wheels", [])
        }
        for package in packages
    }


def digest(lock: Path) -> str:
    """Return the SHA-256 of a lock file."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def report(packages: list[Locked], lacking: Mapping[Target, list[str]]) -> str:
    """Return the page that says where the locks can be installed."""
    rows: dict[str, list[str]] = {}
    for target, names in lacking.items():
        rows.setdefault(target.python, []).append(_cell(packages, target, names))
    everywhere = [target.environment() for target in lacking]
    partly = [
        f"`{it.name}`"
        for it in packages
        if len({it.applies(environment) for environment in everywhere}) > 1
    ]
    return PAGE.format(
        machines=" | ".join(machine.name for machine in MACHINES),
        lines=" | ".join("---" for _ in MACHINES),
        rows="\n".join(f"| {python} | {' | '.join(row)} |" for python, row in rows.items()),
        partly=" and ".join(partly) or "none",
        lock=LOCK.name,
        digest=digest(LOCK),
    )


def _cell(packages: list[Locked], target: Target, lacking: list[str]) -> str:
    needed = sum(it.applies(target.environment()) for it in packages)
    without = f", without {', '.join(lacking)}" if lacking else ""
    return f"{needed - len(lacking)} of {needed}{without}"


def main() -> int:
    """Write the page; return 1 when a package can't be installed on Linux."""
    packages, wheels = read_lock(LOCK), ask_for_wheels(LOCK)
    lacking = {target: missing(packages, wheels, target) for target in targets()}
    REPORT.write_text(report(packages, lacking), encoding="utf-8")
    print(f"Written: {REPORT.relative_to(ROOT)}")
    failed = False
    for target, names in lacking.items():
        if names:
            print(
                f"No wheel for Python {target.python} on {target.machine.name}: {', '.join(names)}"
            )
            failed |= target.machine.system == "Linux"
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
