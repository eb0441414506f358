"""Returned mail: what a mail of the bounce mailbox is, and what in it may prove which it is about.

Anybody may write to that mailbox. Nothing is believed here: a claim counts only once an id or a
return path in it, which nobody can guess, is found to be ours.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message as Mail
from enum import StrEnum
from html import unescape

from followup.providers.email.dsn import RecipientStatus, normal_address, read_status_part
from followup.providers.email.plain_bounces import read_notice

LONGEST_MAIL = 2_000_000
"""Characters of a mail that are looked at: the head of what it returns comes before its content."""
MOST_PARTS = 200
MOST_IDS = 200
LONGEST_TEXT = 50_000

_UNKEPT = re.compile("[\0\ud800-\udfff]")
"""What no database keeps in text; whoever writes to the mailbox may put it anywhere."""
_ID = re.compile(r"<([^<>\s]{1,318})>")
_BARE_ID = re.compile(r"[0-9A-Fa-f-]{32,36}")
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:]{1,64}@[^\s<>()\[\]\",;:]{1,255}")
_ID_LINE = re.compile(
    r"^[ \t>]*(?:x-[a-z-]{0,20})?(?:original-)?message-id[ \t]*:[ \t]*(?:\n[ \t]+)?"
    r"(<[^<>\s]{1,318}>)",
    re.IGNORECASE | re.MULTILINE,
)
_ABOUT = frozenset({"in-reply-to", "references", "resent-message-id", "original-message-id"})
_OURS_AS_IT_WAS = re.compile(r"x-(?:[a-z]{1,20}-){0,3}original-message-id")
"""Where relays that write an id of their own keep the sender's: X-Google-Original-Message-ID."""
_PATHS = frozenset(
    {
        "to", "cc", "delivered-to", "envelope-to", "x-envelope-to", "x-original-to", "return-path",
        "x-forwarded-to", "x-return-path", "x-rcpt-to", "x-delivered-to", "received",
    }
)  # fmt: skip
"""Headers in which the address stands that a bounce was sent to, or that a mail was sent from."""
_HEADS = frozenset({"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"})
_QUOTED = frozenset({"message/rfc822", "message/global", "message/news", *_HEADS})
_STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_DAEMON = re.compile(
    r"(?:\A|[\s<\"'])(?:mailer[ -]?daemon|mail-daemon|post_?master|mdaemon"
    r"|microsoftexchange\w{0,40}|mail[ .-]?deliver(?:y|er)[ .-]?(?:sub)?system|mailsystem)"
    r"(?:[@>\s\"'+=]|\Z)|\A<>\Z",
    re.IGNORECASE,
)
_FEEDBACK_SUBJECT = "complaint about message from "
"""How Outlook.com passes complaints on, without a part that a program could read."""
_QSBMF = re.compile(r"\A\s*Hi\. (?:This is|The) ", re.ASCII)
_QUOTED_LINE = re.compile(
    r"^[ \t]*(?:>[^\n]*|(?:on|am|le|el|w dniu) [^\n]{1,200}:[ \t]*)$", re.IGNORECASE | re.MULTILINE
)
_QUOTED_REST = re.compile(
    r"^(?:-{2,} ?(?:original|forwarded) message|_{10,}"
    r"|from:[^\n]{1,200}\n(?:sent|to|date|subject):)",
    re.IGNORECASE | re.MULTILINE,
)
OBJECTING = frozenset({"abuse", "opt-out", "opt-out-list"})
"""Kinds of feedback (RFC 5965) by which a patient says: no more of these."""


