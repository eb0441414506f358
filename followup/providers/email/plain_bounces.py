"""Bounces in plain words: qmail (QSBMF), hMailServer, old Exim and others without a status part."""

from __future__ import annotations

import re
from collections.abc import Iterator

from followup.providers.email.dsn import (
    DSN_DELAYED,
    DSN_FAILED,
    ENHANCED_CODE,
    RecipientStatus,
    normal_address,
)

_COPY = re.compile(
    r"^[ >]*-{2,}[^\n]{0,20}(?:below this line is a copy|this is a copy of|original message"
    r"|unsent message|returned (?:mail|message)|message header|the (?:header|body) of the orig)",
    re.IGNORECASE | re.MULTILINE,
)
"""Where the notice ends and what it returns begins."""
_DELAY = re.compile(
    r"\bwarning message only\b|\bnot yet been delivered\b|\bdelivery attempts will continue\b"
    r"|\b(?:will|shall) (?:continue to )?(?:be )?(?:re-?tr(?:y|ied)|keep trying|try again)\b"
    r"|\bstill being retried\b|\bdo not need to resend\b|\bdelivery (?:has been|is) delayed\b"
    r"|\bmessage (?:is )?delayed\b|\bno action is required\b|\bdo not need to re-send\b"
)
_FINAL = re.compile(r"\bpermanent\b|\bgiv(?:en|ing) up\b|\bfatal\b|\bhas been returned\b")
_FAILURE = re.compile(
    r"\b(?:could|can|was|were)(?: ?not|n't|n’t|'t|’t) (?:be )?(?:delivered|able to deliver)\b"
    r"|\bundeliver(?:able|ed)\b"
    r"|\bdeliver[a-z]* (?:[a-z]+ ){0,6}failed\b|\bfail(?:ed|ure) (?:to|in) deliver"
    r"|\bdid not reach\b"
    r"|\b(?:delivery|mail) (?:status notification )?\(?failure\b|\bunable to deliver\b"
    r"|\bpermanent (?:fatal )?errors?\b|\bcould not be reached\b|\breturned to sender\b"
    r"|\berror (?:has )?occurred while (?:attempting|trying) to deliver\b|\bfailure notice\b"
    r"|\bhad (?:delivery|permanent|fatal) (?:problem|error)s\b|\breturned mail\b"
    r"|\brejected by a remote mail server\b|\bfailed permanently\b"
    r"|\baddress(?:es)? (?:not found|failed)\b|\bmail delivery failed\b|\bgiv(?:en|ing) up\b"
)
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:]{1,64}@[^\s<>()\[\]\",;:]{1,255}")
_OWN_LINE = re.compile(
    r"^[ \t>]*<?([^\s<>()\",;:]{1,64}@[^\s<>()\",;:]{1,255}?)>?:?[ \t]*$", re.MULTILINE
)
"""A line that is a recipient alone: what follows is about it."""
LONGEST_NOTICE = 20_000


def read_notice(text: str, subject: str, failed: str = "") -> tuple[RecipientStatus, ...]:
    """Return what a notice in words says of each recipient; nothing where it can't be told.

    `failed` are the recipients of X-Failed-Recipients, which Exim and Gmail write.
    """
    notice = _COPY.split(text.replace("\r\n", "\n"), maxsplit=1)[0][:LONGEST_NOTICE]
    action = _action(f"{subject}\n{notice}")
    if action is None:
        return ()
    parts = [*_by_recipient(notice)]
    if not parts:
        named = map(normal_address, _ADDRESS.findall(failed) or _ADDRESS.findall(notice))
        parts = [(frozenset(named), notice)]
    return tuple(
        RecipientStatus(
            addresses=addresses, action=action, status=_code(words), words=" ".join(words.split())
        )
        for addresses, words in parts
    )


def _action(words: str) -> str | None:
    said = " ".join(words.lower().split())
    if _DELAY.search(said) and not _FINAL.search(said):
        return DSN_DELAYED
    return DSN_FAILED if _FAILURE.search(said) else None


def _by_recipient(notice: str) -> Iterator[tuple[frozenset[str], str]]:
    """Yield each recipient that has a line of its own, with the words up to the next."""
    found = [*_OWN_LINE.finditer(notice)]
    ends = [*(match.start() for match in found[1:]), len(notice)]
    for match, end in zip(found, ends, strict=False):  # No match has one end, of all.
        yield frozenset({normal_address(match[1])}), notice[match.end() : end]


def _code(words: str) -> str:
    for match in ENHANCED_CODE.finditer(words):
        if match[1] != "2":
            return match[0]
    return "5.0.0"
