"""Failure reasons: what went wrong, in a clause, and what to do, for every code.

Codes are the provider's (Twilio's numbers, a mail server's replies) or reasons of our own. What a
person can do depends on whose fault it is: the number's, the set-up's or nobody's, or whether the
patient opted out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from followup.domain.reasons import Reason
from followup.providers.email.reply_codes import words_of
from followup.providers.twilio.errors import ErrorClass, meaning_of
from followup.wording.reasons import known_reason

DELIVERY_CODES = frozenset({"30003", "30004", "30008"})
"""A text that was not delivered: the next may be, but two in a row say that none is."""


@dataclass(frozen=True, slots=True)
class FailureReason:
    """`happened` goes on from "Not delivered:"; `to_do` is a sentence for staff."""

    happened: str
    to_do: str


CORRECT = "Ask the patient for the right number and correct it: nothing more is sent to this one."
CORRECT_EMAIL = "Ask the patient for the right address and correct it, or send texts instead."
PHONE = (
    "Phone the patient and tell them what it says, or send it again. The next message may arrive."
)
TELL = "Phone the patient and tell them what it says."
OPTED_OUT = "Send no more texts to this number. Phone the patient if they must know what it says."
SIGN = "Tell the people who approve the clinic’s words. followup check --live says what is missing."
SET_UP = (
    "Tell the people who run this service. Phone the patients who must know what it says meanwhile."
)
ASK = "Phone the patient and ask whether it arrived: the provider could not say."
WAIT = "Nothing: it is tried again automatically. Phone the patient if they must know at once."
LIMIT = "Find out why there are so many. Release them, or stop them."
LOOK = "Find out why, and phone the patient if they must know what it says."

_BY_VERDICT: dict[ErrorClass, str] = {
    ErrorClass.RECIPIENT: CORRECT,
    ErrorClass.OPTED_OUT: OPTED_OUT,
    ErrorClass.SET_UP: SET_UP,
    ErrorClass.DELIVERY: PHONE,
    ErrorClass.BUSY: WAIT,
    ErrorClass.ACCOUNT: SET_UP,
    ErrorClass.UNKNOWN: ASK,
}

_TO_DO: dict[str, str] = {
    Reason.ADDRESS_UNUSABLE: CORRECT,
    Reason.BOUNCED_TWICE: CORRECT,
    Reason.NO_ADDRESS: "Ask the patient how to contact them, and record it.",
    Reason.NO_CHANNEL: "Ask the patient how they want to be contacted.",
    Reason.OBJECTION: "Send no messages. Phone the patient if they must know what it says.",
    Reason.OBJECTION_TO_CHANNEL: "Send nothing this way, or agree on the other way with them.",
    Reason.WINDOW_OVER: TELL,
    Reason.ALREADY_PAST: TELL,
    Reason.NO_SENDING_HOUR: TELL,
    Reason.TOO_LATE_TO_TRY_AGAIN: TELL,
    Reason.OUTCOME_UNKNOWN: "Phone the patient and ask whether it arrived. Send it again if not.",
    Reason.NO_RECEIPT: "Phone the patient if they must know. The number may be wrong.",
    Reason.SENT_TWICE: "Phone the patient if getting it twice could confuse them.",
    Reason.TOO_MANY_OF_ONE_CONTENT: LIMIT,
    Reason.TOO_MANY_TO_ONE_PATIENT: LIMIT,
    Reason.CLINIC_NOT_CONFIGURED: SET_UP,
    Reason.WORDS_NOT_APPROVED: SIGN,
    Reason.WORDS_CHANGED: SIGN,
    Reason.WORDS_WITHDRAWN: SIGN,
    Reason.EXAMPLE_PROTOCOL: SIGN,
    Reason.CLINIC_UNCONFIRMED: SIGN,
    Reason.NOBODY_ON_CALL: SET_UP,
    Reason.NEEDS_OPERATOR: SET_UP,
    Reason.BUG: SET_UP,
    Reason.ID_GIVEN_TWICE: ASK,
    "not-reached": WAIT,
    "header": SET_UP,
    "address": CORRECT_EMAIL,
    "answer-lost": ASK,
    "unreadable": ASK,
    "TemplateError": SET_UP,
    "WrongMasterKey": SET_UP,
}

_OF_CALLS: dict[str, str] = {
    "TemplateError": "the message can’t be made: its template is broken",
    "WrongMasterKey": "the patient’s data can’t be opened with the keys of this service",
    "answer-lost": "the provider’s answer was lost, so it may have been sent",
    "unreadable": "the provider’s answer made no sense, so it may have been sent",
    "not-reached": "the provider could not be reached",
    "sandbox-lost": "the practice carrier gave no answer",
    "header": "the e-mail’s sender or subject is not allowed in an e-mail",
    "address": "this is not an e-mail address",
}
"""Codes of our own for what happened while a message was made or handed to its provider."""


def failure_reason_of(code: str | None, channel: str | None = None) -> FailureReason:
    """Return what a code or reason means; of an unknown one, the code and what to do.

    `channel` is that of the message, where it is known.
    """
    if not code:
        return FailureReason("no reason was given", LOOK)
    ours = _OF_CALLS.get(code) or known_reason(code, channel)
    if ours is not None:
        to_do = CORRECT_EMAIL if channel == "email" and _TO_DO.get(code) == CORRECT else ""
        return FailureReason(ours, to_do or _TO_DO.get(code, LOOK))
    if code.isdecimal() and (meaning := meaning_of(int(code))) is not None:
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
    return FailureReason(f"{words} ({name})", CORRECT_EMAIL if mailbox_at_fault else PHONE)
