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

_SENDER = re.compile(
    r"\b(?:sender|return path|mail from)\b[^.]{0,40}"
    r"\b(?:reject|denied|refused|verif|invalid|unknown|unauthenticated|not exist|not allowed)"
)
_TURNED_AWAY = re.compile(
    r"\b(?:spam|junk|block(?:ed|list(?:ed)?)|black-?list(?:ed)?|dnsbl|rbl|reputation|dmarc|dkim|spf"
    r"|virus|malware|greylist\w*|rate.?limit\w*|policy|unsolicited"
    r"|authentication required|throttl\w*|frequency limited"
    r"|too many (?:recipient|message|connection)s"
    r"|relay(?:ing)?(?: access)? (?:denied|not permitted|prohibited))\b"
)
"""What is about the sender or the content: it says nothing of the mailbox."""
_FULL = re.compile(
    r"\b(?:mailbox|inbox|account|user|recipient)\b[^.]{0,40}\b(?:full|over.?quota|out of storage)\b"
    r"|\b(?:over ?quota|quota (?:is )?exceeded|exceeded (?:its|the|storage) (?:storage )?quota)\b"
)
_DISABLED = re.compile(
    r"\b(?:mailbox|account|user|recipient)(?: has been| is)?(?: currently)?"
    r" (?:disabled|deactivated|inactive|suspended)\b|\b(?:disabled|inactive) (?:mailbox|account)\b"
)
_WHO = r"(?:user|recipient|mailbox|address|account)"
_NO_MAILBOX = re.compile(
    rf"\b{_WHO}(?: name| address)? (?:is )?(?:unknown|not (?:found|known))\b"
    rf"|\bunknown (?:{_WHO}|local.?part)\b"
    rf"|\bno (?:such|mailbox (?:here )?by that) (?:{_WHO}|person|name)\b|\bno mailbox here\b"
    rf"|\b{_WHO}\b[^.]{{0,60}}\b(?:does not|doesn['’]t|did not) exist\b"
    rf"|\b(?:invalid|non-?existent) {_WHO}\b|\b(?:recipient ?not ?found|recipnotfound)\b"
)
"""What servers write of a mailbox that is not there, whatever the code: 5.0.0, 5.7.1, none."""
_NO_DOMAIN = re.compile(
    r"\b(?:host|domain) (?:is )?unknown\b|\bunknown (?:host|domain)\b|\bno such (?:host|domain)\b"
    r"|\bdomain does not exist\b|\bhost (?:or domain name )?not found\b"
)
_EDGE = "access denied"
"""Under 5.4.1: the edge of Microsoft 365 turns away what its directory does not know."""
LONGEST_REPLY = 2000
"""Characters of a server's words that are looked at."""


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
        enhanced = match[0] if match else None
        # In answer to MAIL or to the content, the words are about more than one mailbox.
        return cls(to, code, code_by_words(enhanced, words) if to == "RCPT" else enhanced)

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


def code_by_words(enhanced: str | None, words: str) -> str | None:
    """Return the enhanced code that a final reply comes to when its words are read as well.

    Codes are used loosely: what says "no such mailbox" or "mailbox full" in words means it under
    whichever code. Words about the sender or the content never blame the mailbox.
    """
    if enhanced is not None and not enhanced.startswith("5."):
        return enhanced
    said, blamed = _without_names(words[:LONGEST_REPLY]).lower(), enhanced in _AT_FAULT
    turned_away = _SENDER.search(said) or _TURNED_AWAY.search(said)
    no_mailbox = _NO_MAILBOX.search(said) or (enhanced == "5.4.1" and _EDGE in said)
    if _FULL.search(said):
        return "5.2.2"
    if turned_away and not (blamed and no_mailbox and not _SENDER.search(said)):
        return "5.7.1" if blamed or enhanced is None else enhanced
    meant = {"5.1.1": no_mailbox, "5.2.1": _DISABLED.search(said), "5.1.2": _NO_DOMAIN.search(said)}
    return enhanced if blamed else next((code for code, it in meant.items() if it), enhanced)


def _without_names(words: str) -> str:
    """Return words without addresses and names of servers, which may hold any word."""
    bare = re.sub(r"<[^<>]*>", " ", words).split()
    return " ".join(
        one
        for one in bare
        if "@" not in one and one.count(".") < 2 and "://" not in one  # noqa: PLR2004 - as a host has
    )


def blames_mailbox(enhanced: str | None) -> bool:
    """Say whether an enhanced code blames the address, so that nothing more should go there."""
    return enhanced in _AT_FAULT


def _is_overloaded(reply: SmtpReply) -> bool:
    """Say whether it is the server that can't keep up: 4.3 is the mail system, 4.4.5 congestion."""
    enhanced = reply.enhanced or ""
    return enhanced.startswith("4.3.") or enhanced == "4.4.5"


def _blames_the_mailbox(reply: SmtpReply) -> bool:
    if reply.enhanced:
        return reply.enhanced in _AT_FAULT
    return reply.to == "RCPT" and reply.code in _NO_SUCH_MAILBOX
