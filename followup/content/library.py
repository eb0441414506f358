"""Content library: the messages of each protocol and clinic, each distinct one rendered once.

What is not a protocol's or a clinic's own is shared: `followup.content.layers` says which file
counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from importlib.resources.abc import Traversable
from traceback import extract_tb
from types import MappingProxyType

from markupsafe import Markup

from followup.content.languages import direction
from followup.content.layout import one_line, reflow, with_inlined_styles
from followup.content.metadata import Meta
from followup.content.page_layers import page_over
from followup.content.page_words import LEAFLETS, LOCALE, PageWords
from followup.content.phrases import names_time
from followup.content.rules import WRONG_WORDS, ClinicFacts, environment
from followup.content.sources import file_named, languages_of, read_sources
from followup.content.version import ContentVersion
from followup.content.versions_of_sources import complaints, versions
from followup.data_files import data_folder
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError
from followup.domain.file_shape import did_you_mean
from followup.domain.text.sms import SmsSize, downgrade, measure

STOP_URL = "https://stop.invalid/"
"""Stands in for the patient's own address while an e-mail is rendered, so that it can be cached."""

PAGE_TOKEN = 16
"""Characters of a token in a patient's own address."""

SOME_TIME = "3:30pm on Monday 30 November"
"""What a proof of a phrase shows for the time of a call."""

CODE, SOME_CODE = "QZXQ", "1234"
"""What stands in for the code of a test text while it is rendered, and what a proof shows."""

EXTRAS = frozenset({"stop_url", "page_url", "code"})

EXAMPLE_ADDRESSES = {
    "stop_url": "https://example.com/stop",
    "page_url": "https://example.com/p/0123456789abcdef",
}
"""Stand for a patient's own addresses where words are checked."""

NO_VALUES: Mapping[str, str] = MappingProxyType({})

PAGE = "patient"
"""The folder of the patient's page, beside that of messages."""

OF_PAGE = (f"{PAGE}/{LEAFLETS}/", f"{PAGE}/{LOCALE}/")
"""How the path of a text of the page begins; any other text is a message's."""

NO_SENTENCES: Mapping[tuple[str, str], str] = MappingProxyType({})

Key = tuple[str | None, str | None]
"""Whose words they are: of a clinic, of a protocol; None is any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What of a message depends on its patient and the hour.

    Whether it asks for 1 or 2, and large print; of an answer, whether the office is open now; of a
    phrase that names it, when staff will ring, in words.
    """

    asks_reply: bool = False
    large_print: bool = False
    office_open: bool = True
    ring_at: str | None = None


