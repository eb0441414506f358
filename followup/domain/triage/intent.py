"""What a text that came in asks for: to stop, to stop and something else, to start, or a person."""

from __future__ import annotations

import re
from enum import StrEnum

from followup.domain.consent import is_start, is_stop


class ReplyIntent(StrEnum):
    """What is done about an incoming text."""

    STOP = "stop"
    """No more messages, and nothing else: no person need read it."""
    STOP_AND_MORE = "stop-and-more"
    """No more messages, and something that a person must read."""
    START = "start"
    ANSWER = "answer"
    """The number that a text of ours asked for, and nothing else."""
    OTHER = "other"
    """A person must read it."""


# Only words that can hardly be about a treatment: "no more" and "end" within a longer text may be.
_PLAIN_REQUEST = re.compile(
    r"(?:please\s+)?(?:stop|stopall|unsubscribe|optout|opt)\b", re.IGNORECASE
)
_LEADING_STOP = re.compile(
    r"\W*(?:please\s+)?(stop|stopall|unsubscribe)\b[\W_]*(\w*)", re.IGNORECASE
)
_ABOUT_MESSAGES = frozenset({"texting", "messaging", "sending", "contacting"})
_ABOUT_TREATMENT = re.compile(r"\w+ing|the|my|a|an|this|that|these|those", re.IGNORECASE)


def reply_intent(text: str, *, opt_out_type: str | None = None) -> ReplyIntent:
    """Return what a text asks for.

    `opt_out_type` is what the provider made of it, and has acted on: STOP, START or HELP.

    "STOP cant feel my legs" is both a request and a cry for help. "Stop taking the tablets?" is a
    question: in doubt nothing is stopped, because the person who reads it can still do that, while
    nobody would notice advice that was stopped by mistake.
    """
    if is_stop(text) or _says_nothing_but_stop(text):
        return ReplyIntent.STOP
    if opt_out_type == "STOP":
        return ReplyIntent.STOP_AND_MORE if text.strip() else ReplyIntent.STOP
    if _asks_and_more(text):
        return ReplyIntent.STOP_AND_MORE
    if is_start(text) or opt_out_type == "START":
        return ReplyIntent.START
    return ReplyIntent.OTHER


def _says_nothing_but_stop(text: str) -> bool:
    words = re.findall(r"\w+", text)
    return bool(words) and all(is_stop(word) for word in words)


def _asks_and_more(text: str) -> bool:
    return _begins_with_stop(text) or any(
        _PLAIN_REQUEST.match(clause.strip()) and is_stop(clause)
        for clause in re.split(r"[.,;:!?()\n]+|\s-+\s", text)
    )


def _begins_with_stop(text: str) -> bool:
    leading = _LEADING_STOP.match(text)
    if leading is None:
        return False
    word, following = leading.groups()
    if word.isupper() and not following.isupper():
        return True
    return following.lower() in _ABOUT_MESSAGES or not _ABOUT_TREATMENT.fullmatch(following)
