"""Layers of the patient page: a clinic's own leaflets, translations and card over the shipped."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import nodes

from followup.content.metadata import read_card
from followup.content.page_catalogues import LONGEST_CATALOGUE, compiled
from followup.content.page_words import (
    CARD,
    DOMAIN,
    LEAFLETS,
    LOCALE,
    MESSAGES,
    PageMeta,
    PageWords,
)
from followup.content.rules import WRONG_WORDS, environment, parsed
from followup.content.sources import file_named, passed_over, read_text
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError
from followup.domain.file_shape import did_you_mean

BLOCKS = ("title", "urgent", "leaflet")
PATHS = re.compile(
    rf"{LEAFLETS}/(?P<protocol>[^/]+)/(?P<of>[\w-]+)\.html"
    rf"|{LOCALE}/(?P<language>[\w-]+)/{MESSAGES}/{DOMAIN}\.po"
)
"""Which texts of the page are words."""


@dataclass(slots=True)
class PageLayer:
    """What one folder `patient` holds: `files` names the file of each leaflet.

    `written` are the catalogues as they were read.
    """

    card: PageMeta | None = None
    leaflets: dict[tuple[str, str], str] = field(default_factory=dict)
    catalogues: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    files: dict[tuple[str, str], str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_page_layers(
    words: Path, *, clinics: Mapping[str, Clinic], protocols: Container[str]
) -> tuple[dict[str, PageWords], list[str]]:
    """Return the page of each clinic where the folder of words has any, and all that is wrong."""
    shipped = PageWords.load()
    general = _read(words / "patient", protocols=protocols, phrases=shipped.phrases)
    problems, pages = general.problems, {}
    for key, clinic in clinics.items():
        folder = words / "clinics" / key / "patient"
        own = _read(folder, protocols=protocols, phrases=shipped.phrases)
        problems += own.problems
        page = shipped
        for layer in (general, own):
            page = page.under(
                card=layer.card,
                leaflets=layer.leaflets,
                catalogues=layer.catalogues,
                written=layer.written,
            )
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
            text = read_text(file, name=str(file))
            made = compiled(text, language=language, phrases=phrases, file=str(file))
            layer.catalogues[language], layer.written[language] = made, text
        case _:
            raise TemplateError(f"{file}: is no file of the patient's page; {_meant(parts)}")


def _meant(parts: tuple[str, ...]) -> str:
    known = (
        CARD,
        f"{LEAFLETS}/<protocol>/<language>.html",
        f"{LOCALE}/<language>/{MESSAGES}/{DOMAIN}.po",
    )
    return did_you_mean("/".join(parts), dict.fromkeys(known))


def _unfit(page: PageWords, which: tuple[str, str], file: str, clinic: Clinic) -> Iterator[str]:
    protocol, language = which
    try:
        page.leaflet(protocol, language, clinic)
    except KeyError as error:
        needed = ", ".join(BLOCKS)
        yield f"{file}: has no block {error}: a leaflet has the blocks {needed}"
    except WRONG_WORDS as error:
        yield f"{file}: {error}: correct the template"


def page_over(page: PageWords, texts: Mapping[str, str]) -> PageWords:
    """Return a page with other texts by path; raise `TemplateError` for what can't be used.

    No clinic is asked: nothing that passes can fail for one.
    """
    leaflets, catalogues, written = {}, {}, {}
    problems: list[str] = []
    for path, text in texts.items():
        match = PATHS.fullmatch(path)
        if match is None:
            problems.append(f"{path}: is no text of the patient's page: take it out")
        elif language := match["language"]:
            if len(text) > LONGEST_CATALOGUE:
                problems.append(f"{path}: has more than {LONGEST_CATALOGUE} characters: shorten it")
                continue
            try:
                made = compiled(text, language=language, phrases=page.phrases, file=path)
            except TemplateError as error:
                problems += str(error).split("\n")
            else:
                catalogues[language], written[language] = made, text
        else:
            problems += _leaflet_complaints(path, text)
            leaflets[match["protocol"], match["of"]] = text
    if problems:
        raise TemplateError("\n".join(problems))
    return page.under(
        card=None, leaflets=leaflets, catalogues=catalogues, written=written, released=texts.keys()
    )


def _leaflet_complaints(path: str, text: str) -> Iterator[str]:
    """Find what could fail or reach further while a leaflet is shown, whichever the clinic is."""
    if found := parsed(path, text).complaints:
        yield from found
        return
    tree = environment({}).parse(text)
    for name in BLOCKS:
        if name not in {block.name for block in tree.find_all(nodes.Block)}:
            yield f"{path}: has no block '{name}': a leaflet has the blocks {', '.join(BLOCKS)}"
    for part in tree.find_all(
        (nodes.Name, nodes.Call, nodes.Include, nodes.Extends, nodes.Compare)
    ):
        if isinstance(part, nodes.Name):
            if part.name != "clinic":
                yield (
                    f"{path}, line {part.lineno}: {part.name} is nothing that a leaflet is given, "
                    "which has the facts of the clinic alone"
                )
        elif not isinstance(part, nodes.Compare):
            yield f"{path}, line {part.lineno}: a leaflet takes in nothing else: write its words"
        elif any(operand.op not in {"eq", "ne"} for operand in part.ops):
            yield f"{path}, line {part.lineno}: a leaflet compares by == and != alone"
