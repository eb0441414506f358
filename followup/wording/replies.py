"""Replies: what fixed phrases say that a text is about, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from followup.domain.triage.intent import ReplyIntent
from followup.domain.triage.triage import ReplyClass
from followup.wording.formats import small, span
from followup.wording.terms import Term

REPLY_CLASSES: dict[ReplyClass, Term] = {
    ReplyClass.CRISIS: Term(
        "Crisis: words of despair",
        to_do="Phone now and stay on the line; ring 999 if there is danger. "
        "Nobody else has read it.",
    ),
    ReplyClass.EMERGENCY: Term(
        "Emergency",
        to_do="Phone now, and ring 999 for the patient if they do not answer. "
        "Nobody else has read it.",
    ),
    ReplyClass.SUGAR_EMERGENCY: Term(
        "Blood sugar emergency",
        to_do="Phone now: this blood sugar can't wait. Nobody else has read it.",
    ),
    ReplyClass.RED_FLAG: Term(
        "Red flag",
        to_do="Phone now: this may be one of the warning signs of the leaflet. "
        "Nobody else has read it.",
    ),
    ReplyClass.OTHER_LANGUAGE: Term(
        "In another language",
        "it may be anything",
        to_do="Have it translated now: it may be a warning sign. Nobody else has read it.",
    ),
    ReplyClass.WOUND: Term("Wound or dressing problem"),
    ReplyClass.SUGAR: Term("Blood sugar problem"),
    ReplyClass.DECEASED: Term(
        "Death of the patient",
        to_do="Phone the family or the GP. If the patient has died, end the follow-up.",
    ),
    ReplyClass.WRONG_PERSON: Term(
        "Wrong person",
        to_do="Find out whose number it is, then correct it or stop the texts.",
    ),
    ReplyClass.PAIN: Term("Pain problem"),
    ReplyClass.HELP: Term(
        "Request for help or a call", to_do="Phone the patient: they ask for it."
    ),
    ReplyClass.STOP: Term("Request to stop messages"),
    ReplyClass.START: Term("Request to restart messages"),
    ReplyClass.UNCLEAR: Term("Not recognised", "staff must read it"),
    ReplyClass.QUESTION: Term("Question about the practical side"),
    ReplyClass.THANKS: Term("Thanks"),
    ReplyClass.BENIGN: Term("Harmless"),
}
"""The gravest first; one without anything to do is read and judged by a person."""

REPLY_INTENTS: dict[ReplyIntent, str] = {
    ReplyIntent.STOP: "request to stop messages",
    ReplyIntent.STOP_AND_MORE: "request to stop messages, and more",
    ReplyIntent.START: "request to restart messages",
    ReplyIntent.ANSWER: "answer to our question",
    ReplyIntent.OTHER: "not read yet",
}
"""What a text asks for, as the reason why a person reads it."""

_BY_ITSELF = frozenset(
    {
        ReplyClass.OTHER_LANGUAGE,
        ReplyClass.STOP,
        ReplyClass.START,
        ReplyClass.UNCLEAR,
        ReplyClass.QUESTION,
        ReplyClass.THANKS,
        ReplyClass.BENIGN,
    }
)
"""What is said as it is: nobody would call it possible."""


def class_text(code: str) -> str:
    """Return a class as a clause: `possible red flag`, `thanks`."""
    each = ReplyClass(code)
    term = REPLY_CLASSES[each]
    label = small(term.label)
    if each not in _BY_ITSELF:
        return f"possible {label}"
    return f"{label}: {term.meaning}" if term.meaning else label


def possible_text(classes: Collection[str], phrases: Iterable[str] = ()) -> str:
    """Return what a reply may be about, and the words that say so; empty where none do.

    `Possible red flag: “leg feels weak”`.
    """
    known = [each for each in ReplyClass if each.value in classes and each not in _BY_ITSELF]
    if not known:
        return ""
    found = ", ".join(f"“{phrase}”" for phrase in phrases)
    labels = ", ".join(small(REPLY_CLASSES[each].label) for each in known)
    return f"Possible {labels}: {found}" if found else f"Possible {labels}"


def late_reply_text(minutes: int, withheld: str | None = None) -> str:
    """Return how late a text reached us, and that it was not answered where it was `withheld`."""
    late = f"This text reached us {span(timedelta(minutes=minutes))} late."
    return f"{late} It was too old for an automatic answer: none was sent." if withheld else late


def reply_to_do(classes: Collection[str]) -> str:
    """Return what to do about a reply, by the gravest class that says so; else an empty text."""
    return next(
        (
            term.to_do
            for each, term in REPLY_CLASSES.items()
            if each.value in classes and term.to_do
        ),
        "",
    )
