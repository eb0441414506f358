"""What is said to patients: every text as a clinic sends it, for the safety rules to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape

from followup.content.check import END_OF_BLOCK, PROCEDURE_MOVED, REPLY_TEMPLATES
from followup.content.layout import visible_text
from followup.content.library import EXAMPLE_ADDRESSES, Content, Form
from followup.content.phrases import phrases_among
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError
from followup.domain.protocols.protocol import Protocol, Step
from followup.domain.safety.said import SaidText

PAGE = "the patient's own page"


def said_by_protocol(
    content: Content, protocol: Protocol, clinics: Sequence[Clinic]
) -> list[SaidText]:
    """Return what the steps of a protocol say, in each form, language and channel there is."""
    return [
        text
        for clinic in clinics
        for step in protocol.steps
        for channel in step.channels
        for language in clinic.languages
        for text in _said(
            content.of(clinic.key, protocol.key),
            step.template,
            language,
            channel,
            clinic,
            step=step,
            protocol=protocol.key,
        )
    ]


def said_otherwise(
    content: Content, protocols: Sequence[Protocol], clinics: Sequence[Clinic]
) -> list[SaidText]:
    """Return what no step sends: answers, phrases, word of a procedure that has moved.

    Those that all protocols share once, and those that a protocol has for itself.
    """
    found: list[SaidText] = []
    for clinic in clinics:
        known = set[str]()
        for protocol in (None, *(each.key for each in protocols)):
            mine = content.of(clinic.key, protocol)
            texts = _otherwise(mine, clinic, protocol)
            found += [text for text in texts if text.version not in known]
            known |= {version.id for version in mine.versions()}
    return found


def _otherwise(content: Content, clinic: Clinic, protocol: str | None) -> Iterator[SaidText]:
    for template in (*REPLY_TEMPLATES, PROCEDURE_MOVED, *phrases_among(content.cards)):
        for language in clinic.languages:
            for channel in ChannelKind:
                yield from _said(content, template, language, channel, clinic, protocol=protocol)


def said_on_page(
    content: Content, protocol: Protocol, clinics: Sequence[Clinic]
) -> Iterator[SaidText]:
    """Yield the leaflet of a protocol as each clinic's patients see it on their own page."""
    for clinic in clinics:
        page = content.page(clinic.key, protocol.key)
        for language in clinic.languages:
            leaflet = page.leaflet(protocol.key, language, clinic)
            if leaflet is not None:
                blocks = END_OF_BLOCK.split(f"{leaflet.urgent}{leaflet.body}")
                yield SaidText(
                    template=PAGE,
                    language=language,
                    channel=None,
                    clinic=clinic,
                    text="\n".join(visible_text(block) for block in blocks),
                    sendable=page.shows(language),
                    protocol=protocol.key,
                )


def _said(
    content: Content,
    template: str,
    language: str,
    channel: ChannelKind,
    clinic: Clinic,
    *,
    step: Step | None = None,
    protocol: str | None = None,
) -> Iterator[SaidText]:
    try:
        version = content.version(template, language=language, channel=channel)
    except TemplateError:
        # What is not there is a fault of its own, or another language goes out.
        return
    asks = step is not None and step.reply_within is not None
    forms = [Form(office_open=False), *([Form(asks_reply=True)] if asks else [])]
    many = len(step.occurrences) if step else 1
    for occurrence in range(1, many + 1):
        for form in forms:
            for extra in ({}, EXAMPLE_ADDRESSES):
                try:
                    message = content.proof(
                        version,
                        clinic,
                        occurrence=occurrence,
                        occurrences=many,
                        form=form,
                        extra=extra,
                    )
                except TemplateError:
                    continue
                yield SaidText(
                    template=template,
                    version=version.id,
                    language=language,
                    channel=channel,
                    clinic=clinic,
                    text=message.text,
                    subject=message.subject,
                    links=_links(message.html),
                    size=message.size,
                    sendable=version.sendable,
                    step=step,
                    protocol=protocol,
                    occurrence=occurrence,
                )


def _links(html: str | None) -> tuple[str, ...]:
    return tuple(unescape(link) for link in re.findall(r'href="([^"]*)"', html or ""))
