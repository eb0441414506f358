"""Layers of words: which file counts where a clinic or a protocol has words of its own.

What is a protocol's own comes before what all protocols share, so that nobody's change of the
shared words alters its warning signs. Within each, the clinic's comes before the installation's,
and that before the shipped. A protocol that has a message in one language has it in its own
languages alone: the shared words in another language are those of another procedure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import product
from pathlib import Path, PurePosixPath

from followup.content.library import (
    EXAMPLE_ADDRESSES,
    NO_VALUES,
    PLAIN,
    Content,
    Form,
    Key,
    Rendered,
    shipped_messages,
)
from followup.content.metadata import Meta
from followup.content.page_layers import read_page_layers
from followup.content.page_words import PageWords
from followup.content.rules import parsed, references
from followup.content.sources import (
    CARD,
    CHANNEL_FILES,
    IN_A_LANGUAGE,
    Layer,
    passed_over,
    read_layer,
)
from followup.content.version import ContentVersion
from followup.data_files import data_folder
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError
from followup.domain.file_shape import did_you_mean
from followup.domain.protocols.protocol import Protocol

WORDS = "words"
"""The folder of a clinic's own words, beside `protocols`, `clinics` and `triage`."""
MESSAGES, PROTOCOLS, CLINICS, PATIENT = "messages", "protocols", "clinics", "patient"
PARTS = frozenset(part for parts in CHANNEL_FILES.values() for part in parts)
SHARED = "_"
"""How the name of a folder begins that messages share."""


def words_of(config_dir: Path | None) -> Path | None:
    """Return the folder of a clinic's own words, whether or not it is there."""
    return None if config_dir is None else config_dir / WORDS


@dataclass(slots=True)
class OwnWords:
    """Message layers of a folder of words: by clinic and protocol, None being any."""

    layers: dict[Key, Layer] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def shared(self, clinic: str | None) -> Iterator[Layer]:
        """Yield what any protocol has, what counts least first."""
        yield from self._of(None, clinic=clinic)

    def of_protocol(self, protocol: str, *, clinic: str | None) -> Iterator[Layer]:
        """Yield what one protocol has alone, what counts least first."""
        yield from self._of(protocol, clinic=clinic)

    def _of(self, protocol: str | None, *, clinic: str | None) -> Iterator[Layer]:
        for key in dict.fromkeys([(None, protocol), (clinic, protocol)]):
            if key in self.layers:
                yield self.layers[key]


def load_content(
    words: Path | None = None,
    *,
    protocols: Mapping[str, Protocol],
    clinics: Mapping[str, Clinic],
) -> Content:
    """Return all messages: those shipped, and over them what the folder `words` holds.

    Raises `TemplateError` with a line for each file that is broken, and for each that would go
    unread: a misspelt name must not leave the shipped words in its place.
    """
    problems: list[str] = []
    shared = read_layer(shipped_messages(), problems=problems)
    shipped = _shipped_by_protocols(protocols, problems=problems)
    own = OwnWords()
    pages: dict[str, PageWords] = {}
    if words is not None and words.is_dir():
        try:
            own = _own_words(words, protocols=protocols, clinics=clinics)
            pages, faults = read_page_layers(words, clinics=clinics, protocols=protocols)
        except OSError as error:
            raise TemplateError(f"{error.filename}: can't be read: {error.strerror}") from error
        problems += faults
    strays = [*_strays(own, shared=shared, shipped=shipped)]
    if problems := [*own.problems, *problems, *strays]:
        raise TemplateError("\n".join(dict.fromkeys(problems)))
    variants, problems = _variants(own, shared=shared, shipped=shipped)
    if problems:
        raise TemplateError("\n".join(dict.fromkeys(problems)))
    whole = variants.pop((None, None))
    content = Content(
        whole.sources, whole.cards, files=whole.files, own=whole.own, variants=variants, pages=pages
    )
    readings = all_readings(content, clinics=clinics.values(), protocols=protocols.values())
    if own.layers and (problems := [*_unfit(readings)]):
        raise TemplateError("\n".join(dict.fromkeys(problems)))
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One message as patients of a clinic get it, the `occurrence`th of the `occurrences`."""

    key: Key
    content: Content
    version: ContentVersion
    clinic: Clinic
    occurrence: int
    occurrences: int

    def rendered(self, form: Form = PLAIN, extra: Mapping[str, str] = NO_VALUES) -> Rendered:
        """Return its words; raise `TemplateError` where they can't be made."""
        return self.content.proof(
            self.version,
            self.clinic,
            occurrence=self.occurrence,
            occurrences=self.occurrences,
            form=form,
            extra=extra,
        )


