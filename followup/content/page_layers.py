"""Layers of the patient page: a clinic's own leaflets, translations and card over the shipped."""

from __future__ import annotations

import io
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from followup.content.metadata import read_card
from followup.content.page_words import CARD, DOMAIN, PageMeta, PageWords
from followup.content.rules import WRONG_WORDS, parsed
from followup.content.sources import file_named, passed_over, read_text
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError
from followup.domain.file_shape import did_you_mean

BLOCKS = ("title", "urgent", "leaflet")
LEAFLETS, LOCALE, MESSAGES = "leaflets", "locale", "LC_MESSAGES"


@dataclass(slots=True)
class PageLayer:
    """What one folder `patient` holds: `files` names the file of each leaflet."""

    card: PageMeta | None = None
    leaflets: dict[tuple[str, str], str] = field(default_factory=dict)
    catalogues: dict[str, bytes] = field(default_factory=dict)
    files: dict[tuple[str, str], str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_page_layers(
    words: Path, *, clinics: Mapping[str, Clinic], protocols: Container[str]
) -> tuple[dict[str, PageWords], list[str]]:
    """Return the page of each clinic where the folder of words has any, and all that is wrong."""
    shipped = PageWords.load()
    general = _read(words / "patient", protocols=protocols, phrases=shipped.phrases())
    problems, pages = general.problems, {}
    for key, clinic in clinics.items():
        folder = words / "clinics" / key / "patient"
        own = _read(folder, protocols=protocols, phrases=shipped.phrases())
        problems += own.problems
        page = shipped
        for layer in (general, own):
            page = page.under(card=layer.card, leaflets=layer.leaflets, catalogues=layer.catalogues)
        problems += [
            complaint
            for layer in (general, own)
            for which, file in layer.files.items()
            for complaint in _unfit(page, which, file, clinic)
        ]
        if any(layer.card or layer.leaflets or layer.catalogues for layer in (general, own)):
            pages[key] = page
    return pages, problems


def _read(folder: Path, *, protocols: Container[str], phrases: Iterable[str]) -> PageLayer:
    layer = PageLayer()
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        parts = file.relative_to(folder).parts
        hidden = any(passed_over(part) for part in parts)
        if file.is_dir() or hidden:
            continue
        try:
            _take(layer, file, parts, protocols=protocols, phrases=phrases)
        except TemplateError as error:
            layer.problems += str(error).split("\n")
    return layer


def _take(
    layer: PageLayer,
    file: Path,
    parts: tuple[str, ...],
    *,
    protocols: Container[str],
    phrases: Iterable[str],
) -> None:
    match parts:
        case ("meta.toml",):
            layer.card = read_card(PageMeta, read_text(file, name=str(file)), file=str(file))
        case ("leaflets", protocol, name) if name.endswith(".html") and protocol in protocols:
            which = protocol, name.removesuffix(".html")
            text = read_text(file, name=str(file))
            path = "/".join(parts)
            if found := parsed(path, text).complaints:
                raise TemplateError("\n".join(file_named(one, {path: str(file)}) for one in found))
            layer.leaflets[which], layer.files[which] = text, str(file)
        case ("locale", language, "LC_MESSAGES", name) if name == f"{DOMAIN}.po":
            layer.catalogues[language] = _compiled(file, language=language, phrases=phrases)
        case _:
            raise TemplateError(f"{file}: is no file of the patient's page; {_meant(parts)}")


def _meant(parts: tuple[str, ...]) -> str:
    known = (
        CARD,
        f"{LEAFLETS}/<protocol>/<language>.html",
        f"{LOCALE}/<language>/{MESSAGES}/{DOMAIN}.po",
    )
    return did_you_mean("/".join(parts), dict.fromkeys(known))


def _compiled(file: Path, *, language: str, phrases: Iterable[str]) -> bytes:
    """Return a catalogue as gettext reads it; raise `TemplateError` with all that is wrong."""
    try:
        catalogue = read_po(io.BytesIO(file.read_bytes()), locale=language, abort_invalid=True)
    except (PoFileError, UnicodeDecodeError, ValueError, OSError) as error:
        raise TemplateError(f"{file}: can't be read as a catalogue: {error}: correct it") from error
    if problems := [*_of_catalogue(catalogue, phrases)]:
        raise TemplateError("\n".join(f"{file}, {problem}" for problem in problems))
    made = io.BytesIO()
    write_mo(made, catalogue)
    return made.getvalue()


def _of_catalogue(catalogue: Catalog, phrases: Iterable[str]) -> Iterator[str]:
    known = dict.fromkeys(phrases)
    for entry in catalogue:
        if not entry.id:
            continue
        where = f"line {entry.lineno}"
        if entry.id not in known:
            said = f"{entry.id}"
            yield f'{where}: the page does not say "{said}"; {did_you_mean(said, known)}'
        for error in entry.check(catalogue):
            yield f"{where}: {error}: correct the translation"


def _unfit(page: PageWords, which: tuple[str, str], file: str, clinic: Clinic) -> Iterator[str]:
    protocol, language = which
    try:
        page.leaflet(protocol, language, clinic)
    except KeyError as error:
        needed = ", ".join(BLOCKS)
        yield f"{file}: has no block {error}: a leaflet has the blocks {needed}"
    except WRONG_WORDS as error:
        yield f"{file}: {error}: correct the template"
