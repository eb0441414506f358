"""Contradictions: a sign called common by one text and urgent by another of the same week.

English alone is looked at; other languages are for whoever reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from followup.domain.safety.finding import SafetyFinding
from followup.domain.safety.said import SaidText

WEEK_DAYS = 7
SOOTHING = re.compile(
    r"\bcommon\b|\bnormal\b|\bexpected\b|\bshould (?:\w+ )?settl|\bmay (?:be|feel|get|have)\b"
    r"|\b(?:do not|don't|no need to|nothing to) worry\b|\bwear off\b",
    re.IGNORECASE,
)
_UNTIL = r"\btoday\b|\bon the day\b|\bfirst (?:day|night|24 hours|few hours)\b|\bfor a few hours\b"


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign: how a text names it, and the words that tell the harmless kind from the urgent."""

    name: str
    named: re.Pattern[str]
    soothed: re.Pattern[str]
    told_apart: re.Pattern[str]


def _sign(name: str, named: str, *, soothed: str, told_apart: str) -> Sign:
    parts = (re.compile(part, re.IGNORECASE) for part in (named, soothed, told_apart))
    return Sign(name, *parts)


SIGNS = (
    _sign(
        "pain",
        r"\bpain\b(?! ?killer| clinic)",
        soothed=r"\bpain\b(?! clinic)",
        told_apart=r"\busual pain\b|\bpain (?:that )?you (?:had|have had|know)\b|\bextra pain\b",
    ),
    _sign("numbness", r"\bnumb", soothed=r"\bnumb", told_apart=_UNTIL),
    _sign("weakness", r"\bweak", soothed=r"\bweak|\bheav", told_apart=_UNTIL),
    _sign("fever", r"\bfever|\btemperature\b", soothed=r"\bfever|\btemperature\b", told_apart="^$"),
    _sign("bleeding", r"\bbleed|\bblood\b(?! sugar)", soothed=r"\bbleed", told_apart=_UNTIL),
)


def contradictions(said: Sequence[SaidText]) -> Iterator[SafetyFinding]:
    """Find what is called common without saying which kind, where the sign is urgent that week."""
    ours = [text for text in said if text.language.partition("-")[0] == "en"]
    for sign in SIGNS:
        warnings = [
            (text, sentence) for text in ours if text.warns for sentence in _urgent(text, sign)
        ]
        for text in ours:
            for sentence in _soothing(text, sign):
                against = _against(text, sentence, warnings)
                if against is not None:
                    other, urgent = against
                    yield SafetyFinding(
                        rule="contradiction",
                        sentence=(
                            f'{text.where}: "{sentence}" soothes about {sign.name}, and '
                            f'{other.where} says "{urgent}": say which {sign.name}, or until when'
                        ),
                        grave=text.sendable and other.sendable,
                    )


def _urgent(text: SaidText, sign: Sign) -> list[str]:
    return [
        sentence
        for sentence in text.sentences
        if sign.named.search(sentence) and not SOOTHING.search(sentence)
    ]


def _soothing(text: SaidText, sign: Sign) -> list[str]:
    return [
        sentence
        for sentence in text.sentences
        if SOOTHING.search(sentence)
        and sign.soothed.search(sentence)
        and not sign.told_apart.search(sentence)
    ]


def _against(
    text: SaidText, sentence: str, warnings: Sequence[tuple[SaidText, str]]
) -> tuple[SaidText, str] | None:
    return next(
        (
            (other, urgent)
            for other, urgent in warnings
            if urgent != sentence
            and other.clinic.key == text.clinic.key
            and abs(other.day - text.day) <= WEEK_DAYS
        ),
        None,
    )
