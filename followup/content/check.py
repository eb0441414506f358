"""Content check: what is wrong with messages as they would be sent, and what is unsettled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from followup.content.layers import Reading, all_readings
from followup.content.layout import visible_text, words
from followup.content.library import EXAMPLE_ADDRESSES, Content, Form, Key, Rendered
from followup.content.metadata import Meta
from followup.content.page_words import PageWords
from followup.content.phrases import SHIPPED_PHRASES, is_phrase
from followup.content.sources import CARD
from followup.content.version import SHIPPED_LANGUAGE, ApprovalStatus
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

PROCEDURE_MOVED = "procedure-moved"
"""What a patient is told who was sent advice too early, because the procedure has moved."""

END_OF_BLOCK = re.compile(r"</(?:p|li|h\d)>")

_TYPED = re.compile(r"\+?\d[\d ]{5,}\d|https?://|www\.|[\w.]+@[\w.]+")
"""A phone number, a link or an address. NHS 111 and 999 are too short to be meant."""
NATIONAL = frozenset({"116 123"})
"""Numbers that are the same for every clinic: Samaritans."""


def content_faults(
    content: Content, *, clinics: Iterable[Clinic], protocols: Iterable[Protocol]
) -> tuple[str, ...]:
    """Return a sentence for each thing that must be mended before anything is sent."""
    clinics, protocols = tuple(clinics), tuple(protocols)
    found = [*_typed_facts(content, clinics)]
    for protocol in protocols:
        for step in protocol.steps:
            found += _of_step(content, clinics, protocol, step)
    for key, variant in content.variants():
        for clinic in clinics:
            for always in (
                (*REPLY_TEMPLATES, *SHIPPED_PHRASES, NUMBER_CHECK)
                if key[0] in {None, clinic.key}
                else ()
            ):
                found += _unsendable(
                    variant, always, clinic.languages[0], ChannelKind.SMS, f"clinic {clinic.key}"
                )
            for channel in ChannelKind if key[0] in {None, clinic.key} else ():
                found += _unsendable(
                    variant, PROCEDURE_MOVED, clinic.languages[0], channel, f"clinic {clinic.key}"
                )
    for reading in all_readings(content, clinics=clinics, protocols=protocols):
        if reading.version.language in reading.clinic.languages:
            found += _of_messages(reading)
    return tuple(dict.fromkeys(found))


def content_reservations(
    content: Content,
    *,
    clinics: Iterable[Clinic],
    protocols: Iterable[Protocol] = (),
    today: date,
) -> tuple[str, ...]:
    """Return a sentence for each thing that the clinic should settle, with what to do about it."""
    clinics, protocols = tuple(clinics), tuple(protocols)
    cards = {
        (name, card.review_due): key
        for key, variant in reversed([*content.variants()])
        for name, card in variant.cards.items()
    }
    return tuple(
        dict.fromkeys(
            (
                *_unapproved(content),
                *_unwritten(content, clinics),
                *_page(content, clinics, today=today),
                *_unsent(content, protocols),
                *_left_behind(content),
                *(
                    f"message {name}{_whose(key)}: its words were to be read again by "
                    f"{_day(due)}: have them reviewed, and set review_due in its meta.toml"
                    for (name, due), key in cards.items()
                    if today > due
                ),
                *(
                    sentence
                    for reading in all_readings(content, clinics=clinics, protocols=protocols)
                    if reading.version.language in reading.clinic.languages
                    for sentence in _hard_to_send_or_read(reading)
                ),
            )
        )
    )


def faults_of_message(content: Content, readings: Iterable[Reading]) -> tuple[str, ...]:
    """Return a sentence for each thing that is wrong with, or hard to read in, these readings."""
    readings = tuple(readings)
    found = [
        *_typed_facts(content, list({one.clinic.key: one.clinic for one in readings}.values()))
    ]
    for reading in readings:
        found += _of_messages(reading)
        found += _hard_to_send_or_read(reading)
    return tuple(dict.fromkeys(found))


def faults_of_steps(
    content: Content, clinics: Sequence[Clinic], protocol: Protocol
) -> tuple[str, ...]:
    """Return a sentence for each step of a protocol that has no words which may be sent."""
    found = [one for step in protocol.steps for one in _of_step(content, clinics, protocol, step)]
    return tuple(dict.fromkeys(found))


def faults_of_page(page: PageWords, protocol: str, clinic: Clinic) -> Iterator[str]:
    """Yield what is wrong with, or hard to read in, a leaflet and the phrases of page and card."""
    for language in clinic.languages:
        where = f"the leaflet in {language}"
        leaflet = page.leaflet(protocol, language, clinic)
        if leaflet is None:
            continue
        if not visible_text(str(leaflet.urgent)).strip():
            yield f"{where}: names no warning sign: write them in its block urgent"
        if not leaflet.title:
            yield f"{where}: has no title: write it in its block title"
        blocks = END_OF_BLOCK.split(f"{leaflet.urgent}{leaflet.body}")
        text = "\n".join(visible_text(block) for block in blocks)
        for finding in findings(text, language=language):
            yield f"{where}: {finding}"
    texts = page.texts(protocol, clinic.languages)
    yield from _facts_in({f"patient/{path}": text for path, text in texts.items()}, [clinic])


def _typed_facts(content: Content, clinics: Sequence[Clinic]) -> Iterator[str]:
    yield from _facts_in(_files(content), clinics)


def _facts_in(files: Mapping[str, str], clinics: Sequence[Clinic]) -> Iterator[str]:
    names = {
        fact.casefold()
        for clinic in clinics
        for fact in (clinic.name, clinic.short_name, clinic.emergency_department)
    }
    for file, source in files.items():
        if file.endswith(".css"):
            continue
        found = [name for name in names if name in source.casefold()]
        typed = [match.group() for match in _TYPED.finditer(source)]
        found += [one for one in typed if one not in NATIONAL]
        for fact in found:
            yield (
                f'{file}: holds "{fact}": take names, numbers and addresses from the clinic, as in '
                "{{ clinic.phone }}"
            )


def _files(content: Content) -> dict[str, str]:
    """Return the text of every file that a message is made of, by its name."""
    return {
        f"{path}, written in the console{_whose(key)}"
        if path in variant.released
        else variant.files.get(path, path): source
        for key, variant in content.variants()
        for path, source in variant.sources.items()
    }


def _of_step(
    content: Content, clinics: Sequence[Clinic], protocol: Protocol, step: Step
) -> Iterator[str]:
    where = f'protocol {protocol.key}, step "{step.key}"'
    for clinic in clinics:
        mine = content.of(clinic.key, protocol.key)
        if step.template not in mine.cards:
            hint = did_you_mean(step.template, mine.cards)
            yield f'{where}: there is no message "{step.template}"; {hint}'
            continue
        # Whoever reads another language gets the first one until theirs is approved.
        for channel in step.channels:
            yield from _unsendable(mine, step.template, clinic.languages[0], channel, where)


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


def _of_messages(reading: Reading) -> Iterator[str]:
    version = reading.version
    for extra in ({}, EXAMPLE_ADDRESSES):
        try:
            message = reading.rendered(extra=extra)
        except TemplateError as error:
            yield str(error)
            continue
        if message.html and words(message.text) != words(visible_text(message.html)):
            yield (
                f"{version.template}/{version.language}{_whose(reading.key)}: email.txt and "
                f"email.html do not say the same{_nth(reading.occurrence)}: make their words alike"
            )


def _hard_to_send_or_read(reading: Reading) -> Iterator[str]:
    version = reading.version
    where = (
        f"clinic {reading.clinic.key}: {version.template}/{version.language}"
        f"{_whose((None, reading.key[1]))} by {version.channel}"
    )
    card = reading.content.cards[version.template]
    for form in (Form(), Form(office_open=False)):
        message = reading.rendered(form)
        for sentence in [*_too_long(message, card), *_hard_words(message)]:
            yield f"{where}{_nth(reading.occurrence)}: {sentence}"


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
    shared = {version.id for version in content.versions()}
    versions = [
        (version, _whose(key))
        for key, variant in content.variants()
        for version in variant.versions()
        if version.standing is ApprovalStatus.DRAFT
        and (key == (None, None) or version.id not in shared)
    ]
    for language in sorted({version.language for version, _ in versions}):
        mine = [(one, whose) for one, whose in versions if one.language == language]
        names = ", ".join(dict.fromkeys(f"{one.template}{whose}" for one, whose in mine))
        yield f"messages in {language}: no clinician has approved the words of {names}"


def _unwritten(content: Content, clinics: Sequence[Clinic]) -> Iterator[str]:
    for language in dict.fromkeys(each for clinic in clinics for each in clinic.languages[1:]):
        written = {
            version.template for version in content.versions() if version.language == language
        }
        if names := ", ".join(sorted(content.cards.keys() - written)):
            yield f"messages in {language}: none of {names}: patients get the first language"


def _unsent(content: Content, protocols: Sequence[Protocol]) -> Iterator[str]:
    """Say which messages of the clinic's own no step sends, and nothing else either."""
    sent = {step.template for protocol in protocols for step in protocol.steps}
    always = {*REPLY_TEMPLATES, *SHIPPED_PHRASES, NUMBER_CHECK, PROCEDURE_MOVED}
    for _, variant in content.variants():
        for name in variant.cards.keys() - sent - always if protocols else ():
            if (path := f"{name}/{CARD}") in variant.own and not is_phrase(name):
                hint = did_you_mean(name, dict.fromkeys(sorted(sent | always)))
                yield f"{variant.files[path]}: no step of a protocol sends {name}; {hint}"


