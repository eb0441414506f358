"""Fetches the console's front-end files from the npm registry (needs npm): `make assets`.

What is committed is what the packages hold as built, with two changes to the design system's CSS:
the two rules that load the typeface reserved for NHS bodies are left out, and images are found
beside it. `manifest.json` says what came from where, under which licence, with its SHA-256.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "followup" / "web"
STATIC, FONTS, TESTING = WEB / "static", WEB / "fonts", ROOT / "tests" / "browser" / "assets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package of the registry at one version: which of its files become which of ours."""

    name: str
    version: str
    licence: str
    folder: Path
    files: dict[str, str]


DESIGN_SYSTEM = "nhsuk-frontend"
PACKAGES = (
    Package(
        name=DESIGN_SYSTEM,
        version="10.6.1",
        licence="MIT",
        folder=STATIC,
        files={
            "dist/nhsuk/nhsuk-frontend.min.css": "nhsuk-frontend.css",
            "dist/nhsuk/nhsuk-frontend.min.js": "nhsuk-frontend.js",
            "dist/nhsuk/assets/images/nhsuk-icon-arrow-down.svg": "nhsuk-icon-arrow-down.svg",
            "dist/nhsuk/assets/images/nhsuk-icon-arrow-up.svg": "nhsuk-icon-arrow-up.svg",
            "dist/nhsuk/assets/images/nhsuk-icon-arrow-up-down.svg": "nhsuk-icon-arrow-up-down.svg",
            "dist/nhsuk/assets/images/nhsuk-icon-cross.svg": "nhsuk-icon-cross.svg",
        },
    ),
    Package(
        name="htmx.org",
        version="2.0.11",
        licence="0BSD",
        folder=STATIC,
        files={"dist/htmx.min.js": "htmx.js"},
    ),
    Package(
        # For reports as PDF: Latin, Greek, Cyrillic and more.
        name="dejavu-fonts-ttf",
        version="2.37.3",
        licence="Bitstream-Vera",
        folder=FONTS,
        files={
            "ttf/DejaVuSans.ttf": "DejaVuSans.ttf",
            "ttf/DejaVuSans-Bold.ttf": "DejaVuSans-Bold.ttf",
            "LICENSE": "DejaVu.LICENSE.txt",
        },
    ),
    Package(
        name="axe-core",
        version="4.14.1",
        licence="MPL-2.0",
        folder=TESTING,
        files={"axe.min.js": "axe.js", "LICENSE": "axe.LICENSE.txt"},
    ),
)

FONT_RULE = re.compile(r"@font-face\{[^}]*\}")
FONT_RULES = 2
SOURCE_MAP = re.compile(r"\n?/[/*]# sourceMappingURL=\S+(?: \*/)?\s*$")


def main() -> int:
    """Fetch every package and write the files and both manifests."""
    written: dict[Path, list[dict[str, str]]] = {STATIC: [], FONTS: [], TESTING: []}
    for package in PACKAGES:
        for source, content in _files_of(package).items():
            name = package.files[source]
            ready = _prepared(name, content)
            package.folder.mkdir(parents=True, exist_ok=True)
            (package.folder / name).write_bytes(ready)
            written[package.folder].append(
                {
                    "file": name,
                    "package": package.name,
                    "version": package.version,
                    "licence": package.licence,
                    "source": source,
                    "sha256": hashlib.sha256(ready).hexdigest(),
                }
            )
    for folder, entries in written.items():
        text = json.dumps(entries, indent=2) + "\n"
        (folder / "manifest.json").write_text(text, encoding="utf-8")
    return 0


def _files_of(package: Package) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--json", f"{package.name}@{package.version}"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        archive = Path(folder) / json.loads(packed.stdout)[0]["filename"]
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as held:
            return {
                source: _read(held, f"package/{source}", of=package) for source in package.files
            }


def _read(held: tarfile.TarFile, name: str, *, of: Package) -> bytes:
    member = held.extractfile(name)
    if member is None:
        raise SystemExit(f"{of.name} {of.version} has no file {name}")
    return member.read()


def _prepared(name: str, content: bytes) -> bytes:
    if name.endswith((".css", ".js")) and name != "axe.js":
        content = SOURCE_MAP.sub("\n", content.decode()).encode()
    if name.endswith(".css"):
        text, left_out = FONT_RULE.subn("", content.decode())
        if left_out != FONT_RULES:
            raise SystemExit(f"{name} has {left_out} rules for typefaces, not {FONT_RULES}: look")
        content = text.replace("/assets/images/", "").encode()
    return content


if __name__ == "__main__":
    sys.exit(main())
