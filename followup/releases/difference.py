"""Difference of two releases as a patient would see it: each text that changes, before and after.

A layout changes many texts, and the clinic's facts nearly all: so they are compared as they are
sent, with the leaflet and the phrases of the patient's page and card. The other files (the
protocol, tables of phrases, cards) are compared line by line, and so is a text whose change no
patient would see: what is behind the words of an e-mail is signed too.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from followup.content.layers import SHARED, WORDS
from followup.content.library import EXAMPLE_ADDRESSES, OF_PAGE, PAGE, Content, Form
from followup.content.metadata import read_meta
from followup.content.page_catalogues import phrases_in
from followup.content.page_layers import PATHS
from followup.content.page_words import LOCALE
from followup.content.sources import CARD
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.clinics.clinic_file import parse_clinic
from followup.domain.errors import Conflict, FollowupError
from followup.domain.protocols.protocol_file import parse_protocol
from followup.domain.releases.manifest import bytes_digest, changes, read_manifest
from followup.releases.queries import contents_of
from followup.store.models.releases import Release

FORMS = (
    (Form(), ""),
    (Form(office_open=False), ", office closed"),
    (Form(asks_reply=True), ", asking for an answer"),
)
LEAFLET = "the leaflet"
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
    seen = [one.name for one in found]
    found += [
        Difference(each.path, _shown(before.get(each.path)), _shown(after.get(each.path)))
        for each in changed
        if not _is_seen(each.path, seen)
    ]
    return found


def texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return every text that these files make, as a patient gets it, by message and form."""
    if not files:
        return {}
    clinic = _clinic(files)
    content = _content(files)
    times, asking = _times(files)
    found: dict[str, str] = {}
    for version in content.versions():
        if version.language not in clinic.languages:
            continue
        of = times.get(version.template, 1)
        for occurrence in range(1, of + 1):
            for form, named in FORMS if version.template in asking else FORMS[:2]:
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
    return {**found, **_page_texts(files)}


def _page_texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the source of each leaflet, and each phrase, as they stand in these files."""
    found: dict[str, str] = {}
    for path, content in files.items():
        match = PATHS.fullmatch(path.removeprefix(f"{PAGE}/")) if path.startswith(OF_PAGE) else None
        if match is None:
            continue
        text = content.decode()
        if language := match["language"]:
            for original, words in phrases_in(text, language=language).items():
                if words:
                    found[f"{PAGE}, {language}, {original}"] = words
        else:
            found[f"{PAGE}, {match['of']}, {LEAFLET}"] = text
    return found


def _times(files: Mapping[str, bytes]) -> tuple[dict[str, int], set[str]]:
    """Return how often at most each message of the protocol comes, and which ask for an answer."""
    path = next(path for path in files if path.startswith("protocols/"))
    protocol = parse_protocol(tomllib.loads(files[path].decode("utf-8-sig")), file=path)
    found: dict[str, int] = {}
    for step in protocol.steps:
        found[step.template] = max(found.get(step.template, 1), len(step.occurrences))
    return found, {step.template for step in protocol.steps if step.reply_within is not None}


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


def _is_seen(path: str, seen: Collection[str]) -> bool:
    """Say whether a change of a file is seen whole in the texts that differ, by their names."""
    kind, template, *rest = path.split("/")
    if path.startswith(OF_PAGE):
        wanted = f"{PAGE}, {rest[0] if template == LOCALE else rest[-1].removesuffix('.html')}, "
        return path.endswith((".po", ".html")) and any(name.startswith(wanted) for name in seen)
    if kind != WORDS or not path.endswith(".txt"):
        return False
    wanted = "" if template.startswith(SHARED) else f"{template}, {rest[0]}, "
    return any(name.startswith(wanted) for name in seen)


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