class ReturnedKind(StrEnum):
    """What a mail of the bounce mailbox is."""

    REPORT = "report"
    """A mail system tells what became of a mail."""
    COMPLAINT = "complaint"
    """The recipient called it junk (RFC 5965)."""
    AUTOMATIC = "automatic"
    """A holiday notice, a read receipt: nothing to do."""
    OTHER = "other"
    """Somebody wrote, or it can't be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedMail:
    """A mail of the bounce mailbox.

    `ids` may be of the mail that it is about, without their brackets; `paths` are addresses among
    which a return path of ours may be; `statuses` tell of each recipient. `recipients` are those
    of the mail that it returns, where nothing is told of any.
    """

    kind: ReturnedKind
    ids: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    statuses: tuple[RecipientStatus, ...] = ()
    recipients: tuple[str, ...] = ()
    sender: str = ""
    subject: str = ""
    text: str = ""


@dataclass(slots=True)
class _Found:
    """What the parts of a mail hold, gathered one after the other."""

    ids: dict[str, None] = field(default_factory=dict)
    paths: dict[str, None] = field(default_factory=dict)
    statuses: list[RecipientStatus] = field(default_factory=list)
    recipients: dict[str, None] = field(default_factory=dict)
    feedback: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    has_report: bool = False


def read_returned_mail(content: bytes) -> ReturnedMail:
    """Return what a mail is and what it may be about. Never raises, whatever the content."""
    try:
        return _read(email.message_from_bytes(content[:LONGEST_MAIL].replace(b"\0", b"")))
    except (RecursionError, LookupError, UnicodeError):
        # Parts within parts without end, and the parser's own mistakes: nothing that a mail
        # system writes. It is put before a person like any mail that can't be understood.
        return ReturnedMail(kind=ReturnedKind.OTHER)


def own_words(text: str) -> str:
    """Return what somebody wrote, without what they quote: our words are not theirs.

    A quotation that can't be told from their words stays: it makes an answer graver, never less so.
    """
    above = _QUOTED_REST.split(text.replace("\r\n", "\n"), maxsplit=1)[0]
    return _QUOTED_LINE.sub("", above)


def _read(mail: Mail) -> ReturnedMail:
    found = _Found()
    _read_head(found, _head(mail), is_outer=True)
    for part in _parts(mail):
        _read_part(found, part)
    # Where both are there, they say the same.
    text = "\n".join(found.texts or found.html)[:LONGEST_TEXT]
    # Nothing but words: the head of what they return may stand among them.
    _note_ids(found, " ".join(_ID_LINE.findall(text)))
    subject = _one(mail, "Subject")
    if not found.has_report and _is_from_daemon(mail, text):
        found.statuses.extend(read_notice(text, subject, _one(mail, "X-Failed-Recipients")))
        found.has_report = True
        _note_paths(found, text)
    return ReturnedMail(
        kind=_kind(mail, found),
        ids=tuple(found.ids)[:MOST_IDS],
        paths=tuple(found.paths)[:MOST_IDS],
        statuses=tuple(found.statuses),
        recipients=tuple(found.recipients),
        sender=_one(mail, "From"),
        subject=subject,
        text=text,
    )


def _kind(mail: Mail, found: _Found) -> ReturnedKind:
    kind = found.feedback.get("feedback-type", "").lower()
    if kind:
        return ReturnedKind.COMPLAINT if kind in OBJECTING else ReturnedKind.AUTOMATIC
    if _one(mail, "Subject").lower().startswith(_FEEDBACK_SUBJECT):
        return ReturnedKind.COMPLAINT
    if found.has_report:
        return ReturnedKind.REPORT
    return ReturnedKind.AUTOMATIC if _is_automatic(mail) else ReturnedKind.OTHER


def _parts(mail: Mail) -> Iterator[Mail]:
    """Yield the parts that hold something, not what is within a mail that is returned."""
    waiting, seen = [mail], 0
    while waiting and seen < MOST_PARTS:
        part = waiting.pop()
        seen += 1
        inner = part.get_payload()
        is_forwarded = part.get_content_type() == "message/rfc822" and _holds_report(part)
        if isinstance(inner, list) and (part.get_content_maintype() == "multipart" or is_forwarded):
            waiting.extend(one for one in reversed(inner) if isinstance(one, Mail))
        else:
            yield part


def _holds_report(part: Mail) -> bool:
    """Say whether an attached mail is itself a report that somebody passed on."""
    inner = part.get_payload()
    first = inner[0] if isinstance(inner, list) and inner else None
    return isinstance(first, Mail) and first.get_content_type() == "multipart/report"


def _read_part(found: _Found, part: Mail) -> None:
    kind = part.get_content_type()
    if kind in _STATUS_PARTS:
        report = read_status_part(_text(part))
        found.has_report = True
        found.statuses.extend(report.recipients)
        _note_fields(found, report.fields)
    elif kind == "message/feedback-report":
        found.feedback = read_status_part(_text(part)).fields
        _note_fields(found, found.feedback)
    elif kind in _QUOTED or (part.get_filename() or "").lower().endswith(".eml"):
        _read_head(found, _head(_quoted(part)), is_outer=False)
    elif part.get_content_maintype() == "text":
        if kind == "text/html":
            found.html.append(_without_tags(_text(part)))
        else:
            found.texts.append(_text(part))


def _note_fields(found: _Found, fields: dict[str, str]) -> None:
    """Note what the fields about a whole report may prove: the envelope's id is ours (RFC 3461)."""
    for name, value in fields.items():
        if "message-id" in name or name in {"original-envelope-id", "x-envelope-id"}:
            _note_ids(found, value)
        elif name in {"original-mail-from", "x-sender", "x-original-sender"}:
            _note_paths(found, value)
        elif name in {"original-rcpt-to", "removal-recipient"}:
            found.recipients |= dict.fromkeys(map(normal_address, _ADDRESS.findall(value)))


