"""Files of a release: everything that a protocol's messages at one clinic are made of.

The clinic's facts, the protocol, the document that it rests on, the phrases by which replies are
sorted, and the words: of its steps, of the answers to replies, of what they share, and of the
patient's page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Protocol

from followup.catalogue.load import SOURCES, Catalogue, document_of
from followup.content.check import NUMBER_CHECK, PROCEDURE_MOVED, REPLY_TEMPLATES
from followup.content.layers import CLINICS, PROTOCOLS, WORDS
from followup.content.library import PAGE, Content, shipped_messages
from followup.content.page_words import catalogue_path, leaflet_path
from followup.content.phrases import phrases_among
from followup.content.sources import CARD
from followup.data_files import data_folder
from followup.domain.errors import NotFound
from followup.domain.releases.manifest import Manifest, bytes_digest


class Place(Protocol):
    """Where the content of a file lies: on disk, or in the database."""

    def read_bytes(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ReleasedText:
    """Words that lie in the database, as they were read from there."""

    text: str

    def read_bytes(self) -> bytes:
        """Return them as their digest counts them."""
        return self.text.encode()


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file of a release: its path there, where it lies, and its SHA-256 when it was read."""

    path: str
    place: Place
    digest: str


def files_of_release(
    protocol: str, clinic: str, content: Content, catalogue: Catalogue
) -> tuple[ReleaseFile, ...]:
    """Return the files by path; raise `NotFound` for a protocol or clinic that is not there."""
    found = [
        *_of_catalogue(catalogue, protocol, clinic),
        *_of_words(catalogue, content, protocol, clinic),
        *_of_page(catalogue, content, protocol, clinic),
    ]
    return tuple(sorted(found, key=lambda file: file.path))


def manifest_of(
    protocol: str, clinic: str, files: Iterable[ReleaseFile], catalogue: Catalogue
) -> Manifest:
    """Return what is signed for these files."""
    source = catalogue.protocols[protocol].source
    return Manifest(
        clinic=clinic,
        protocol=protocol,
        source=source.reference,
        source_issued=source.issued,
        review_due=source.review_due,
        files={file.path: file.digest for file in files},
    )


def words_of_templates(content: Content, templates: Collection[str]) -> Iterator[ReleaseFile]:
    """Yield the files that messages are made of in any language, with their cards.

    `content` is that of one clinic and protocol.
    """
    paths = {f"{template}/{CARD}" for template in templates & content.cards.keys()}
    for version in content.versions():
        if version.template in templates:
            paths |= version.sources.keys()
    for path in paths:
        text = content.sources.get(path)
        place: Place = (
            ReleasedText(text)
            if text is not None and path in content.released
            else _place_of_words(content, path)
        )
        digest = bytes_digest(place.read_bytes() if text is None else text.encode())
        yield ReleaseFile(f"{WORDS}/{path}", place, digest)


def _of_catalogue(catalogue: Catalogue, protocol: str, clinic: str) -> Iterator[ReleaseFile]:
    for folder, key in (("protocols", protocol), ("clinics", clinic)):
        loaded = catalogue.files.get((folder, key))
        if loaded is None:
            raise NotFound(f"there is no {folder.removesuffix('s')} {key!r} in the configuration")
        yield ReleaseFile(f"{folder}/{loaded.place.name}", loaded.place, loaded.digest)
    for path, file in catalogue.triage_files(protocol).items():
        yield _read(path, file)
    document = document_of(catalogue.protocols[protocol], catalogue.folder)
    if document is not None:
        yield _read(f"{SOURCES}/{document.name}", document)


def _of_words(
    catalogue: Catalogue, content: Content, protocol: str, clinic: str
) -> Iterator[ReleaseFile]:
    steps = {step.template for step in catalogue.protocols[protocol].steps}
    mine = content.of(clinic, protocol)
    beside = (NUMBER_CHECK, PROCEDURE_MOVED, *phrases_among(mine.cards))
    yield from words_of_templates(mine, steps.union(REPLY_TEMPLATES, beside))


def _place_of_words(content: Content, path: str) -> Traversable:
    """Return where the file of a path lies: the clinic's own is named in full."""
    file = content.files.get(path, path)
    if Path(file).is_absolute():
        return Path(file)
    own_of_protocol = file != path and file.startswith(f"{PROTOCOLS}/")
    return _below(data_folder("templates") if own_of_protocol else shipped_messages(), file)


def _of_page(
    catalogue: Catalogue, content: Content, protocol: str, clinic: str
) -> Iterator[ReleaseFile]:
    homes: list[Traversable] = [data_folder("templates") / PAGE]
    if catalogue.folder is not None:
        own = catalogue.folder / WORDS
        homes = [own / CLINICS / clinic / PAGE, own / PAGE, *homes]
    languages = catalogue.clinics[clinic].languages
    page = content.page(clinic, protocol)
    texts = page.texts(protocol, languages)
    for path in sorted(page.released & texts.keys()):
        place = ReleasedText(texts[path])
        yield ReleaseFile(f"{PAGE}/{path}", place, bytes_digest(place.read_bytes()))
    paths = ["page.html", "meta.toml"]
    paths += [leaflet_path(protocol, language) for language in languages]
    for language in languages:
        paths += [catalogue_path(language), catalogue_path(language).removesuffix("po") + "mo"]
    for path in paths:
        if path in page.released:
            continue
        places = [_below(home, path) for home in homes]
        if (file := next((one for one in places if one.is_file()), None)) is not None:
            yield _read(f"{PAGE}/{path}", file)


def _below(root: Traversable, path: str) -> Traversable:
    for part in path.split("/"):
        root = root / part
    return root


def _read(path: str, place: Traversable) -> ReleaseFile:
    return ReleaseFile(path, place, bytes_digest(place.read_bytes()))