PLAIN = Form()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message as the patient gets it. `html` and `subject` are an e-mail's, `size` a text's."""

    subject: str | None
    text: str
    html: str | None
    version: ContentVersion
    size: SmsSize | None


def shipped_messages() -> Traversable:
    """Return the folder of messages that comes with the product."""
    return data_folder("templates") / "messages"


def _stand_in(name: str, url: str) -> str:
    """Return an address, or a code, of the same length that is the same for every patient.

    So a message is rendered once for all, and its size is right.
    """
    if name == "code":
        return CODE
    return STOP_URL if name == "stop_url" else f"{url[:-PAGE_TOKEN]}{'x' * PAGE_TOKEN}"


class Content:
    """All messages, as they were when the files were read. Safe to share between threads.

    It holds the messages of no protocol and clinic in particular; `of` returns those of one.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        cards: Mapping[str, Meta],
        *,
        files: Mapping[str, str] = NO_VALUES,
        own: frozenset[str] = frozenset(),
        variants: Mapping[Key, Content] = MappingProxyType({}),
        pages: Mapping[str, PageWords] = MappingProxyType({}),
        released: frozenset[str] = frozenset(),
        own_page: PageWords | None = None,
    ) -> None:
        """Take sources by path and cards by message; raise `TemplateError` with all its faults.

        `files` names the file of each path, `own` are the paths whose files are a clinic's own,
        `variants` has the words of protocols and clinics, `pages` the patient page of clinics
        that have their own; `released` are the paths whose words lie in the database. `own_page`
        is the page of one clinic and protocol, whose messages these are.
        """
        if problems := complaints(sources, cards):
            raise TemplateError("\n".join(file_named(each, files) for each in problems))
        self.cards = cards
        self.sources = sources
        self.files = files
        self.own = own
        self.released = released
        self.own_page = own_page
        self.broken: Mapping[tuple[str, str], str] = {}
        self._released: Mapping[tuple[str, str], Content] = {}
        self.of_files: Content = self
        self._variants = variants
        self._pages = pages
        self._clinics = {clinic for clinic, _ in variants}
        self._protocols = {protocol for _, protocol in variants}
        self._sandbox = environment(sources)
        self._versions = {
            (version.template, version.language, version.channel): version
            for version in versions(sources, cards)
        }
        self._composed = lru_cache(maxsize=4096)(self._compose)

    @classmethod
    def load(cls, root: Traversable | None = None) -> Content:
        """Return the messages below `root`, or those shipped; raise `TemplateError` if broken.

        Those of protocols are not among them: `followup.content.layers` puts them together.
        """
        return cls(*read_sources(shipped_messages() if root is None else root))

    def with_released(
        self,
        words: Mapping[tuple[str, str], Mapping[str, str]],
        *,
        broken: Mapping[tuple[str, str], str] = NO_SENTENCES,
    ) -> Content:
        """Return these messages with words, by path, that lie over them, by clinic and protocol.

        What of them can't be used, and what is `broken` already, is said in `broken`, and the words
        of the files stand in: whoever sends asks there first.
        """
        made, wrong = copy(self.of_files), dict(broken)
        made._composed = lru_cache(maxsize=4096)(made._compose)  # noqa: SLF001 - a copy of this
        released = {}
        for pair, texts in words.items():
            try:
                released[pair] = self.of_files.paged(*pair).over(texts)
            except TemplateError as error:
                wrong[pair] = str(error)
        made._released, made.broken = released, wrong  # noqa: SLF001 - likewise
        made.of_files = self.of_files
        return made

    def without_released(self, pairs: frozenset[tuple[str, str]]) -> Content:
        """Return these messages with the words of the files for some clinics and protocols."""
        return _without(self, pairs) if pairs & self._released.keys() else self

    @property
    def released_for(self) -> frozenset[tuple[str, str]]:
        """The clinics and protocols that have words which lie in the database."""
        return frozenset(self._released)

    def over(self, texts: Mapping[str, str]) -> Content:
        """Return these messages with other texts by path; raise `TemplateError` for broken ones."""
        of_page = {path: text for path, text in texts.items() if path.startswith(OF_PAGE)}
        mine = {path: text for path, text in texts.items() if path not in of_page}
        if strange := sorted(mine.keys() - self.sources.keys()):
            raise TemplateError(f"{', '.join(strange[:3])}: no message is made of it: take it out")
        page = self.own_page
        if of_page:
            bare = {path.removeprefix(f"{PAGE}/"): text for path, text in of_page.items()}
            page = page_over(page or PageWords.load(), bare)
        if not mine:
            return _with_page(self, page)
        return Content(
            {**self.sources, **mine},
            self.cards,
            files=self.files,
            own=self.own,
            released=self.released | mine.keys(),
            own_page=page,
        )

    def of(self, clinic: str | None = None, protocol: str | None = None) -> Content:
        """Return the messages as patients of this clinic on this protocol get them."""
        if clinic is not None and protocol is not None and (clinic, protocol) in self._released:
            return self._released[clinic, protocol]
        key = (
            clinic if clinic in self._clinics else None,
            protocol if protocol in self._protocols else None,
        )
        return self._variants.get(key, self)

    def paged(self, clinic: str, protocol: str) -> Content:
        """Return the messages of a clinic and protocol with the page that their patients see."""
        return _with_page(self.of(clinic, protocol), self.page(clinic, protocol))

    def written(self, clinic: str, protocol: str, languages: Sequence[str]) -> dict[str, str]:
        """Return all the words of a clinic and protocol, by path: of messages, and of the page.

        A text of the page that is not there in one of the languages is empty.
        """
        page = self.page(clinic, protocol).texts(protocol, languages)
        return {
            **self.of(clinic, protocol).sources,
            **{f"{PAGE}/{path}": text for path, text in page.items()},
        }

    def released_paths(self, clinic: str, protocol: str) -> frozenset[str]:
        """Return the paths of those words that lie in the database."""
        page = self.page(clinic, protocol).released
        return self.of(clinic, protocol).released | {f"{PAGE}/{path}" for path in page}

    def title_of(self, template: str, protocol: str | None = None) -> str:
        """Return what a message is called, for people: the title on its card.

        Where a caller knows of no protocol, that of any which has the message will do.
        """
        for variant in (self.of(protocol=protocol), *(each for _, each in self.variants())):
            if template in variant.cards:
                return variant.cards[template].title
        return template.replace("-", " ")

    def variants(self) -> Iterator[tuple[Key, Content]]:
        """Yield the shared messages, and those of each protocol and clinic that has its own."""
        yield (None, None), self
        yield from self._variants.items()
        yield from self._released.items()

    def page(self, clinic: str, protocol: str | None = None) -> PageWords:
        """Return the words of the patient page of a clinic, for patients on a protocol."""
        mine = self if self.own_page is not None else self._released.get((clinic, protocol or ""))
        if mine is not None and mine.own_page is not None:
            return mine.own_page
        return self._pages.get(clinic) or PageWords.load()

    def render(
        self,
        template: str,
        *,
        language: str,
        channel: ChannelKind,
        clinic: Clinic,
        protocol: str | None = None,
        occurrence: int = 1,
        occurrences: int = 1,
        form: Form = PLAIN,
        extra: Mapping[str, str] = NO_VALUES,
    ) -> Rendered:
        """Return a message to send; raise `TemplateError` where there is none that may be sent.

        It is the `occurrence`th of the `occurrences` that its step asks for, and depends on nothing
        of the patient but their `form`. `extra` may hold `stop_url`, the
        address at which this patient stops e-mails (without it an e-mail names the clinic's phone);
        `page_url`, that of their own page (a text that would grow past its limit of segments by it
        goes without it); and `code`, the four digits of a test text.
        """
        mine = self.of(clinic.key, protocol)
        version = mine.version(template, language=language, channel=channel)
        if not version.sendable:
            raise TemplateError(
                f"{template}/{language}: the words for {channel} are {version.standing} and may "
                "not be sent: have a clinician approve them, and say so in meta.toml"
            )
        if form.ring_at is None and names_time(version):
            raise TemplateError(f"{template}/{language}: names a time, and none was given")
        return mine.proof(
            version,
            clinic,
            occurrence=occurrence,
            occurrences=occurrences,
            form=form,
            extra=extra,
        )

    def proof(
        self,
        version: ContentVersion,
        clinic: Clinic,
        *,
        occurrence: int = 1,
        occurrences: int = 1,
        form: Form = PLAIN,
        extra: Mapping[str, str] = NO_VALUES,
    ) -> Rendered:
        """Return a message for reading through, as `render` does, approved or not.

        The version must be one of these messages, not of another protocol's or clinic's.
        """
        if unknown := extra.keys() - EXTRAS:
            raise TemplateError(
                f"extra can hold {', '.join(sorted(EXTRAS))} only, not {', '.join(sorted(unknown))}"
            )
        stands_in = {name: _stand_in(name, url) for name, url in extra.items() if url}
        facts, urls = ClinicFacts.of(clinic, version.language), tuple(sorted(stands_in.items()))
        which = (occurrence, occurrences)
        made = self._composed(version, facts, which, form, urls)
        limit = self.cards[version.template].limit(version.language)
        if "page_url" in stands_in and made.size and made.size.segments > limit:
            made = self._composed(version, facts, which, form, ())
        for name, shown in stands_in.items():
            url = extra[name]
            html = made.html and made.html.replace(escape(shown), escape(url))
            made = replace(made, text=made.text.replace(shown, url), html=html)
        return made

    def version(self, template: str, *, language: str, channel: ChannelKind) -> ContentVersion:
        """Return what is rendered for these; raise `TemplateError` where there are no words."""
        found = self.find(template, language=language, channel=channel)
        if found is None:
            raise TemplateError(self._absent(template, language, channel))
        return found

    def find(self, template: str, *, language: str, channel: ChannelKind) -> ContentVersion | None:
        """Return what is rendered for these, or None where there are no words."""
        return self._versions.get((template, language, channel))

    def language_for(
        self,
        template: str,
        *,
        wanted: str | None,
        channel: ChannelKind,
        clinic: Clinic,
        protocol: str | None = None,
    ) -> str:
        """Return the language that a patient gets a message in.

        That is the clinic's first one, unless these words may be sent in the one that is wanted.
        """
        mine = self.of(clinic.key, protocol)
        found = mine.find(template, language=wanted or "", channel=channel)
        return found.language if found is not None and found.sendable else clinic.languages[0]

    def red_flags(self, language: str, clinic: Clinic, *, protocol: str | None = None) -> Markup:
        """Return the signs that need help at once, as e-mails name them, in English at worst."""
        mine = self.of(clinic.key, protocol)
        if mine is not self:
            return mine.red_flags(language, clinic)
        path = f"_layout/{language}/red-flags.html"
        path = path if path in self.sources else "_layout/en/red-flags.html"
        if path not in self.sources:
            return Markup()
        facts = ClinicFacts.of(clinic, language)
        return Markup(self._fill(path, {"clinic": facts, "language": language}))  # noqa: S704 - ours

    def versions(self) -> Sequence[ContentVersion]:
        """Return all there are, by message, language and channel."""
        return tuple(self._versions.values())

    def languages(self, template: str) -> tuple[str, ...]:
        """Return the languages in which a message may be sent, on each of its channels."""
        mine = [version for version in self._versions.values() if version.template == template]
        held_back = {version.language for version in mine if not version.sendable}
        return tuple(sorted({version.language for version in mine} - held_back))

    def _absent(self, template: str, language: str, channel: ChannelKind) -> str:
        if template not in self.cards:
            return f'there is no message "{template}"; {did_you_mean(template, self.cards)}'
        written = languages_of(self.sources, template)
        if language not in written:
            return (
                f'{template}: has no words in "{language}"; it is written in {", ".join(written)}'
            )
        return f"{template}: has no words for {channel}: see channels in its meta.toml"

    def _compose(
        self,
        version: ContentVersion,
        facts: ClinicFacts,
        which: tuple[int, int],
        form: Form,
        urls: tuple[tuple[str, str], ...],
    ) -> Rendered:
        occurrence, occurrences = which
        variables = {
            "asks_reply": form.asks_reply,
            "clinic": facts,
            "code": SOME_CODE,
            "language": version.language,
            "large_print": form.large_print,
            "last": occurrence == occurrences,
            "occurrence": occurrence,
            "office_open": form.office_open,
            "page_url": None,
            "ring_at": form.ring_at or SOME_TIME,
            "right_to_left": direction(version.language) == "rtl",
            "stop_url": None,
            **dict(urls),
        }
        folder = f"{version.template}/{version.language}"
        if version.channel is ChannelKind.SMS:
            text = downgrade(reflow(self._fill(f"{folder}/sms.txt", variables), gap="\n"))
            return Rendered(subject=None, text=text, html=None, version=version, size=measure(text))
        return Rendered(
            subject=one_line(self._fill(f"{folder}/subject.txt", variables)),
            text=reflow(self._fill(f"{folder}/email.txt", variables), gap="\n\n"),
            html=with_inlined_styles(self._fill(f"{folder}/email.html", variables)),
            version=version,
            size=None,
        )

    def _fill(self, path: str, variables: Mapping[str, object]) -> str:
        try:
            return self._sandbox.get_template(path).render(variables)
        except WRONG_WORDS as error:
            frames = [
                frame for frame in extract_tb(error.__traceback__) if frame.filename in self.sources
            ]
            where = f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else path
            raise TemplateError(
                file_named(f"{where}: {error}: correct the template", self.files)
            ) from error


@lru_cache(maxsize=64)
def _with_page(content: Content, page: PageWords | None) -> Content:
    """Return messages with a page: of the same two it is the same object, which is judged once."""
    made = copy(content)
    made.own_page = page
    return made


@lru_cache(maxsize=8)
def _without(content: Content, pairs: frozenset[tuple[str, str]]) -> Content:
    made = copy(content)
    kept = {pair: one for pair, one in content._released.items() if pair not in pairs}  # noqa: SLF001 - a copy of this
    made._released = kept  # noqa: SLF001 - likewise
    return made
