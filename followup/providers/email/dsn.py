"""Delivery status notifications (RFC 3464): what a mail server could not deliver."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message as Mail

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,318}>")
WRONG_ADDRESS = ("5.1.", "5.2.1")
"""There is no such mailbox or domain, or it is switched off (RFC 3463)."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """What became of one e-mail of ours: `status` as in RFC 3463, and whether it is final."""

    message_id: str
    action: str
    status: str
    reason: str | None

    @property
    def is_final(self) -> bool:
        """Say whether it will not arrive; a delay is only news."""
        return self.action == "failed"

    @property
    def recipient(self) -> bool:
        """Say whether it is the address that is at fault."""
        return self.status.startswith(WRONG_ADDRESS)


def read_dsn(content: bytes) -> Bounce | None:
    """Return what a mail reports on, or None for one that is no report on a mail of ours.

    Never raises, whatever the content: anybody may write to a mailbox.
    """
    mail = email.message_from_bytes(content)
    report = next(_parts(mail, "message/delivery-status"), None)
    message_id = _original_id(mail)
    if report is None or message_id is None:
        return None
    fields = _fields(report)
    status = _STATUS.search(fields.get("status", ""))
    if status is None:
        return None
    reason = " ".join(fields.get("diagnostic-code", "").split())[:300] or None
    action = fields.get("action", "").strip().lower()
    return Bounce(message_id, action, status.group(), reason)


def _parts(mail: Mail, kind: str) -> Iterator[Mail]:
    return (part for part in mail.walk() if part.get_content_type() == kind)


def _fields(report: Mail) -> dict[str, str]:
    """Return the fields of all recipients as one: an e-mail of ours has one recipient."""
    found: dict[str, str] = {}
    blocks = report.get_payload()
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Mail):
            found |= {name.lower(): str(value) for name, value in block.items()}
    return found


def _original_id(mail: Mail) -> str | None:
    """Return the Message-ID of the e-mail that the report quotes, whole or its head alone."""
    for quoted in _parts(mail, "message/rfc822"):
        payload = quoted.get_payload()
        if isinstance(payload, list) and payload and isinstance(payload[0], Mail):
            return _id(str(payload[0].get("Message-ID", "")))
    for quoted in _parts(mail, "text/rfc822-headers"):
        head = quoted.get_payload(decode=True)
        if isinstance(head, bytes):
            return _id(str(email.message_from_bytes(head).get("Message-ID", "")))
    return None


def _id(text: str) -> str | None:
    found = _MESSAGE_ID.search(text)
    return found.group() if found else None