def _read_head(found: _Found, head: list[tuple[str, str]], *, is_outer: bool) -> None:
    for name, value in head:
        is_id = name in _ABOUT or _OURS_AS_IT_WAS.fullmatch(name)
        if is_id or (name == "message-id" and not is_outer):
            _note_ids(found, value)
        elif name in _PATHS:
            _note_paths(found, value)
            if name == "to" and not is_outer:
                found.recipients |= dict.fromkeys(map(normal_address, _ADDRESS.findall(value)))


def _note_ids(found: _Found, value: str) -> None:
    for one in _ID.findall(value) or _BARE_ID.findall(value):
        found.ids[one] = None


def _note_paths(found: _Found, value: str) -> None:
    for one in _ADDRESS.findall(value):
        found.paths[one] = None


def _head(mail: Mail) -> list[tuple[str, str]]:
    return [(name.lower(), str(value)) for name, value in mail.items()]


def _one(mail: Mail, name: str) -> str:
    return " ".join(str(mail.get(name, "")).split())[:500]


def _quoted(part: Mail) -> Mail:
    """Return a mail that is quoted, whole or its head alone, as an attachment or encoded."""
    inner = part.get_payload()
    if isinstance(inner, list) and inner and isinstance(inner[0], Mail) and inner[0].keys():
        return inner[0]
    return email.message_from_string(_text(part).lstrip("\r\n"))


def _text(part: Mail) -> str:
    """Return the words of a part, decoded; of parts that the parser took apart, as they stood."""
    inner = part.get_payload()
    if not isinstance(inner, list):
        content = part.get_payload(decode=True)
        return _decoded(content, part) if isinstance(content, bytes) else ""
    blocks = "\n".join(_as_written(one) for one in inner if isinstance(one, Mail))
    encoding = _one(part, "Content-Transfer-Encoding").lower()
    if encoding in {"", "7bit", "8bit", "binary"}:
        return blocks
    again = Mail()
    again["Content-Transfer-Encoding"] = encoding
    again.set_payload(blocks.strip())
    content = again.get_payload(decode=True)
    return _decoded(content, part) if isinstance(content, bytes) else ""


def _as_written(block: Mail) -> str:
    head = "".join(f"{name}: {_readable(value)}\n" for name, value in block.raw_items())
    body = block.get_payload()
    return f"{head}\n{_readable(body) if isinstance(body, str) else ''}"


def _readable(value: object) -> str:
    """Return text whose bytes beyond ASCII the parser kept aside."""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _decoded(content: bytes, part: Mail) -> str:
    charset = part.get_content_charset() or "utf-8"
    try:
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):
        # Some encodings can't put anything in the place of what is wrong.
        text = content.decode("utf-8", "replace")
    return _UNKEPT.sub("\ufffd", text)


def _without_tags(html: str) -> str:
    return unescape(re.sub(r"<(?![^<>]*@)[^<>]*>", " ", html))


def _is_from_daemon(mail: Mail, text: str) -> bool:
    if mail.get("X-Failed-Recipients") or _QSBMF.match(text):
        return True
    return any(_DAEMON.search(_one(mail, name)) for name in ("From", "Sender"))


def _is_automatic(mail: Mail) -> bool:
    submitted = _one(mail, "Auto-Submitted").lower()
    precedence = _one(mail, "Precedence").lower()
    return (
        (bool(submitted) and submitted != "no")
        or precedence in {"auto_reply", "bulk", "junk", "list"}
        or any(mail.get(name) for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponse"))
        or _one(mail, "Subject").lower().startswith(("automatic reply:", "out of office:"))
        or mail.get_param("report-type") == "disposition-notification"
    )