def all_readings(
    content: Content, *, clinics: Iterable[Clinic], protocols: Iterable[Protocol]
) -> Iterator[Reading]:
    """Yield everything that these clinics can send by these protocols, each once.

    A message that no step sends, such as an answer, is sent once.
    """
    clinics, protocols = tuple(clinics), tuple(protocols)
    sent = {step.template for protocol in protocols for step in protocol.steps}
    seen = set[tuple[object, ...]]()
    for key, variant in content.variants():
        times = {name: {1} for name in variant.cards.keys() - sent}
        for protocol in protocols:
            for step in protocol.steps if key[1] in {None, protocol.key} else ():
                times.setdefault(step.template, set()).add(len(step.occurrences))
        for version, clinic in product(variant.versions(), clinics):
            if key[0] not in {None, clinic.key}:
                continue
            for many in sorted(times.get(version.template, ())):
                for occurrence in range(1, many + 1):
                    same = (version.id, clinic.key, occurrence, many)
                    if same not in seen:
                        seen.add(same)
                        yield Reading(
                            key=key,
                            content=variant,
                            version=version,
                            clinic=clinic,
                            occurrence=occurrence,
                            occurrences=many,
                        )


def _shipped_by_protocols(protocols: Iterable[str], *, problems: list[str]) -> dict[str, Layer]:
    root = data_folder("templates") / PROTOCOLS
    folders = {key: root / key for key in protocols}
    return {
        key: read_layer(folder, prefix=f"{PROTOCOLS}/{key}/", problems=problems)
        for key, folder in folders.items()
        if folder.is_dir()
    }


def _own_words(
    root: Path, *, protocols: Mapping[str, Protocol], clinics: Mapping[str, Clinic]
) -> OwnWords:
    own = OwnWords()
    for folder in _folders(root, {MESSAGES, PROTOCOLS, CLINICS, PATIENT}, own.problems):
        if folder.name == CLINICS:
            for clinic in _folders(folder, clinics, own.problems, what="clinic"):
                for part in _folders(clinic, {MESSAGES, PROTOCOLS, PATIENT}, own.problems):
                    _read(own, part, clinic=clinic.name, protocols=protocols)
        else:
            _read(own, folder, clinic=None, protocols=protocols)
    return own


def _read(
    own: OwnWords, folder: Path, *, clinic: str | None, protocols: Mapping[str, Protocol]
) -> None:
    found: dict[str | None, Path] = {None: folder} if folder.name == MESSAGES else {}
    if folder.name == PROTOCOLS:
        inside = _folders(folder, protocols, own.problems, what="protocol")
        found = {each.name: each for each in inside}
    for protocol, messages in found.items():
        own.problems += _unreadable(messages)
        layer = read_layer(messages, prefix=f"{messages}/", own=True, problems=own.problems)
        own.layers[clinic, protocol] = layer


def _folders(
    root: Path, known: Iterable[str], problems: list[str], *, what: str = "folder"
) -> list[Path]:
    """Return the folders in one, and note what there is that nobody would read."""
    known = dict.fromkeys(sorted(known))
    inside = [entry for entry in sorted(root.iterdir()) if not passed_over(entry.name)]
    problems += [
        f"{entry}: there is no such {what}; {did_you_mean(entry.name, known)}"
        for entry in inside
        if entry.name not in known or not entry.is_dir()
    ]
    return [entry for entry in inside if entry.name in known and entry.is_dir()]


def _unreadable(messages: Path) -> Iterator[str]:
    """Find files that are no words by their names, and those that are too deep or too high."""
    for file in sorted(messages.rglob("*")):
        parts = file.relative_to(messages).parts
        if file.is_dir() or any(passed_over(part) for part in parts):
            continue
        if file.name != CARD and file.suffix not in {".txt", ".html", ".css"}:
            yield (
                f"{file}: is no file of words, which end in .txt, .html or .css: rename it, or "
                "move it out of this folder"
            )


def _strays(own: OwnWords, *, shared: Layer, shipped: Mapping[str, Layer]) -> Iterator[str]:
    """Find files that override nothing and belong to no message."""
    for key, layer in own.layers.items():
        beside = [
            other for place, other in own.layers.items() if place != key and _meet(place, key)
        ]
        beside += [shared, *(one for name, one in shipped.items() if key[1] in {None, name})]
        cards = set[str]().union(*(each.cards for each in (layer, *beside)))
        known = set[str]().union(*(each.files for each in beside))
        reached = {
            part
            for each in (layer, *beside)
            for path, source in each.sources.items()
            for part in parsed(path, source).parts
        }
        for path, file in layer.files.items():
            if path not in known | reached and not _belongs(path, cards):
                yield f"{file}: no message is made of it; {_meant(path, known)}"


