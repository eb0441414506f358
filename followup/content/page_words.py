"""Patient-page words: leaflets, catalogues, and who approved them.

English is what the page is written in, and may be shown as a draft. Any other language is shown to
patients once a clinician has approved its words; `meta.toml` says so.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from importlib.resources.abc import Traversable
from types import MappingProxyType

from markupsafe import Markup
from pydantic import Field

from followup.content.metadata import Languages, read_card
from followup.content.page_catalogues import phrases_in
from followup.content.rules import ClinicFacts, environment
from followup.content.version import SHIPPED_LANGUAGE, ApprovalStatus
from followup.data_files import data_folder
from followup.domain.clinics.clinic import Clinic
from followup.domain.file_shape import Line

DOMAIN = "patient"
CARD, PAGE = "meta.toml", "page.html"
LEAFLETS, LOCALE, MESSAGES = "leaflets", "locale", "LC_MESSAGES"


NOTHING: Mapping[str, str] = MappingProxyType({})


class PageMeta(Languages):
    """The card of the page: what it rests on, and in which languages its words are approved."""

    title: Line = Field(description="what it is, for people")
    review_due: date = Field(description="the last day by which its words should be read again")
    departures: list[Line] = Field(
        default=[], description="where its words go beyond the leaflet, or fall short of it"
    )


@dataclass(frozen=True, slots=True)
class Leaflet:
    """A leaflet in plain words: the signs that need help at once, and all the rest."""

    title: str
    urgent: Markup
    body: Markup


class PageWords:
    """All words of the page, as they were when the files were read."""

    def __init__(
        self,
        card: PageMeta,
        leaflets: Mapping[tuple[str, str], str],
        catalogues: Mapping[str, bytes],
        template: str,
        *,
        written: Mapping[str, str],
        released: frozenset[str] = frozenset(),
    ) -> None:
        """Take leaflets by protocol and language, compiled catalogues, and the page's template.

        `written` are the catalogues as their files have them; `released` are the paths whose words
        lie in the database.
        """
        self.card = card
        self.languages = (SHIPPED_LANGUAGE, *sorted(catalogues.keys() - {SHIPPED_LANGUAGE}))
        self.released = released
        self._written = written
        self._leaflets, self._compiled, self._template = leaflets, catalogues, template
        self._sandbox = environment(
            {f"{protocol}/{language}.html": text for (protocol, language), text in leaflets.items()}
        )
        self._catalogues = {
            language: gettext.GNUTranslations(_Bytes(catalogue))
            for language, catalogue in catalogues.items()
        }

    @classmethod
    @cache
    def load(cls) -> PageWords:
        """Return what is shipped, read once; raise `TemplateError` with what is wrong with it."""
        root = data_folder("templates") / "patient"
        return cls(
            read_card(PageMeta, (root / CARD).read_text("utf-8"), file=f"patient/{CARD}"),
            _leaflets(root / LEAFLETS),
            _catalogues(root / LOCALE),
            (root / PAGE).read_text("utf-8"),
            written=_written(root / LOCALE),
        )

    def under(
        self,
        *,
        card: PageMeta | None,
        leaflets: Mapping[tuple[str, str], str],
        catalogues: Mapping[str, bytes],
        written: Mapping[str, str] = NOTHING,
        released: Iterable[str] = (),
    ) -> PageWords:
        """Return these words with others over them, file by file."""
        return PageWords(
            card or self.card,
            {**self._leaflets, **leaflets},
            {**self._compiled, **catalogues},
            self._template,
            written={**self._written, **written},
            released=self.released.union(released),
        )

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """What of the page and the card can be said otherwise, in the order of the catalogues."""
        shipped = _written(data_folder("templates") / "patient" / LOCALE)
        return tuple(
            dict.fromkeys(
                phrase
                for language, text in shipped.items()
                for phrase in phrases_in(text, language=language)
            )
        )

    def texts(self, protocol: str, languages: Iterable[str]) -> dict[str, str]:
        """Return what of it are words, by path; a text that is not there is empty."""
        found = {}
        for language in languages:
            found[leaflet_path(protocol, language)] = self._leaflets.get((protocol, language), "")
            found[catalogue_path(language)] = self._written.get(language, "")
        return found

    def standing(self, language: str) -> ApprovalStatus:
        """Return how far the words of a language may be trusted."""
        return self.card.standing(language)

    def shows(self, language: str) -> bool:
        """Say whether patients may see the page in a language."""
        if language not in self.languages:
            return False
        return language == SHIPPED_LANGUAGE or self.standing(language) is ApprovalStatus.APPROVED

    def translations(self, language: str) -> gettext.NullTranslations:
        """Return the catalogue of a language; English has none."""
        return self._catalogues.get(language) or gettext.NullTranslations()

    def leaflet(self, protocol: str, language: str, clinic: Clinic) -> Leaflet | None:
        """Return a protocol's leaflet in a language, or None where nobody has written it."""
        if (protocol, language) not in self._leaflets:
            return None
        source = self._sandbox.get_template(f"{protocol}/{language}.html")
        context = source.new_context({"clinic": ClinicFacts.of(clinic, language)})
        title, urgent, body = (
            Markup("".join(source.blocks[name](context)))  # noqa: S704 - ours, escaped by itself
            for name in ("title", "urgent", "leaflet")
        )
        return Leaflet(title.unescape().strip(), urgent, body)


def leaflet_path(protocol: str, language: str) -> str:
    """Return where a leaflet lies below the folder of the page."""
    return f"{LEAFLETS}/{protocol}/{language}.html"


def catalogue_path(language: str) -> str:
    """Return where the phrases of a language lie below the folder of the page."""
    return f"{LOCALE}/{language}/{MESSAGES}/{DOMAIN}.po"


class _Bytes:
    """What the standard library reads a catalogue from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self) -> bytes:
        return self._content


def _leaflets(folder: Traversable) -> dict[tuple[str, str], str]:
    return {
        (protocol.name, entry.name.removesuffix(".html")): entry.read_text("utf-8")
        for protocol in folder.iterdir()
        if protocol.is_dir()
        for entry in protocol.iterdir()
        if entry.name.endswith(".html")
    }


def _catalogues(folder: Traversable) -> dict[str, bytes]:
    return {language: file.read_bytes() for language, file in _files(folder, "mo")}


def _written(folder: Traversable) -> dict[str, str]:
    return {language: file.read_text("utf-8") for language, file in _files(folder, "po")}


def _files(folder: Traversable, kind: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir() if folder.is_dir() else ():
        file = entry / MESSAGES / f"{DOMAIN}.{kind}" if entry.is_dir() else entry
        if entry.is_dir() and file.is_file():
            yield entry.name, file
