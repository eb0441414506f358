"""Safety check: every message as each clinic sends it, held against the safety rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from html import unescape
from urllib.parse import urlsplit

from followup.content.check import REPLY_TEMPLATES
from followup.content.library import EXAMPLE_ADDRESSES, Content, Form
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError
from followup.domain.protocols.protocol import Protocol, Step
from followup.domain.safety.finding import SafetyFinding
from followup.domain.safety.help_rules import Holidays
from followup.domain.safety.review import review_protocol, review_texts
from followup.domain.safety.said import SaidText
from followup.domain.safety.source_use import QuotingCard, word_for_word
from followup.domain.safety.text_rules import clinic_reachable

OUR_HOSTS = frozenset(
    host for host in (urlsplit(url).hostname for url in EXAMPLE_ADDRESSES.values()) if host
)
"""The hosts of the addresses that stand in for a patient's own."""


def safety_findings(
    content: Content,
    *,
    clinics: Iterable[Clinic],
    protocols: Iterable[Protocol],
    today: date,
    holidays: Holidays,
) -> tuple[SafetyFinding, ...]:
    """Return every breach of a safety rule, each once."""
    clinics, protocols = tuple(clinics), tuple(protocols)
    found = [*word_for_word(protocols, _cards(content, protocols))]
    for clinic in clinics:
        found += clinic_reachable(clinic)
    for protocol in protocols:
        found += review_protocol(
            protocol,
            said_by_protocol(content, protocol, clinics),
            from_day=today,
            holidays=holidays,
            hosts=OUR_HOSTS,
        )
    answers = [*_answers(content, clinics)]
    found += review_texts(answers, from_day=today, holidays=holidays, hosts=OUR_HOSTS)
    return tuple(dict.fromkeys(found))


def _cards(content: Content, protocols: Sequence[Protocol]) -> list[QuotingCard]:
    senders: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for protocol in protocols:
        own = content.of(protocol=protocol.key).cards
        for name in {step.template for step in protocol.steps} & own.keys():
            senders.setdefault((name, tuple(own[name].source)), set()).add(protocol.key)
    sent = {name for name, _ in senders}
    return [
        *(QuotingCard(name, said, frozenset(keys)) for (name, said), keys in senders.items()),
        *(
            QuotingCard(name, tuple(card.source))
            for name, card in content.cards.items()
            if name not in sent
        ),
    ]


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


def _answers(content: Content, clinics: Sequence[Clinic]) -> Iterator[SaidText]:
    for clinic in clinics:
        for template in REPLY_TEMPLATES:
            for language in clinic.languages:
                own = content.of(clinic.key)
                yield from _said(own, template, language, ChannelKind.SMS, clinic)


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
