"""Use of the source: every sentence said or left out with a reason, and quoted word for word."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from followup.domain.protocols.protocol import Protocol
from followup.domain.safety.finding import SafetyFinding

BULLETS = re.compile("[•‣▪●]")
PLACEHOLDER = re.compile(r"\[[^\]]+\]")
"""Where a card says `[its number]`, the document has the clinic's own."""


def flat(text: str) -> str:
    """Return a text on one line, without bullets, as it is compared."""
    return " ".join(BULLETS.sub(" ", unicodedata.normalize("NFC", text)).split())


def document_sentences(text: str) -> list[str]:
    """Return the sentences of a document in order: its headings and questions are none."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        for line in BULLETS.split(block):
            found += [part for part in split_sentences(line) if part[-1] in ".:!"]
    return found


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, flat."""
    return [part for part in re.split(r"(?<=[.!?])\s+", flat(text)) if part]


def document_kept(protocol: Protocol) -> Iterator[SafetyFinding]:
    """Find a source that is not kept, or not the one that the words were written from."""
    source, where = protocol.source, f"protocol {protocol.key}"
    if source.document is None:
        yield SafetyFinding(
            rule="source-kept",
            sentence=(
                f"{where}: its source is not kept: put its text into sources, and name it in "
                "[source] with document and sha256"
            ),
            grave=False,
        )
    elif source.text is None:
        yield SafetyFinding(
            rule="source-digest",
            sentence=f"{where}: sources/{source.document} is not there: put it back",
        )
    elif (found := hashlib.sha256(source.text.encode()).hexdigest()) != source.sha256:
        yield SafetyFinding(
            rule="source-digest",
            sentence=(
                f"{where}: sources/{source.document} is not what the words were written from: "
                "put it back; or read the words against it, have them approved, and write sha256 "
                f'= "{found}"'
            ),
        )


@dataclass(frozen=True, slots=True)
class QuotingCard:
    """The sentences that a message rests on, and the protocols that send it: none of an answer."""

    message: str
    sentences: tuple[str, ...]
    senders: frozenset[str] = frozenset()


def word_for_word(
    protocols: Iterable[Protocol], cards: Iterable[QuotingCard]
) -> Iterator[SafetyFinding]:
    """Find quotations that do not stand in the document.

    What a card quotes must stand in a document of one of the protocols that send the message, or
    of any where none does.
    """
    protocols = [protocol for protocol in protocols if protocol.source.text is not None]
    texts = {protocol.key: flat(protocol.source.text or "") for protocol in protocols}
    for protocol in protocols:
        for step in protocol.steps:
            for sentence in split_sentences(step.source):
                if not _stands(sentence, texts[protocol.key]):
                    yield _no_quotation(
                        f'protocol {protocol.key}, step "{step.key}"', sentence, protocol
                    )
        for left_out in protocol.left_out:
            if flat(left_out.sentence) not in texts[protocol.key]:
                yield _no_quotation(
                    f"protocol {protocol.key}, left_out", left_out.sentence, protocol
                )
    for card in cards:
        kept = [each for each in protocols if not card.senders or each.key in card.senders]
        for sentence in card.sentences if kept else ():
            if not any(
                all(_stands(part, texts[each.key]) for part in split_sentences(sentence))
                for each in kept
            ):
                yield _no_quotation(f"message {card.message}, its card", sentence, kept[0])


def all_sentences_weighed(protocol: Protocol) -> Iterator[SafetyFinding]:
    """Find sentences of the document that no step rests on and that are not listed as left out."""
    if protocol.source.text is None:
        return
    used = flat(" ".join(step.source for step in protocol.steps))
    left_out = {flat(each.sentence) for each in protocol.left_out}
    for sentence in document_sentences(protocol.source.text):
        if sentence not in used and not any(sentence in each for each in left_out):
            yield SafetyFinding(
                rule="source-left-out",
                sentence=(
                    f'protocol {protocol.key}: no step rests on "{sentence}": use it, or list it '
                    "under left_out with a reason"
                ),
            )


def _stands(sentence: str, text: str) -> bool:
    parts = PLACEHOLDER.split(sentence)
    return re.search(".{1,60}?".join(re.escape(part) for part in parts), text) is not None


def _no_quotation(where: str, sentence: str, protocol: Protocol) -> SafetyFinding:
    return SafetyFinding(
        rule="source-word-for-word",
        sentence=(
            f'{where}: "{flat(sentence)}" does not stand in sources/{protocol.source.document}: '
            "quote it word for word"
        ),
    )
