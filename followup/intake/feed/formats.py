"""Formats of feeds: what the inbox asks of each, whatever language its messages are in."""

from __future__ import annotations

from typing import Protocol

from followup.context import AppContext, UnitOfWork
from followup.domain.sites.site import Site
from followup.intake.feed.inbox import NewFeedMessage
from followup.intake.feed.outcome import Applied
from followup.store.models.feeds import FeedMessage


class NotTaken(Exception):
    """A kept message that is refused: the reason of the ledger, and where or what was told."""

    def __init__(self, reason: str, *, place: str | None = None, told: str | None = None) -> None:
        self.reason, self.place, self.told = reason, place, told
        super().__init__(reason)


class FeedFormat(Protocol):
    """How messages of one feed are read."""

    def apply(self, unit: UnitOfWork, row: FeedMessage, content: bytes, site: Site) -> Applied:
        """Apply what a message says, within a transaction; raise `NotTaken` if it is refused."""

    def note(self, unit: UnitOfWork, row: FeedMessage, content: bytes, site: Site) -> None:
        """Keep what a message says that clashes with what is here; raise `NotTaken` as well."""

    def written(self, text: str, *, encoding: str) -> bytes:
        """Return the bytes of a text that a person has put right."""

    def checked(
        self, app: AppContext, row: FeedMessage, content: bytes, site: Site, /
    ) -> NewFeedMessage:
        """Return a message that was put right; raise `InvalidInput` if it is still wrong."""
