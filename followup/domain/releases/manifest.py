"""A release's manifest: what two people sign, as a plain text that is the same for the same bytes.

Its lines are a SHA-256 and a path each, sorted by path, as `sha256sum` writes and checks them; what
stands before them are comments to it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from followup.domain.errors import InvalidInput

TITLE = "# followup release, version 1"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_HEAD = ("clinic", "protocol", "source", "source issued", "review due")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Every file that a protocol's messages at one clinic are made of, by path, with its SHA-256.

    `source` is the document that the words rest on, and `review_due` the last day by which it is
    to be reviewed.
    """

    clinic: str
    protocol: str
    source: str
    source_issued: date
    review_due: date
    files: Mapping[str, str]

    def text(self) -> str:
        """Return what is signed."""
        head = (
            self.clinic,
            self.protocol,
            " ".join(self.source.split()),
            self.source_issued.isoformat(),
            self.review_due.isoformat(),
        )
        lines = [f"# {name}: {value}" for name, value in zip(_HEAD, head, strict=True)]
        lines += [f"{digest}  {path}" for path, digest in sorted(self.files.items())]
        return "\n".join([TITLE, *lines, ""])

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, by which the release is known."""
        return text_digest(self.text())


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return bytes_digest(text.encode())


def bytes_digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_manifest(text: str) -> Manifest:
    """Return what a manifest says; raise `InvalidInput` where it is not exactly as written here."""
    lines = text.splitlines()
    title, head, files = lines[:1], lines[1 : 1 + len(_HEAD)], lines[1 + len(_HEAD) :]
    values = [line.removeprefix(f"# {name}: ") for name, line in zip(_HEAD, head, strict=False)]
    matches = [_LINE.fullmatch(line) for line in files]
    if title != [TITLE] or len(values) != len(_HEAD) or not all(matches):
        raise _unreadable()
    clinic, protocol, source, issued, due = values
    try:
        manifest = Manifest(
            clinic=clinic,
            protocol=protocol,
            source=source,
            source_issued=date.fromisoformat(issued),
            review_due=date.fromisoformat(due),
            files={match[2]: match[1] for match in matches if match},
        )
    except ValueError:
        raise _unreadable() from None
    if manifest.text() != text:
        raise _unreadable()
    return manifest


def _unreadable() -> InvalidInput:
    return InvalidInput.of("release", "this is no manifest of a release as it was written")


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that differs between two releases; a digest is None where the file is not there."""

    path: str
    before: str | None
    after: str | None


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FileChange, ...]:
    """Return the files that differ, by path."""
    return tuple(
        FileChange(path, before.get(path), after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    )


def covers(files: Mapping[str, str], wanted: Iterable[tuple[str, str]]) -> bool:
    """Say whether a release has each of these paths with that very content."""
    return all(files.get(path) == digest for path, digest in wanted)