def _meet(one: Key, other: Key) -> bool:
    """Say whether the words of two places can be those of one patient."""
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def _belongs(path: str, cards: Iterable[str]) -> bool:
    folder, *rest = PurePosixPath(path).parts
    if path == f"{folder}/{CARD}":
        return True
    return folder in cards and len(rest) == IN_A_LANGUAGE - 1 and rest[-1] in PARTS


def _meant(path: str, known: Iterable[str]) -> str:
    close = get_close_matches(path, sorted(known), n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    folder = path.partition("/")[0]
    return (
        f"name it as the file that it takes the place of, or give {folder} a {CARD} if it is a "
        "message of its own"
    )


def _variants(
    own: OwnWords, *, shared: Layer, shipped: Mapping[str, Layer]
) -> tuple[dict[Key, Content], list[str]]:
    """Return the messages of each protocol and clinic that has its own, and all their faults."""
    clinics = dict.fromkeys([None, *(clinic for clinic, _ in own.layers)])
    protocols = dict.fromkeys([None, *shipped, *(protocol for _, protocol in own.layers)])
    found: dict[Key, Content] = {}
    problems: list[str] = []
    for clinic, protocol in product(clinics, protocols):
        below = _merged([shared, *own.shared(clinic)])
        if protocol is not None:
            mine = [shipped[protocol]] if protocol in shipped else []
            mine += own.of_protocol(protocol, clinic=clinic)
            below = _over(below, _merged(mine)) if mine else below
        try:
            found[clinic, protocol] = Content(
                below.sources, below.cards, files=below.files, own=below.own
            )
        except TemplateError as error:
            problems += str(error).split("\n")
    return found, problems


def _merged(layers: Sequence[Layer]) -> Layer:
    """Return layers as one; of two files of a path, that of the later layer counts."""
    sources: dict[str, str] = {}
    cards: dict[str, Meta] = {}
    files: dict[str, str] = {}
    own: frozenset[str] = frozenset()
    for layer in layers:
        sources |= layer.sources
        cards |= layer.cards
        files |= layer.files
        own = own - layer.files.keys() | layer.own
    return Layer(sources=sources, cards=cards, files=files, own=own)


def _over(shared: Layer, own: Layer) -> Layer:
    """Return the words of a protocol over those that all protocols share."""
    kept = _without_other_procedures(shared.sources, own.sources)
    cards = {**shared.cards, **own.cards}
    written = {tuple(path.split("/")[:2]) for path in (*kept, *own.sources)}
    cards = {
        name: card
        if all((name, entry.language) in written for entry in card.approval)
        else card.model_copy(
            update={"approval": [e for e in card.approval if (name, e.language) in written]}
        )
        for name, card in cards.items()
    }
    return Layer(
        sources={**kept, **own.sources},
        cards=cards,
        files={**shared.files, **own.files},
        own=shared.own - own.files.keys() | own.own,
    )


def _without_other_procedures(shared: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Leave out what shared words say in languages that the protocol's own do not have.

    Where a message is made of own words in one language, those that it has in another are about
    another procedure, unless they are made of own words too.
    """
    # What is word for word the shared file is no other procedure's.
    mine = {path for path, source in own.items() if shared.get(path) != source}
    together = {**shared, **own}
    reached = references(together)
    made_of_own: dict[str, set[str]] = {}
    written: dict[str, set[str]] = {}
    for path in together:
        if len(parts := path.split("/")) == IN_A_LANGUAGE:
            piece = _piece(parts)
            written.setdefault(piece, set()).add(parts[1])
            if path in mine or reached[path] & mine:
                made_of_own.setdefault(piece, set()).add(parts[1])
    gone = {
        path
        for path in shared
        if path not in mine
        and len(parts := path.split("/")) == IN_A_LANGUAGE
        and parts[1] not in made_of_own.get(_piece(parts), written[_piece(parts)])
    }
    # And whatever is made of that.
    broken = {
        tuple(path.split("/")[:2])
        for path in shared
        if not path.startswith(SHARED) and (path in gone or reached[path] & gone)
    }
    return {
        path: source
        for path, source in shared.items()
        if path not in gone and tuple(path.split("/")[:2]) not in broken
    }


def _piece(parts: Sequence[str]) -> str:
    """Return what goes together in one language: a message, or one of the files that all share."""
    folder, _, name = parts
    return f"{folder}/{name}" if folder.startswith(SHARED) else folder


def _unfit(readings: Iterable[Reading]) -> Iterator[str]:
    """Find own words that can't be rendered for one of the clinics whose words they are."""
    forms = (Form(), Form(office_open=False), Form(asks_reply=True))
    for reading in readings:
        if not reading.content.own & reading.version.sources.keys():
            continue
        for form, extra in product(forms, (NO_VALUES, EXAMPLE_ADDRESSES)):
            try:
                reading.rendered(form, extra)
            except TemplateError as error:
                yield str(error)
