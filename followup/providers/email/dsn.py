"""Delivery status parts: RFC 3464, and RFC 6533 for addresses beyond ASCII.

Each recipient is kept apart: a report may tell of several, and only ours counts.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from followup.providers.email.reply_codes import code_by_words

ENHANCED_CODE = re.compile(r"(?<![\d.])([245])\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
"""An enhanced code (RFC 3463), and no part of a network address."""
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60})[ \t]*:[ \t]*(.*)")
_HEX_POINT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
LONGEST_WORDS = 2000
MOST_BLOCKS = 100

DSN_FAILED = "failed"
DSN_DELAYED = "delayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientStatus:
    """What became of one recipient: `action` as in RFC 3464, `words` as the server wrote them."""

    addresses: frozenset[str]
    action: str
    status: str
    words: str

    @property
    def code(self) -> str:
        """The enhanced code that it comes to: the more exact of two, judged by the words too."""
        given, said = ENHANCED_CODE.search(self.status), ENHANCED_CODE.search(self.words)
        code = given[0] if given else ""
        if said and (not code or (code.endswith(".0.0") and said[1] == code[0])):
            code = said[0]
        return code_by_words(code or "5.0.0", self.words) or "5.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPart:
    """Fields about the whole report, and the status of each recipient."""

    fields: dict[str, str]
    recipients: tuple[RecipientStatus, ...]


def read_status_part(text: str) -> StatusPart:
    """Return what a status part says; of nonsense, nothing. Never raises."""
    about: dict[str, str] = {}
    recipients = []
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").strip("\n"))[:MOST_BLOCKS]:
        fields = read_fields(block)
        if "action" in fields or "final-recipient" in fields:
            recipients.append(_recipient(fields))
        else:
            about = fields | about
    return StatusPart(fields=about, recipients=tuple(recipients))


def read_fields(block: str) -> dict[str, str]:
    """Return the fields of a block by their names in small letters, folded lines joined."""
    found: dict[str, str] = {}
    name = ""
    for line in block.split("\n"):
        if line[:1] in (" ", "\t") and name:
            found[name] = f"{found[name]} {line.strip()}"[:LONGEST_WORDS]
        elif match := _FIELD.fullmatch(line.rstrip()):
            name = match[1].lower()
            found[name] = match[2].strip()[:LONGEST_WORDS]
        else:
            name = ""
    return found


def normal_address(text: str) -> str:
    """Return an address as it is compared: without type and brackets, in one way of writing."""
    kind, colon, rest = text.partition(";")
    plain = rest if colon and kind.strip().isascii() and "@" not in kind else text
    plain = _HEX_POINT.sub(_character, plain).strip().strip("<>").strip()
    local, at, domain = plain.rpartition("@")
    if not at:
        return plain.casefold()
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode()
    return f"{local}@{domain}".casefold()


def _recipient(fields: dict[str, str]) -> RecipientStatus:
    named = (fields.get("original-recipient", ""), fields.get("final-recipient", ""))
    return RecipientStatus(
        addresses=frozenset(filter(None, map(normal_address, named))),
        action=fields.get("action", "").strip().lower(),
        status=fields.get("status", ""),
        words=fields.get("diagnostic-code", ""),
    )


def _character(match: re.Match[str]) -> str:
    point = int(match[1], 16)
    return chr(point) if point <= 0x10FFFF else match[0]  # noqa: PLR2004 - the last of Unicode
