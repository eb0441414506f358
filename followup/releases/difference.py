"""Difference of two releases as a patient would see it: each text that changes, before and after.

A layout changes many texts, and the clinic's facts nearly all: so they are compared as they are
sent. The other files (the protocol, phrases, cards) are compared line by line.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from followup.content.layers import WORDS
from followup.content.library import EXAMPLE_ADDRESSES, Content, Form
from followup.content.metadata import read_meta
from followup.content.sources import CARD
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.clinics.clinic_file import parse_clinic
from followup.domain.errors import Conflict, FollowupError
from followup.domain.protocols.protocol_file import parse_protocol
from followup.domain.releases.manifest import bytes_digest, changes, read_manifest
from followup.releases.queries import contents_of
from followup.store.models.releases import Release

MOST_SHOWN = 200_000
"""Longer files, such as tables of phrases, are named and not shown line by line."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One text, or one file, before and after; None where it is not there."""

    name: str
    before: str | None
    after: str | None

    @property
    def about(self) -> str:
        """What it belongs to: a message by its name, or a kind of file."""
        if ", " in self.name:
            return self.name.partition(", ")[0]
        kind, _, rest = self.name.partition("/")
        return rest.partition("/")[0] if kind == WORDS else kind

    def lines(self) -> Iterator[str]:
        """Yield the difference as `diff -u` shows it, without its head."""
        before, after = (self.before or "").splitlines(), (self.after or "").splitlines()
        found = difflib.unified_diff(before, after, n=2, lineterm="")
        yield from (line for line in found if not line.startswith(("---", "+++")))


def kept_files(session: Session, release: Release) -> dict[str, bytes]:
    """Return the files of a release by path; raise `Conflict` where one was changed or is gone."""
    manifest = read_manifest(release.statement)
    kept = contents_of(session, set(manifest.files.values()))
    for path, digest in manifest.files.items():
        if digest not in kept or bytes_digest(kept[digest]) != digest:
            raise Conflict(
                f"{path} of release {release.digest[:12]} was changed in the database, or is gone: "
                "restore a backup"
            )
    return {path: kept[digest] for path, digest in manifest.files.items()}


def differences(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[Difference]:
    """Return all that differs: first the texts as they are sent, then the other files."""
    changed = changes(_digests(before), _digests(after))
    if not changed:
        return []
    old, new = texts(before), texts(after)
    found = [
        Difference(name, old.get(name), new.get(name))
        for name in [*new, *(old.keys() - new.keys())]
        if old.get(name) != new.get(name)
    ]
    found += [
        Difference(each.path, _shown(before.get(each.path)), _shown(after.get(each.path)))
        for each in changed
        if not _is_seen(each.path)
    ]
    return found


def texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return every text that these files make, as a patient gets it, by message and form."""
    if not files:
        return {}
    clinic = _clinic(files)
    content = _content(files)
    times = _times(files)
    found: dict[str, str] = {}
    for version in content.versions():
        if version.language not in clinic.languages:
            continue
        of = times.get(version.template, 1)
        for occurrence in range(1, of + 1):
            for form, named in ((Form(), ""), (Form(office_open=False), ", office closed")):
                made = content.proof(
                    version,
                    clinic,
                    occurrence=occurrence,
                    occurrences=of,
                    form=form,
                    extra=_extra(version.channel),
                )
                name = f"{version.template}, {version.language}, {version.channel}"
                name += f", {occurrence} of {of}"
                whole = "\n\n".join(filter(None, [made.subject, made.text]))
                if not named or found.get(name) != whole:
                    found[name + named] = whole
    return found


def _times(files: Mapping[str, bytes]) -> dict[str, int]:
    """Return how often at most each message comes, by the steps of the protocol."""
    path = next(path for path in files if path.startswith("protocols/"))
    protocol = parse_protocol(tomllib.loads(files[path].decode("utf-8-sig")), file=path)
    found: dict[str, int] = {}
    for step in protocol.steps:
        found[step.template] = max(found.get(step.template, 1), len(step.occurrences))
    return found


def _extra(channel: ChannelKind) -> Mapping[str, str]:
    page = {"page_url": EXAMPLE_ADDRESSES["page_url"]}
    return EXAMPLE_ADDRESSES if channel is ChannelKind.EMAIL else page


def _clinic(files: Mapping[str, bytes]) -> Clinic:
    path = next(path for path in files if path.startswith("clinics/"))
    return parse_clinic(tomllib.loads(files[path].decode("utf-8-sig")), file=path)


def _content(files: Mapping[str, bytes]) -> Content:
    sources, cards = {}, {}
    for path, content in files.items():
        if not path.startswith(f"{WORDS}/"):
            continue
        inner = path.removeprefix(f"{WORDS}/")
        if inner.endswith(f"/{CARD}"):
            cards[inner.removesuffix(f"/{CARD}")] = read_meta(content.decode(), file=inner)
        else:
            sources[inner] = content.decode()
    # A protocol with words of its own in one language leaves those that it shares in others out.
    written = {tuple(path.split("/")[:2]) for path in sources}
    for name, card in cards.items():
        left = [entry for entry in card.approval if (name, entry.language) in written]
        cards[name] = card.model_copy(update={"approval": left})
    try:
        return Content(sources, cards)
    except FollowupError as error:
        raise Conflict(
            f"the words of this release can't be read by this version: {error}"
        ) from error


def _is_seen(path: str) -> bool:
    """Say whether a file is seen in the texts that are made of it."""
    return path.startswith(f"{WORDS}/") and not path.endswith(f"/{CARD}")


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: bytes_digest(content) for path, content in files.items()}


def _shown(content: bytes | None) -> str | None:
    if content is None:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    if text and len(text) <= MOST_SHOWN:
        return text
    return f"{len(content)} bytes, SHA-256 {bytes_digest(content)}"
