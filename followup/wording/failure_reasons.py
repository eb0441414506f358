"""Failure reasons: what went wrong, in a sentence, and what to do, for every code.

Codes are the provider's (Twilio's numbers, a mail server's replies) or reasons of our own. What a
person can do depends on whose fault it is: the number's, the patient's wish, the set-up's, or
nobody's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from followup.domain.protocols.timeline import Fate
from followup.providers.email.reply_codes import words_of
from followup.providers.twilio.errors import ErrorClass, meaning_of
from followup.wording.labels import REASONS

BOUNCED_TWICE = "bounced-twice"
BOUNCES = frozenset({"30003", "30004", "30008"})
"""A text that came back: the next may arrive, but two in a row say that none does."""


@dataclass(frozen=True, slots=True)
class FailureReason:
    """`happened` completes "It did not arrive:"; `to_do` is a sentence for staff."""

    happened: str
    to_do: str


CORRECT = "Ask the patient for the right number and correct it: nothing more is sent to this one."
CORRECT_EMAIL = "Ask the patient for the right address and correct it, or send texts instead."
RING = "Ring and tell the patient what it says; the next message may well arrive."
WISH = "Respect it: no more texts go to this number. Ring if the patient must know what it says."
SET_UP = "Tell whoever looks after this service; ring the patients who must know meanwhile."
ASK = "Ring and ask whether it came: the provider could not say."
WAIT = "Nothing: it is tried again by itself. Ring if the patient must know at once."

_BY_VERDICT: dict[ErrorClass, str] = {
    ErrorClass.RECIPIENT: CORRECT,
    ErrorClass.OPTED_OUT: WISH,
    ErrorClass.SET_UP: SET_UP,
    ErrorClass.DELIVERY: RING,
    ErrorClass.BUSY: WAIT,
    ErrorClass.ACCOUNT: SET_UP,
    ErrorClass.UNKNOWN: ASK,
}

_TO_DO: dict[str, str] = {
    "address-unusable": CORRECT,
    BOUNCED_TWICE: CORRECT,
    "no-address": "Ask the patient how to reach them, and enter it.",
    "no-channel": "Ask the patient how they want to be reached.",
    "objection": "Respect it. Ring if the patient must know what it says.",
    "objection-to-channel": "Respect it, or agree on the other channel with the patient.",
    "window-over": "Ring and tell the patient what it says.",
    Fate.PAST.value: "Ring and tell the patient what it says.",
    Fate.NO_ROOM.value: "Ring and tell the patient what it says.",
    "too-late-to-try-again": "Ring and tell the patient what it says.",
    "outcome-unknown": "Ring and ask whether it came. Send it again if not.",
    "no-receipt": "Ring if the patient must know. The number may be wrong.",
    "sent-twice": "Ring if getting it twice could confuse the patient.",
    "too-many-of-one-content": "Find out why there are so many; let them go, or stop them.",
    "too-many-to-one-patient": "Find out why there are so many; let them go, or stop them.",
    "clinic-not-configured": SET_UP,
    "needs-operator": SET_UP,
    "not-reached": WAIT,
    "header": SET_UP,
    "bug": SET_UP,
    "address": CORRECT_EMAIL,
    "answer-lost": ASK,
    "unreadable": ASK,
    "id-given-twice": ASK,
    "TemplateError": SET_UP,
    "WrongMasterKey": SET_UP,
}
LOOK = "Look into it, and ring the patient if they need to know."

_OURS: dict[str, str] = {
    **REASONS,
    BOUNCED_TWICE: "two texts in a row came back from this number",
    "failed": "the provider says that it failed, and gives no reason",
    "TemplateError": "its words can't be made: the template is broken",
    "WrongMasterKey": "the patient's data can't be opened with the keys of this service",
    "bug": "a fault of this service stopped it in mid-call",
    "answer-lost": "the provider's answer was lost, so it may have been sent",
    "unreadable": "the provider's answer made no sense, so it may have been sent",
    "not-reached": "the provider could not be reached",
    "not-called": "its turn had not come in time",
    "sandbox-lost": "the practice carrier kept its answer to itself",
    "header": "the e-mail's sender or subject is not allowed in an e-mail",
    "address": "this is not an e-mail address",
    "id-given-twice": "the provider mixed it up with another message",
}


def failure_reason_of(code: str | None) -> FailureReason:
    """Return what a code or reason means; of an unknown one, the code and whom to ask."""
    if not code:
        return FailureReason("nobody said why", LOOK)
    if code in _OURS:
        return FailureReason(_OURS[code], _TO_DO.get(code, LOOK))
    if code.isdigit() and (meaning := meaning_of(int(code))) is not None:
        return FailureReason(f"{meaning.reason} (code {code})", _BY_VERDICT[meaning.verdict])
    if (reply := re.fullmatch(r"([245]\d\d)(?: ([245]\.\d{1,3}\.\d{1,3}))?", code)) is not None:
        return _of_mail(code, int(reply[1]), reply[2])
    if code.startswith("HTTP "):
        return FailureReason(
            f"the provider turned it away ({code})", ASK if code >= "HTTP 5" else SET_UP
        )
    return FailureReason(f"the provider gave the code {code}", LOOK)


def is_known_reason(code: str) -> bool:
    """Say whether a code has words of its own."""
    return not failure_reason_of(code).happened.startswith("the provider gave the code")


def _of_mail(name: str, code: int, enhanced: str | None) -> FailureReason:
    words, mailbox_at_fault = words_of(code, enhanced)
    if code < 500:  # noqa: PLR2004 - RFC 5321, 4.2.1
        return FailureReason(f"{words} ({name})", WAIT)
    return FailureReason(f"{words} ({name})", CORRECT_EMAIL if mailbox_at_fault else RING)
