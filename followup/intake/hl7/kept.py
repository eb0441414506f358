"""HL7 v2 messages of the inbox: worked off, and put right by a person."""

from __future__ import annotations

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import InvalidInput
from followup.domain.sites.site import Site
from followup.intake.feed.apply import apply_event, take_note
from followup.intake.feed.event import FeedEvent
from followup.intake.feed.formats import NotTaken
from followup.intake.feed.inbox import NewFeedMessage
from followup.intake.feed.outcome import Applied
from followup.intake.hl7.acknowledge import Fault
from followup.intake.hl7.header import Unreadable, read_header
from followup.intake.hl7.read_event import Refused
from followup.intake.hl7.read_kept import read_kept
from followup.intake.hl7.receive import FEED, read_message, reason_of, source_of
from followup.store.models.feeds import FeedMessage


class Hl7Format:
    """What is kept of HL7 v2: each message as it came."""

    def apply(self, unit: UnitOfWork, row: FeedMessage, content: bytes, site: Site) -> Applied:
        """Apply a message; raise `NotTaken` for one that is refused."""
        return apply_event(unit, _event(row, content, site), site, message_id=row.id)

    def note(self, unit: UnitOfWork, row: FeedMessage, content: bytes, site: Site) -> None:
        """Keep what a message says, and change nothing by it yet."""
        take_note(unit, _event(row, content, site), site)

    def written(self, text: str, *, encoding: str) -> bytes:
        """Return a text with the ends of lines that segments have."""
        lines = "\r".join(text.splitlines()).strip("\r")
        return f"{lines}\r".encode(encoding, "replace")

    def checked(
        self, app: AppContext, _row: FeedMessage, content: bytes, site: Site
    ) -> NewFeedMessage:
        """Return a message that was put right; raise `InvalidInput` if it is still wrong."""
        try:
            header = read_header(content)
            found = read_message(app, header, content, sites=[site])
        except Unreadable as error:
            raise InvalidInput.of("content", str(error)) from None
        fault = found if isinstance(found, Fault) else found.fault
        if isinstance(found, Fault) or fault is not None:
            assert fault is not None  # noqa: S101 - one of the two it is
            raise InvalidInput.of("content", f"{fault.text} ({fault.place})")
        return NewFeedMessage(
            feed=FEED,
            site=site.key,
            source=source_of(header),
            control_id=header.control_id,
            event=header.event,
            content=content,
            encoding=found.encoding,
        )


def _event(row: FeedMessage, content: bytes, site: Site) -> FeedEvent:
    try:
        return read_kept(content, encoding=row.encoding, site=site, received_at=row.received_at)
    except Refused as error:
        raise NotTaken(reason_of(error.fault), place=error.fault.place) from None
    except Unreadable:
        raise NotTaken("unreadable") from None
