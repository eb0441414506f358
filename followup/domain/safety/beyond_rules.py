"""Beyond the source: what is said all the same is accepted by a clinician, or struck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from followup.domain.protocols.protocol import Beyond, Protocol, Standing
from followup.domain.safety.finding import SafetyFinding
from followup.domain.safety.said import SaidText


def beyond_the_source(protocol: Protocol, said: Sequence[SaidText]) -> Iterator[SafetyFinding]:
    """Find what was struck and is said, what nobody has decided, and what is said nowhere."""
    for each in protocol.beyond:
        where = [text.where for text in said if each.words.lower() in text.text.lower()]
        finding = _finding(each, where[0] if where else None)
        if finding is not None:
            rule, sentence, grave = finding
            yield SafetyFinding(
                rule=rule, sentence=f"protocol {protocol.key}, beyond: {sentence}", grave=grave
            )


def call_questions(protocol: Protocol) -> Iterator[SafetyFinding]:
    """Find the questions for calls that no clinician has decided on."""
    for each in protocol.call_questions:
        if each.is_draft:
            asks = f'"{each.asks}": have a clinician accept or strike it'
            yield SafetyFinding(
                rule="call-question-proposed",
                sentence=f"protocol {protocol.key}, call_questions: {asks}",
                grave=False,
            )


def _finding(each: Beyond, where: str | None) -> tuple[str, str, bool] | None:
    if each.standing is Standing.STRUCK:
        struck = f'"{each.words}" was struck and stands in {where}: take it out'
        return None if where is None else ("beyond-struck", struck, True)
    if where is None:
        nowhere = f'"{each.words}" stands in no message: take the entry out, or correct its words'
        return "beyond-proposed", nowhere, False
    if each.standing is Standing.PROPOSED:
        asks = f'"{each.says}" ({each.source}): have a clinician accept or strike it'
        return "beyond-proposed", asks.replace(".)", ")"), False
    return None
