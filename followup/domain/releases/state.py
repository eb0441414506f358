"""The state of a release: how far two people and time have brought it."""

from __future__ import annotations

from enum import StrEnum


class ReleaseState(StrEnum):
    """What became of a release; the words are those of the command line's JSON."""

    SIGNED = "signed"
    """Its author signed it, and it waits for another person."""
    APPROVED = "approved"
    SENT_BACK = "sent-back"
    WITHDRAWN = "withdrawn"
