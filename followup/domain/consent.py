"""Who may be written to: what a patient's reply asks for, and what objections cover.

Words are matched whole and nothing is guessed: "when can I stop the tablets" stops nothing. What is
no known request goes to a person, who reads it and lodges an objection if it is one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from followup.domain.channel import ChannelKind


class ObjectionSource(StrEnum):
    """From where an objection came, or the wish to lift one."""

    SMS = "sms"
    LINK = "link"
    """A page that a message of ours linked to."""
    CARRIER = "carrier"
    COMPLAINT = "complaint"
    """A report of spam by whoever got an e-mail."""
    STAFF = "staff"


# The first line holds the words at which carriers and Twilio stop a number by themselves
# (https://help.twilio.com/articles/223134027); the others are how people put the same request.
STOP_WORDS = frozenset(
    {
        "stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke",
        "cancel messages", "cancel texts", "do not contact me", "do not message me",
        "do not send me any more", "do not send me any more messages",
        "do not send me any more texts", "do not text", "do not text me", "do not text me again",
        "do not text me any more", "end messages", "end texts", "leave me alone", "no more",
        "no more messages", "no more texts", "opt me out", "opt out", "remove me",
        "remove my number", "stop all", "stop all messages", "stop all texts", "stop contacting me",
        "stop it", "stop message", "stop messages", "stop messaging", "stop messaging me",
        "stop sending", "stop sending me messages", "stop sending me texts",
        "stop sending messages", "stop sending texts", "stop text", "stop texting",
        "stop texting me", "stop texts", "stop the messages", "stop the texts",
        "stop these messages", "stop these texts", "take me off", "take me off the list",
        "take me off this list", "take me off your list", "unsubscribe me",
        # Slips of the thumb, and Welsh.
        "sotp", "stip", "stoo", "stopp", "stp", "stpo", "stopio", "stopiwch",
    }
)  # fmt: skip

# Without "yes", at which Twilio starts again: to us it could answer anything.
START_WORDS = frozenset(
    {"start", "restart", "start again", "start texts", "unstop", "opt in", "optin", "subscribe"}
)

COURTESY_WORDS = frozenset(
    {"hello", "hi", "just", "kindly", "many", "now", "ok", "please", "pls", "plz", "thank",
     "thanks", "thankyou", "ta", "you"}
)  # fmt: skip
SIGNATURE = re.compile(r"\n[ \t]*(?:sent from|get outlook for)\b.*", re.IGNORECASE | re.DOTALL)


class Objection(Protocol):
    """An objection to messages: by one channel or, where that is None, by any.

    It holds until it is lifted at the patient's own word.
    """

    @property
    def channel(self) -> str | None: ...

    @property
    def lifted_at(self) -> datetime | None: ...


def permitted(objections: Iterable[Objection], channel: ChannelKind) -> bool:
    """Say whether no objection in force covers this channel."""
    return not any(
        objection.lifted_at is None and objection.channel in {None, channel.value}
        for objection in objections
    )


def is_stop(text: str) -> bool:
    """Say whether a reply asks for no more messages, and for nothing else."""
    return _request(text) in STOP_WORDS


def is_start(text: str) -> bool:
    """Say whether a reply asks for messages to start again, and for nothing else."""
    return _request(text) in START_WORDS


def _request(text: str) -> str:
    """Return the bare words of a reply, without case, punctuation, courtesies and a signature."""
    plain = unicodedata.normalize("NFKC", SIGNATURE.sub("", text)).casefold()
    plain = re.sub(r"\bdon\W?t\b", "do not", plain)
    words = re.findall(r"\w+", plain)
    # "S T O P" and "S.T.O.P." are spelt for emphasis.
    if words and all(len(word) == 1 for word in words):
        return "".join(words)
    return " ".join(word for word in words if word not in COURTESY_WORDS)
