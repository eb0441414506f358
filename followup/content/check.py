"""Content check: what is wrong with messages as they would be sent, and what is unsettled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from followup.content.layout import visible_text, words
from followup.content.library import Content, Form, Rendered
from followup.content.metadata import Meta
from followup.content.page_words import PageWords
from followup.content.version import ApprovalStatus, ContentVersion
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError
from followup.domain.file_shape import did_you_mean
from followup.domain.protocols.protocol import Protocol, Step
from followup.domain.text.plain_language import findings

REPLY_TEMPLATES = (
    "reply-stopped",
    "reply-started",
    "reply-signs",
    "reply-calling",
    "reply-emergency",
    "reply-crisis",
    "reply-sugar-emergency",
    "reply-red-flag",
    "reply-red-flag-stopped",
    "reply-sugar",
    "reply-pain-late",
    "reply-question",
    "reply-wrong-person",
)
"""The answers to incoming texts: every language needs them, whatever the protocols send."""

NUMBER_CHECK = "number-check"
"""The test text by which a number is confirmed, before any protocol is chosen."""

EXAMPLE_ADDRESSES = {
    "stop_url": "https://example.com/stop",
    "page_url": "https://example.com/p/0123456789abcdef",
}

_TYPED = re.compile(r"\+?\d[\d ]{5,}\d|https?://|www\.|[\w.]+@[\w.]+")
"""A phone number, a link or an address. NHS 111 and 999 are too short to be meant."""
NATIONAL = frozenset({"116 123"})
"""Numbers that are the same for every clinic: Samaritans."""


def content_faults(
    content: Content, *, clinics: Iterable[Clinic], protocols: Iterable[Protocol]
) -> tuple[str, ...]:
    """Return a sentence for each thing that must be mended before anything is sent."""
    clinics = tuple(clinics)
    found = [*_typed_facts(content, clinics)]
    for protocol in protocols:
        for step in protocol.steps:
            found += _of_step(content, clinics, step, f'protocol {protocol.key}, step "{step.key}"')
    for clinic in clinics:
        for always in (*REPLY_TEMPLATES, NUMBER_CHECK):
            found += _unsendable(
                content, always, clinic.languages[0], ChannelKind.SMS, f"clinic {clinic.key}"
            )
        for version in content.versions():
            if version.language in clinic.languages:
                found += _of_messages(content, version, clinic)
    return tuple(dict.fromkeys(found))


def content_reservations(
    content: Content, *, clinics: Iterable[Clinic], today: date
) -> tuple[str, ...]:
    """Return a sentence for each thing that the clinic should settle, with what to do about it."""
    clinics = tuple(clinics)
    return (
        *_unapproved(content),
        *_unwritten(content, clinics),
        *_page(clinics, today=today),
        *(
            f"message {name}: its words were to be read again by {_day(card.review_due)}: have "
            "them reviewed, and set review_due in its meta.toml"
            for name, card in content.cards.items()
            if today > card.review_due
        ),
        *(
            sentence
            for clinic in clinics
            for version in content.versions()
            if version.language in clinic.languages
            for sentence in _hard_to_send_or_read(content, version, clinic)
        ),
    )


def _typed_facts(content: Content, clinics: Sequence[Clinic]) -> Iterator[str]:
    names = {
        fact.casefold()
        for clinic in clinics
        for fact in (clinic.name, clinic.short_name, clinic.emergency_department)
    }
    for path, source in content.sources.items():
        if path.endswith(".css"):
            continue
        found = [name for name in names if name in source.casefold()]
        typed = [match.group() for match in _TYPED.finditer(source)]
        found += [one for one in typed if one not in NATIONAL]
        for fact in found:
            yield (
                f'{path}: holds "{fact}": take names, numbers and addresses from the clinic, as in '
                "{{ clinic.phone }}"
            )


def _of_step(content: Content, clinics: Sequence[Clinic], step: Step, where: str) -> Iterator[str]:
    card = content.cards.get(step.template)
    if card is None:
        hint = did_you_mean(step.template, content.cards)
        yield f'{where}: there is no message "{step.template}"; {hint}'
        return
    if len(step.occurrences) > card.occurrences:
        yield (
            f"{where}: sends {step.template} {len(step.occurrences)} times, and its words are made "
            f"for {card.occurrences}: read them, then raise occurrences in its meta.toml"
        )
    for clinic in clinics:
        # Whoever reads another language gets the first one until theirs is approved.
        for channel in step.channels:
            yield from _unsendable(content, step.template, clinic.languages[0], channel, where)


def _unsendable(
    content: Content, template: str, language: str, channel: ChannelKind, where: str
) -> Iterator[str]:
    try:
        version = content.version(template, language=language, channel=channel)
    except TemplateError as error:
        yield f"{where}: {error}"
        return
    if not version.sendable:
        yield (
            f"{where}: the words of {template} in {language} for {channel} are {version.standing}: "
            "have a clinician approve them, and say so in its meta.toml"
        )


def _of_messages(content: Content, version: ContentVersion, clinic: Clinic) -> Iterator[str]:
    for occurrence in _occurrences(content, version):
        for extra in ({}, EXAMPLE_ADDRESSES):
            try:
                message = content.proof(version, clinic, occurrence=occurrence, extra=extra)
            except TemplateError as error:
                yield str(error)
                continue
            if message.html and words(message.text) != words(visible_text(message.html)):
                yield (
                    f"{version.template}/{version.language}: email.txt and email.html do not say "
                    f"the same{_nth(occurrence)}: make their words alike"
                )


def _hard_to_send_or_read(
    content: Content, version: ContentVersion, clinic: Clinic
) -> Iterator[str]:
    where = f"clinic {clinic.key}: {version.template}/{version.language} by {version.channel}"
    card = content.cards[version.template]
    for occurrence in _occurrences(content, version):
        for form in (Form(), Form(office_open=False)):
            message = content.proof(version, clinic, occurrence=occurrence, form=form)
            for sentence in [*_too_long(message, card), *_hard_words(message)]:
                yield f"{where}{_nth(occurrence)}: {sentence}"


def _too_long(message: Rendered, card: Meta) -> Iterator[str]:
    size, language = message.size, message.version.language
    limit = card.limit(language)
    if size is not None and size.encoding != "GSM-7" and language not in card.segments_in:
        yield (
            f"needs {size.encoding}, which halves what a segment holds: take special characters "
            "out of its words, or of the clinic's facts"
        )
    if size is not None and size.segments > limit:
        yield (
            f"takes {size.segments} segments, where {limit} are meant: shorten its words, or the "
            "clinic's short_name"
        )


def _hard_words(message: Rendered) -> Iterator[str]:
    is_email = message.version.channel is ChannelKind.EMAIL
    for text in (message.subject or "", message.text):
        for finding in findings(text, language=message.version.language, links=is_email):
            yield str(finding)


def _unapproved(content: Content) -> Iterator[str]:
    for standing in (ApprovalStatus.DRAFT, ApprovalStatus.CHANGED):
        versions = [version for version in content.versions() if version.standing is standing]
        for language in sorted({version.language for version in versions}):
            mine = [version for version in versions if version.language == language]
            names = ", ".join(dict.fromkeys(version.template for version in mine))
            why = (
                "no clinician has approved"
                if standing is ApprovalStatus.DRAFT
                else "someone has changed since approval"
            )
            yield f"messages in {language}: {why} the words of {names}"


def _unwritten(content: Content, clinics: Sequence[Clinic]) -> Iterator[str]:
    for language in dict.fromkeys(each for clinic in clinics for each in clinic.languages[1:]):
        written = {
            version.template for version in content.versions() if version.language == language
        }
        if names := ", ".join(sorted(content.cards.keys() - written)):
            yield f"messages in {language}: none of {names}: patients get the first language"


def _page(clinics: Sequence[Clinic], *, today: date) -> Iterator[str]:
    words = PageWords.load()
    if today > words.card.review_due:
        due = _day(words.card.review_due)
        yield f"the patient's page: its words were to be read again by {due}"
    for language in dict.fromkeys(each for clinic in clinics for each in clinic.languages):
        if language not in words.languages:
            yield f"the patient's page in {language}: is not there: patients see it in English"
        elif words.standing(language) is not ApprovalStatus.APPROVED:
            seen = "" if words.shows(language) else ": patients see it in English"
            yield f"the patient's page in {language}: no clinician has approved its words{seen}"


def _occurrences(content: Content, version: ContentVersion) -> range:
    return range(1, content.cards[version.template].occurrences + 1)


def _nth(occurrence: int) -> str:
    return f" at occurrence {occurrence}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
