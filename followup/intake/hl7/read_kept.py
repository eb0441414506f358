"""Reads a message of the inbox again, when it is worked off."""

from __future__ import annotations

from datetime import datetime

from followup.domain.sites.site import Site
from followup.intake.feed.event import FeedEvent
from followup.intake.hl7.header import read_header
from followup.intake.hl7.read_event import read_event


def read_kept(content: bytes, *, encoding: str, site: Site, received_at: datetime) -> FeedEvent:
    """Return the event of a message that was kept; raise `Refused` as `read_event` does."""
    header = read_header(content)
    return read_event(header, content.decode(encoding), site=site, sent_at=received_at)
