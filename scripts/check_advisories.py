"""Checks what is locked against published advisories: `make advisories`.

Asks OSV (https://osv.dev) about every component of the bill of materials. Where that can't be
reached, download its export elsewhere (PyPI/all.zip and npm/all.zip) and read it from files:
`make advisories ARGS="PyPI.zip npm.zip"`. Ends with 0 where nothing is known, 1 where an advisory
applies, 2 where it was used wrongly, and 3 where no source could be asked: then nothing is known.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from scripts.sbom import Component, components

OSV = "https://api.osv.dev"
ADDRESS = "FOLLOWUP_ADVISORIES_URL"
"""A mirror of OSV's API, where the machine that builds can't reach the internet."""
FOUND, WRONG_USE, NOT_ASKED = 1, 2, 3
SECONDS = 30
ECOSYSTEMS = {"pkg:pypi/": "PyPI", "pkg:npm/": "npm"}

Advisory = dict[str, Any]


class NotAskedError(Exception):
    """No source of advisories could be asked; the text says why."""


def ask(wanted: Sequence[Component], address: str) -> list[tuple[str, str]]:
    """Return component and advisory for each that OSV's API knows of."""
    if not address.startswith(("https://", "http://127.0.0.1")):
        raise NotAskedError(f"{ADDRESS} is no https:// address")
    body = {"queries": [{"package": {"purl": each["purl"]}} for each in wanted]}
    request = Request(  # noqa: S310 - https, or this machine
        f"{address.rstrip('/')}/v1/querybatch",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
            results = json.load(answer)["results"]
        pairs = list(zip(wanted, results, strict=True))
        return [
            (each["purl"], one["id"]) for each, found in pairs for one in found.get("vulns", ())
        ]
    except (URLError, OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise NotAskedError(f"{address} can't be asked ({error})") from error


def look_up(wanted: Sequence[Component], exports: Sequence[Path]) -> list[tuple[str, str]]:
    """Return component and advisory for each that OSV's exports know of."""
    by_name = {(_ecosystem(each), canonicalize_name(each["name"])): each for each in wanted}
    asked, found = set[str](), []
    for export in exports:
        for advisory in _advisories(export):
            for affected in advisory.get("affected", ()):
                package = affected.get("package", {})
                asked.add(package.get("ecosystem", ""))
                key = package.get("ecosystem", ""), canonicalize_name(package.get("name", ""))
                each = by_name.get(key)
                if each is not None and "withdrawn" not in advisory and applies(affected, each):
                    found.append((each["purl"], advisory["id"]))
    if missing := {ecosystem for ecosystem, _ in by_name} - asked:
        raise NotAskedError(f"the files tell of nothing in {', '.join(sorted(missing))}")
    return sorted(set(found))


def applies(affected: dict[str, Any], component: Component) -> bool:
    """Say whether an advisory is about this version: it is named, or lies in a range."""
    if component["version"] in affected.get("versions", ()):
        return True
    version = Version(component["version"])
    return any(
        _inside(version, each.get("events", ()))
        for each in affected.get("ranges", ())
        if each.get("type") in {"ECOSYSTEM", "SEMVER"}
    )


def _inside(version: Version, events: Sequence[dict[str, str]]) -> bool:
    """Say whether a version is after the last event that brought a flaw in, and before its end."""
    inside = False
    for event in events:
        [(kind, at)] = event.items()
        try:
            reached = at == "0" or version >= Version(at)
            beyond = reached and version != Version(at)
        except InvalidVersion:
            # Rather told of once too often.
            return True
        if kind == "introduced" and reached:
            inside = True
        elif (kind == "fixed" and reached) or (kind == "last_affected" and beyond):
            inside = False
    return inside


def _advisories(export: Path) -> Iterator[Advisory]:
    try:
        with zipfile.ZipFile(export) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield json.loads(archive.read(name))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise NotAskedError(f"{export} can't be read as OSV's export ({error})") from error


def _ecosystem(component: Component) -> str:
    return next(name for start, name in ECOSYSTEMS.items() if component["purl"].startswith(start))


def main(arguments: Sequence[str]) -> int:
    """Print what is known, and return the exit code."""
    if any(argument.startswith("-") for argument in arguments):
        print(
            'Usage: make advisories, or with files of OSV: make advisories ARGS="PyPI.zip npm.zip"'
        )
        return WRONG_USE
    wanted = components()
    try:
        if arguments:
            found = look_up(wanted, [Path(argument) for argument in arguments])
        else:
            found = ask(wanted, os.environ.get(ADDRESS) or OSV)
    except NotAskedError as error:
        print(
            f"NOT CHECKED: {error}.\nDownload PyPI/all.zip and npm/all.zip from OSV's export where "
            'there is a way to it, and run: make advisories ARGS="PyPI.zip npm.zip"\n'
            f"Or set {ADDRESS} to a mirror of its API.",
            file=sys.stderr,
        )
        return NOT_ASKED
    for purl, advisory in found:
        print(f"{purl}: {advisory}, https://osv.dev/vulnerability/{advisory}")
    print(f"{len(wanted)} components were checked; {len(found)} advisories apply.")
    return FOUND if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
