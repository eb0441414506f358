"""Patient-page words: leaflets, catalogues, and who approved them.

English is what the page is written in, and may be shown as a draft. Any other language is shown to
patients once a clinician has approved its words; `meta.toml` says so.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources.abc import Traversable

from markupsafe import Markup
from pydantic import Field

from followup.content.metadata import Languages, read_card
from followup.content.rules import ClinicFacts, environment
from followup.content.version import SHIPPED_LANGUAGE, ApprovalStatus
from followup.data_files import data_folder
from followup.domain.clinics.clinic import Clinic
from followup.domain.file_shape import Line

DOMAIN = "patient"
CARD, PAGE = "meta.toml", "page.html"


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
    ) -> None:
        """Take leaflets by protocol and language, compiled catalogues, and the page's template."""
        self.card = card
        self.languages = (SHIPPED_LANGUAGE, *sorted(catalogues))
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
            _leaflets(root / "leaflets"),
            _catalogues(root / "locale"),
            (root / PAGE).read_text("utf-8"),
        )

    def under(
        self,
        *,
        card: PageMeta | None,
        leaflets: Mapping[tuple[str, str], str],
        catalogues: Mapping[str, bytes],
    ) -> PageWords:
        """Return these words with others over them, file by file."""
        return PageWords(
            card or self.card,
            {**self._leaflets, **leaflets},
            {**self._compiled, **catalogues},
            self._template,
        )

    def phrases(self) -> frozenset[str]:
        """Return what of the page can be translated, as the shipped catalogues have it."""
        return frozenset(
            phrase
            for catalogue in self._catalogues.values()
            for phrase in catalogue._catalog  # type: ignore[attr-defined]  # noqa: SLF001 - it has no other way
            if isinstance(phrase, str) and phrase
        )

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
    if not folder.is_dir():
        return {}
    found = {
        entry.name: entry / "LC_MESSAGES" / f"{DOMAIN}.mo"
        for entry in folder.iterdir()
        if entry.is_dir()
    }
    return {language: file.read_bytes() for language, file in found.items() if file.is_file()}
