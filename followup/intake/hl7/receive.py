"""Receives one HL7 v2 message: kept, then acknowledged; or refused, with code and place.

What may be told of a message in a log is its site and what became of it, never what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import structlog

from followup.context import AppContext
from followup.domain.errors import StoreUnavailable
from followup.domain.sites.site import Site
from followup.intake.feed.event import FeedEvent
from followup.intake.feed.inbox import Kept, NewFeedMessage, keep_message
from followup.intake.hl7.acknowledge import AckCode, ErrorCode, Fault, acknowledgement
from followup.intake.hl7.framing import BrokenFrame
from followup.intake.hl7.header import (
    LONGEST_ID,
    VERSIONS,
    Header,
    Unreadable,
    decoded,
    read_header,
)
from followup.intake.hl7.read_event import Refused, read_event

FEED = "hl7"
BROKEN = {
    BrokenFrame.NO_START: "the message does not begin with the start byte 0x0B",
    BrokenFrame.START_AGAIN: "a start byte came before the end of the message",
    BrokenFrame.TOO_LONG: "the message is longer than 1 MiB",
    BrokenFrame.NUL_BYTE: "the message holds NUL bytes, as text in UTF-16 does",
    BrokenFrame.UNFINISHED: "the rest of the message did not come in time",
}
SAME_ID = Fault(
    ErrorCode.DUPLICATE_KEY, "MSH-10", "this id belongs to a message with other content"
)
REFUSED_BEFORE = Fault(
    ErrorCode.INTERNAL, "MSH-10", "this message was refused before: it is looked at by a person"
)
NOT_NOW = Fault(ErrorCode.INTERNAL, "MSH-1", "it can't be kept at present: send it again later")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """A message that could be read: what it tells, or why it is refused."""

    header: Header
    site: Site
    encoding: str
    event: FeedEvent | None
    fault: Fault | None


def receive_message(app: AppContext, content: bytes, *, sites: Sequence[Site]) -> bytes:
    """Return the acknowledgement of a message from a connection that these sites send by.

    With AA the message is committed. It is worked off later.
    """
    try:
        return _receive(app, content, sites=sites)
    except Exception as error:  # noqa: BLE001 - the edge
        # The text of an error may hold a part of the message.
        log.error("hl7.bug", error=type(error).__name__)  # noqa: TRY400 - so may its trace
        return _answer(app, None, AckCode.ERROR, NOT_NOW)


def _receive(app: AppContext, content: bytes, *, sites: Sequence[Site]) -> bytes:
    header: Header | None = None
    try:
        header = read_header(content)
        found = read_message(app, header, content, sites=sites)
    except Unreadable as error:
        log.warning("hl7.unreadable", why=str(error))
        return _answer(app, header, AckCode.ERROR, Fault(ErrorCode.DATA_TYPE, "MSH-1", str(error)))
    if isinstance(found, Fault):
        log.warning("hl7.refused", place=found.place, code=found.code.value)
        return _answer(app, header, AckCode.REFUSED, found)
    return _keep(app, content, found)


def broken_frame(app: AppContext, reason: BrokenFrame) -> bytes:
    """Return the answer to bytes that are no frame: the connection is closed after it."""
    log.warning("hl7.broken_frame", why=reason.value)
    fault = Fault(ErrorCode.DATA_TYPE, "MSH-1", BROKEN[reason])
    return _answer(app, None, AckCode.ERROR, fault)


def read_message(
    app: AppContext, header: Header, content: bytes, *, sites: Sequence[Site]
) -> Readable | Fault:
    """Return what a message tells, or why it is refused without being kept.

    Raises `Unreadable`. What says who sent it, and under which id, can be kept even if refused.
    """
    if not header.control_id or len(header.control_id) > LONGEST_ID:
        return Fault(ErrorCode.MISSING, "MSH-10", "MSH-10 holds no id of at most 199 characters")
    site = next((it for it in sites if it.knows(header.application, header.facility)), None)
    if site is None:
        return Fault(
            ErrorCode.UNKNOWN_KEY, "MSH-4", "no site file names this sender for this connection"
        )
    text, encoding = decoded(content, header, default=site.encoding)
    fault, event = _header_fault(header, site), None
    if fault is None:
        try:
            event = read_event(header, text, site=site, sent_at=app.clock.now())
        except Refused as error:
            fault = error.fault
    return Readable(header=header, site=site, encoding=encoding, event=event, fault=fault)


def _header_fault(header: Header, site: Site) -> Fault | None:
    if header.version not in VERSIONS:
        return Fault(ErrorCode.VERSION_ID, "MSH-12", "versions 2.3 to 2.5.1 are taken")
    if header.processing not in site.processing:
        return Fault(
            ErrorCode.PROCESSING_ID, "MSH-11", "the site file does not take this processing id"
        )
    return None


def _keep(app: AppContext, content: bytes, found: Readable) -> bytes:
    header, fault = found.header, found.fault
    message = NewFeedMessage(
        feed=FEED,
        site=found.site.key,
        source=source_of(header),
        control_id=header.control_id,
        event=header.event,
        content=content,
        encoding=found.encoding,
        refusal=(reason_of(fault), fault.place) if fault else None,
    )
    try:
        kept = keep_message(app, message)
    except StoreUnavailable:
        log.warning("hl7.not_kept", site=found.site.key)
        return _answer(app, header, AckCode.ERROR, NOT_NOW)
    log.info("hl7.received", site=found.site.key, kept=kept.value, refused=fault is not None)
    if kept is Kept.OTHER_CONTENT:
        return _answer(app, header, AckCode.REFUSED, SAME_ID)
    if fault is not None or kept is Kept.REFUSED_AGAIN:
        return _answer(app, header, AckCode.REFUSED, fault or REFUSED_BEFORE)
    return _answer(app, header, AckCode.ACCEPTED)


def source_of(header: Header) -> str:
    """Return who sent a message, as it names itself."""
    return f"{header.facility}^{header.application}"[:400]


def reason_of(fault: Fault) -> str:
    """Return the code under which a refusal stands in the ledger."""
    return fault.code.name.lower().replace("_", "-")


def _answer(
    app: AppContext, header: Header | None, code: AckCode, fault: Fault | None = None
) -> bytes:
    return acknowledgement(
        header, code, at=app.clock.real_now(), own_id=uuid4().hex[:20], fault=fault
    )
