"""Preview of a draft: a message in every form that patients get, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from followup.catalogue.bank_holidays import bank_holidays
from followup.content.check import faults_of_message, faults_of_page
from followup.content.layers import Reading, all_readings
from followup.content.library import EXAMPLE_ADDRESSES, Content, Form, Rendered
from followup.content.safety_check import safety_findings
from followup.content.version import ContentVersion
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError
from followup.domain.protocols.protocol import Protocol, Step
from followup.domain.text.plain_language import reading_grade
from followup.releases.in_force import read_words
from followup.store.models.words import ReleasedWords

USUAL = "usual"
FORMS = {
    USUAL: Form(),
    "closed": Form(office_open=False),
    "asks": Form(asks_reply=True),
    "large": Form(large_print=True),
}
"""Each form of a message by the word that stands for it in an address."""
NAMES = {
    "sms.txt": "The text message",
    "subject.txt": "The subject of the e-mail",
    "email.html": "The e-mail",
    "email.txt": "The e-mail without layout",
}
"""What the files of a message are called, in the order in which an author edits them."""
AGE_OF_GRADE = 5
"""A school grade of the United States, and so many years, is the age of its pupils."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One form of a message: who gets it so (`form`), and which time it is."""

    language: str
    form: str
    occurrence: int
    made: Rendered

    @property
    def reading_age(self) -> int | None:
        """The age that reads it with ease, by Flesch and Kincaid; of English alone."""
        if self.language.partition("-")[0] != "en":
            return None
        return max(AGE_OF_GRADE, round(reading_grade(self.made.text) + AGE_OF_GRADE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a protocol at a clinic, with the words that it would have."""

    content: Content
    clinic: Clinic
    protocol: Protocol
    template: str

    @property
    def occurrences(self) -> int:
        """How often it comes at most."""
        mine = [len(step.occurrences) for step in self._steps()]
        return max(mine, default=1)

    @property
    def languages(self) -> list[str]:
        """The languages that it has words in, as the clinic's patients are written to."""
        there = {one.language for one in self._versions()}
        return [language for language in self.clinic.languages if language in there]

    def shapes(self, channel: ChannelKind, language: str) -> list[Shape]:
        """Return its forms on a channel that differ; raise `TemplateError` for what can't be."""
        found: dict[tuple[object, ...], Shape] = {}
        for version in self._versions():
            if (version.channel, version.language) == (channel, language):
                for shape in self._forms(version):
                    made = shape.made
                    found.setdefault((made.subject, made.text, made.html), shape)
        return list(found.values())

    def shape(self, channel: ChannelKind, language: str, form: str, occurrence: int) -> Rendered:
        """Return one form of it; raise `TemplateError` where there are no such words."""
        version = self.content.version(self.template, language=language, channel=channel)
        return self.content.proof(
            version,
            self.clinic,
            occurrence=min(max(occurrence, 1), self.occurrences),
            occurrences=self.occurrences,
            form=FORMS.get(form, FORMS[USUAL]),
            extra=EXAMPLE_ADDRESSES,
        )

    def faults(self) -> tuple[str, ...]:
        """Return what is wrong with it, or hard to read in it."""
        return faults_of_message(self.content, self._readings())

    def _readings(self) -> Iterator[Reading]:
        for version in self._versions():
            for occurrence in range(1, self.occurrences + 1):
                if version.language in self.clinic.languages:
                    yield Reading(
                        key=(self.clinic.key, self.protocol.key),
                        content=self.content,
                        version=version,
                        clinic=self.clinic,
                        occurrence=occurrence,
                        occurrences=self.occurrences,
                    )

    def _forms(self, version: ContentVersion) -> Iterator[Shape]:
        asks = any(step.reply_within is not None for step in self._steps())
        for occurrence in range(1, self.occurrences + 1):
            for form in FORMS:
                if form == "asks" and not asks:
                    continue
                made = self.shape(version.channel, version.language, form, occurrence)
                yield Shape(language=version.language, form=form, occurrence=occurrence, made=made)

    def _versions(self) -> list[ContentVersion]:
        return [one for one in self.content.versions() if one.template == self.template]

    def _steps(self) -> Iterator[Step]:
        return (step for step in self.protocol.steps if step.template == self.template)


def new_findings(
    app: AppContext, pair: tuple[str, str], content: Content, *, before: Content
) -> tuple[str, ...]:
    """Return what is wrong with any message of a protocol in these words, and not in those before.

    A part that messages share is in many: what is too long, hard to read or against a safety rule
    is told of each. `before` are the words that are in force.
    """
    clinic, protocol = app.catalogue.clinics[pair[0]], app.catalogue.protocols[pair[1]]
    today = app.clock.now().date()
    known = set(_findings(before, clinic, protocol, today))
    return tuple(one for one in _findings(content, clinic, protocol, today) if one not in known)


def protocol_findings(
    app: AppContext, clinic: Clinic, protocol: Protocol, *, before: Protocol
) -> tuple[str, ...]:
    """Return what is wrong with the messages of a protocol at a clinic, and not with those before.

    The protocols are two of one key.
    """
    content = app.content.paged(clinic.key, protocol.key)
    today = app.clock.now().date()
    known = set(_findings(content, clinic, before, today))
    return tuple(one for one in _findings(content, clinic, protocol, today) if one not in known)


def findings_of_words(app: AppContext, kept: ReleasedWords) -> tuple[str, ...]:
    """Return what is wrong with words that wait for approval, and not with those in force."""
    pair = (kept.clinic, kept.protocol)
    if pair[0] not in app.catalogue.clinics or pair[1] not in app.catalogue.protocols:
        return ()
    try:
        content = _laid_over(app.content.of_files.paged(*pair), kept.words)
    except (TemplateError, ValueError) as error:
        return (str(error),)
    return new_findings(app, pair, content, before=app.content.paged(*pair))


@lru_cache(maxsize=4)
def _laid_over(files: Content, words: str) -> Content:
    return files.over(read_words(words))


@lru_cache(maxsize=8)
def _findings(content: Content, clinic: Clinic, protocol: Protocol, today: date) -> tuple[str, ...]:
    readings = all_readings(content, clinics=[clinic], protocols=[protocol])
    ours = (one for one in readings if one.version.language in clinic.languages)
    found = safety_findings(
        content, clinics=[clinic], protocols=[protocol], today=today, holidays=bank_holidays
    )
    page = faults_of_page(content.page(clinic.key, protocol.key), protocol.key, clinic)
    return tuple(dict.fromkeys([*faults_of_message(content, ours), *page, *map(str, found)]))


def about(path: str, template: str, language: str) -> str:
    """Return what a file is, in the words of the page that edits it."""
    own = path.removeprefix(f"{template}/{language}/")
    return NAMES.get(own, path)


def place_of(path: str) -> int:
    """Return where a file stands among those that an author edits."""
    name = path.rpartition("/")[2]
    return [*NAMES].index(name) if name in NAMES else len(NAMES)
