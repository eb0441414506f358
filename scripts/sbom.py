"""Software bill of materials of what a clinic runs, as CycloneDX 1.6 in JSON: `make sbom`.

Made from the lock and from the manifests of the files that are shipped, so the same checkout makes
the same bytes on any machine: it holds no time, and its serial number comes of its content.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.txt"
MANIFESTS = (ROOT / "followup/web/static/manifest.json", ROOT / "followup/web/fonts/manifest.json")
ENTRY = re.compile(
    r"^(?P<wanted>[a-z0-9].*?==.*?) \\\n(?P<hashes>(?: +--hash.*\n)+)(?P<notes>(?: +#.*\n)*)",
    re.MULTILINE,
)

Component = dict[str, Any]


def locked(text: str) -> Iterator[tuple[Component, list[str]]]:
    """Yield each package of a lock as a component, with the names of those that need it."""
    for entry in ENTRY.finditer(text):
        wanted = Requirement(entry["wanted"])
        name, version = canonicalize_name(wanted.name), str(wanted.specifier).removeprefix("==")
        hashes = re.findall(r"sha256:([0-9a-f]{64})", entry["hashes"])
        component = _component("pypi", name, version)
        component["externalReferences"] = [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{name}/{version}/",
                "hashes": [{"alg": "SHA-256", "content": each} for each in sorted(hashes)],
            }
        ]
        if wanted.marker is not None:
            component["properties"] = [{"name": "followup:only-where", "value": str(wanted.marker)}]
        notes = re.sub(r"\s*#\s*(?:via)?", " ", entry["notes"]).split()
        yield component, [canonicalize_name(note) for note in notes if not note.startswith("(")]


def shipped() -> Iterator[Component]:
    """Yield the packages of which files lie in the checkout."""
    found: dict[str, Component] = {}
    for manifest in MANIFESTS:
        for file in json.loads(manifest.read_text(encoding="utf-8")):
            made = _component("npm", file["package"], file["version"])
            one = found.setdefault(made["bom-ref"], made)
            one["licenses"] = [{"license": {"name": file["licence"]}}]
            one.setdefault("externalReferences", []).append(
                {
                    "type": "distribution",
                    "url": f"https://www.npmjs.com/package/{file['package']}",
                    "comment": file["source"],
                    "hashes": [{"alg": "SHA-256", "content": file["sha256"]}],
                }
            )
    yield from found.values()


def components() -> list[Component]:
    """Return everything that is not ours, in order."""
    of_lock = (component for component, _ in locked(LOCK.read_text(encoding="utf-8")))
    return sorted([*of_lock, *shipped()], key=lambda each: str(each["bom-ref"]))


def sbom() -> dict[str, Any]:
    """Return the whole bill."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    us = {
        "type": "application",
        "bom-ref": "followup",
        "name": project["name"],
        "version": project["version"],
        "licenses": [{"license": {"id": project["license"]}}],
    }
    found = components()
    content = {
        "metadata": {"component": us},
        "components": found,
        "dependencies": _dependencies(found),
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, digest)}",
        "version": 1,
        **content,
    }


def main() -> None:
    """Write the bill to the file that is named, or to dist/."""
    made = sbom()
    name = f"followup-{made['metadata']['component']['version']}.cdx.json"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{json.dumps(made, indent=1)}\n", encoding="utf-8")
    print(f"{len(made['components'])} components are in {path}.")


def _dependencies(found: list[Component]) -> list[dict[str, Any]]:
    """Return what needs what; the files that are shipped are our own need."""
    by_name = {each["name"]: each["bom-ref"] for each in found if "pkg:pypi" in each["bom-ref"]}
    needs: dict[str, set[str]] = {"followup": set(), **{each["bom-ref"]: set() for each in found}}
    for component, parents in locked(LOCK.read_text(encoding="utf-8")):
        for parent in parents:
            needs[by_name.get(parent, "followup")].add(component["bom-ref"])
    needs["followup"] |= {each["bom-ref"] for each in found if "pkg:npm" in each["bom-ref"]}
    return [{"ref": ref, "dependsOn": sorted(of)} for ref, of in sorted(needs.items())]


def _component(ecosystem: str, name: str, version: str) -> Component:
    purl = f"pkg:{ecosystem}/{quote(name, safe='/')}@{quote(version)}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


if __name__ == "__main__":
    main()
