"""SMTP reply codes (RFC 5321) and enhanced codes (RFC 3463): what they prove.

A server's own words are kept out of every reason: they often quote the address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from followup.domain.errors import ChannelBusy, ChannelError, ChannelRefused, ChannelUnavailable

_NO_SUCH_MAILBOX = frozenset({550, 551, 553})
"""Codes that blame the mailbox when they answer RCPT and no enhanced code says otherwise."""

_REASONS = {
    "5.1.1": "there is no such mailbox",
    "5.1.2": "the address's domain receives no mail",
    "5.1.3": "this is not an address",
    "5.1.6": "the mailbox has moved",
    "5.1.10": "the address's domain receives no mail",
    "5.2.1": "the mailbox is disabled",
    "5.2.2": "the mailbox is full",
    "5.3.4": "the e-mail is too big for the mail server",
    "5.7.1": "the mail server does not permit it",
}
_AT_FAULT = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A reply that was not the one hoped for; `to` is the command that it answers."""

    to: str
    code: int
    enhanced: str | None

    @classmethod
    def of(cls, to: str, code: int, text: bytes | str) -> SmtpReply:
        words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
        match = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", words)
        return cls(to, code, match[0] if match else None)

    @property
    def name(self) -> str:
        return f"{self.code} {self.enhanced}" if self.enhanced else str(self.code)


def failure_of(reply: SmtpReply) -> ChannelError | None:
    """Return what a 4xx or 5xx reply to MAIL, RCPT, DATA or the content proves; None for others."""
    if 400 <= reply.code < 500:  # noqa: PLR2004 - RFC 5321, 4.2.1
        later = f"the mail server said to try {reply.to} later"
        return (ChannelBusy if _is_overloaded(reply) else ChannelUnavailable)(reply.name, later)
    if not 500 <= reply.code < 600:  # noqa: PLR2004 - RFC 5321, 4.2.1
        return None
    reason = _REASONS.get(reply.enhanced or "", f"the mail server refused at {reply.to}")
    return ChannelRefused(reply.name, reason, recipient=_blames_the_mailbox(reply))


def words_of(code: int, enhanced: str | None) -> tuple[str, bool]:
    """Return what a reply says of an e-mail, and whether its mailbox is at fault."""
    if code < 500:  # noqa: PLR2004 - RFC 5321, 4.2.1
        return "the mail server said to try again later", False
    words = _REASONS.get(enhanced or "", "the mail server refused it")
    return words, (enhanced in _AT_FAULT if enhanced else code in _NO_SUCH_MAILBOX)


def _is_overloaded(reply: SmtpReply) -> bool:
    """Say whether it is the server that can't keep up: 4.3 is the mail system, 4.4.5 congestion."""
    enhanced = reply.enhanced or ""
    return enhanced.startswith("4.3.") or enhanced == "4.4.5"


def _blames_the_mailbox(reply: SmtpReply) -> bool:
    if reply.enhanced:
        return reply.enhanced in _AT_FAULT
    return reply.to == "RCPT" and reply.code in _NO_SUCH_MAILBOX