def _left_behind(content: Content) -> Iterator[str]:
    """Say where own words in one language stand beside the shipped ones in another."""
    for _, variant in content.variants():
        whose = {
            (one.template, one.language, one.channel): bool(variant.own & one.sources.keys())
            for one in variant.versions()
        }
        for (template, language, channel), own in whose.items():
            first = whose.get((template, SHIPPED_LANGUAGE, channel))
            if first and not own:
                yield (
                    f"message {template}: its words in {SHIPPED_LANGUAGE} are your own, and those "
                    f"in {language} are the shipped ones: see that they say the same"
                )


def _page(content: Content, clinics: Sequence[Clinic], *, today: date) -> Iterator[str]:
    for clinic in clinics:
        yield from _page_of(content.page(clinic.key), clinic, today=today)


def _page_of(words: PageWords, clinic: Clinic, *, today: date) -> Iterator[str]:
    if today > words.card.review_due:
        due = _day(words.card.review_due)
        yield f"the patient's page: its words were to be read again by {due}"
    for language in clinic.languages:
        if language not in words.languages:
            yield f"the patient's page in {language}: is not there: patients see it in English"
        elif words.standing(language) is not ApprovalStatus.APPROVED:
            seen = "" if words.shows(language) else ": patients see it in English"
            yield f"the patient's page in {language}: no clinician has approved its words{seen}"


def _whose(key: Key) -> str:
    """Return whose words they are, if not everybody's: ` of caudal-epidural`."""
    told = " at ".join(one for one in reversed(key) if one is not None)
    return f" of {told}" if told else ""


def _nth(occurrence: int) -> str:
    return f" at occurrence {occurrence}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
