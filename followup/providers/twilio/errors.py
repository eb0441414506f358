"""Twilio error codes as data: what each means for a message, in words.

Source of each row: Twilio's page on the code, https://www.twilio.com/docs/api/errors/<code>, read
between April and November 2026. Twilio adds and splits codes without notice (its changelog of
2024-07-10 split 21211, 21212, 21606 and 21614), so a code that is not listed is judged by its HTTP
status alone, and never held against the recipient.

The words are ours: Twilio's own may quote the number, which belongs in no log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class ErrorClass(Enum):
    """What a code says about sending this message, or this patient's next."""

    RECIPIENT = auto()
    """Refused or failed for good: the number itself is at fault."""
    OPTED_OUT = auto()
    """Refused or failed for good: the recipient told the carrier or Twilio to stop."""
    SET_UP = auto()
    """Refused or failed for good: the operator's sender, permissions or content are at fault."""
    DELIVERY = auto()
    """Taken, and then not delivered, by nobody's fault here; the next text may well arrive."""
    BUSY = auto()
    """Provably not taken now: safe to try again, more slowly."""
    ACCOUNT = auto()
    """Provably not taken, nor is anything else of this account: safe to try again once mended."""
    UNKNOWN = auto()
    """It may have been taken all the same: never try again before finding out."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a code is judged, and why, in words for a person."""

    verdict: ErrorClass
    reason: str


_REJECTED = "Twilio rejects every request of this account"

CODE_MEANINGS: dict[int, Meaning] = {
    # The account as a whole. No message was taken, and the operator can mend it while most
    # messages are still useful, so they wait, and the operator is alarmed by the code.
    10001: Meaning(ErrorClass.ACCOUNT, f"{_REJECTED}: it is not active"),
    20003: Meaning(ErrorClass.ACCOUNT, f"{_REJECTED}: the account SID or auth token is wrong"),
    20005: Meaning(ErrorClass.ACCOUNT, f"{_REJECTED}: it is suspended or closed"),
    20403: Meaning(ErrorClass.ACCOUNT, f"{_REJECTED}: it lacks permission"),
    # Requests as such.
    20429: Meaning(ErrorClass.BUSY, "Twilio had too many requests at once"),
    20500: Meaning(ErrorClass.UNKNOWN, "Twilio failed inside, and may have taken the message"),
    20503: Meaning(ErrorClass.UNKNOWN, "Twilio was out of service, and may have taken the message"),
    # Answers to a request to send.
    21211: Meaning(ErrorClass.RECIPIENT, "this is not a valid phone number"),
    21212: Meaning(ErrorClass.SET_UP, "the sender's number is not valid"),
    21408: Meaning(ErrorClass.SET_UP, "the account may not text this country"),
    21602: Meaning(ErrorClass.SET_UP, "the text is empty"),
    21603: Meaning(ErrorClass.SET_UP, "no sender is set"),
    21606: Meaning(ErrorClass.SET_UP, "the sender may not text this number"),
    21608: Meaning(ErrorClass.SET_UP, "a trial account texts verified numbers only"),
    21609: Meaning(ErrorClass.SET_UP, "the public address for receipts is not valid"),
    21610: Meaning(ErrorClass.OPTED_OUT, "the patient replied STOP to this sender"),
    21611: Meaning(ErrorClass.BUSY, "the sender's queue at Twilio is full"),
    21612: Meaning(ErrorClass.SET_UP, "Twilio has no route from this sender to this number"),
    21614: Meaning(ErrorClass.RECIPIENT, "this is not a mobile number"),
    21617: Meaning(ErrorClass.SET_UP, "the text is longer than 1,600 characters"),
    21635: Meaning(ErrorClass.RECIPIENT, "this is a landline, which can't receive texts"),
    21659: Meaning(ErrorClass.SET_UP, "the sender is not a number of Twilio's"),
    21660: Meaning(ErrorClass.SET_UP, "the sender does not belong to this account"),
    21661: Meaning(ErrorClass.SET_UP, "the sender can't send texts"),
    21703: Meaning(ErrorClass.SET_UP, "the messaging service has no senders"),
    21704: Meaning(ErrorClass.SET_UP, "the messaging service has no senders"),
    90007: Meaning(ErrorClass.SET_UP, "the validity period is out of range"),
    # What became of a message that was taken.
    30001: Meaning(ErrorClass.DELIVERY, "it waited too long in the sender's queue"),
    30002: Meaning(ErrorClass.SET_UP, "the account was suspended before it was sent"),
    30003: Meaning(ErrorClass.DELIVERY, "the phone was off or out of reach"),
    30004: Meaning(ErrorClass.DELIVERY, "the phone or its network blocks texts from this sender"),
    30005: Meaning(ErrorClass.RECIPIENT, "the number is unknown or no longer in service"),
    30006: Meaning(ErrorClass.RECIPIENT, "this is a landline or a number that can't receive texts"),
    30007: Meaning(ErrorClass.SET_UP, "it was filtered out as unwanted by Twilio or the network"),
    30008: Meaning(ErrorClass.DELIVERY, "the network did not deliver it and gave no reason"),
    30034: Meaning(ErrorClass.SET_UP, "the sender is not registered with the network"),
    30036: Meaning(ErrorClass.DELIVERY, "it was not sent before it stopped being useful"),
    30450: Meaning(ErrorClass.DELIVERY, "Twilio blocks texts to this number for half an hour"),
    30500: Meaning(ErrorClass.DELIVERY, "Twilio failed inside while sending it"),
    63014: Meaning(ErrorClass.OPTED_OUT, "the patient blocked this sender"),
}


def meaning_of(code: int | None) -> Meaning | None:
    """Return how a code is judged; None for one that is not listed, or for none at all."""
    return CODE_MEANINGS.get(code) if code is not None else None


def reason_of(code: int | None) -> str:
    """Return words for a code, also for one that is not listed."""
    known = meaning_of(code)
    if known:
        return known.reason
    if code is None:
        return "Twilio gave no reason"
    return f"see https://www.twilio.com/docs/api/errors/{code}"
