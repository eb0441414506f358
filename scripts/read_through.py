"""Shows every message as a phone would, for whoever reads the words before approving them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from followup.content.library import Content, Rendered
from followup.content.version import ContentVersion
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.protocols.protocol import Protocol, Step

SCREEN = 36
"""Characters to a line in a text's bubble on an ordinary phone."""
PAGE = 76


def read_through_text(
    content: Content,
    *,
    clinic: Clinic,
    protocols: Iterable[Protocol],
    channels: Iterable[ChannelKind] = tuple(ChannelKind),
) -> str:
    """Return all messages of these protocols, and the answers to incoming texts, one after another.

    Each stands with its audience, its size and the id of its version.
    Drafts are shown too.
    """
    channels, protocols = tuple(channels), tuple(protocols)
    sections = [
        (
            f"{protocol.name}: {step.key}, to {_audience(step)}",
            step.template,
            len(step.occurrences),
            content.of(clinic.key, protocol.key),
        )
        for protocol in protocols
        for step in protocol.steps
    ]
    sent = {step.template for protocol in protocols for step in protocol.steps}
    shared = content.of(clinic.key)
    sections += [
        (f"{card.title}: {card.audience}", name, 1, shared)
        for name, card in shared.cards.items()
        if name not in sent
    ]
    known = {version.id for version in shared.versions()}
    for protocol in protocols:
        mine = content.of(clinic.key, protocol.key)
        own = {version.template for version in mine.versions() if version.id not in known}
        sections += [
            (f"{protocol.name}: {card.title}: {card.audience}", name, 1, mine)
            for name, card in mine.cards.items()
            if name in own - sent
        ]
    lines: list[str] = []
    for heading, template, times, words in sections:
        lines += ["", heading, "=" * len(heading)]
        versions = [
            version
            for language in clinic.languages
            for version in words.versions()
            if version.template == template and version.language == language
        ]
        for version in versions:
            if version.channel in channels:
                lines += _messages(words, version, clinic, times=times)
    return "\n".join(lines).strip() + "\n"


def _audience(step: Step) -> str:
    said = [f"{'' if is_so else 'not '}{attribute}" for attribute, is_so in _answers(step)]
    return " and ".join(said).replace("_", " ") or "everyone"


def _answers(step: Step) -> list[tuple[str, bool]]:
    return [(predicate.attribute, predicate.equals) for predicate in step.audience]


def _messages(
    content: Content, version: ContentVersion, clinic: Clinic, *, times: int
) -> Iterator[str]:
    for occurrence in range(1, times + 1):
        message = content.proof(version, clinic, occurrence=occurrence, occurrences=times)
        yield ""
        yield f"{version.channel} in {version.language}, {occurrence} of {times}, {_size(message)}"
        yield f"version {version.id}, {version.standing}"
        yield from _bubble(message)


def _size(message: Rendered) -> str:
    if message.size is None:
        return f"{len(message.text.split())} words"
    return (
        f"{message.size.segments} segments, {message.size.units} units in {message.size.encoding}"
    )


def _bubble(message: Rendered) -> Iterator[str]:
    width = PAGE if message.size is None else SCREEN
    text = message.text if message.subject is None else f"{message.subject}\n\n{message.text}"
    yield f"╭{'─' * (width + 2)}╮"
    for paragraph in text.split("\n"):
        for line in wrap(paragraph, width) or [""]:
            yield f"│ {line:{width}} │"
    yield f"╰{'─' * (width + 2)}╯"
