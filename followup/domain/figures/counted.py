"""What is counted of each week."""

from __future__ import annotations

from enum import StrEnum


class Counted(StrEnum):
    """What happened to a message that fell due, and what patients and texts did besides.

    The first five are one for each message of advice that fell due in the week.
    """

    IN_WINDOW = "in-window"
    """A text that was delivered in its window, or an e-mail that did not come back."""
    LATE = "late"
    """Delivered after its window was over."""
    NOT_DELIVERED = "not-delivered"
    """Failed, too late to send, or not sent for want of an address or because of an objection."""
    UNCONFIRMED = "unconfirmed"
    """A text that was sent, and of which no receipt has come."""
    UNDER_WAY = "under-way"

    REPLIES = "replies"
    """Texts that patients sent; counted with the last text that they had before."""
    STOPS = "stops"
    """Objections that patients made; counted with the last message that they had before."""
    SEGMENTS = "segments"
    """Segments of all texts that the provider took, answers and tests included."""


FELL_DUE = (
    Counted.IN_WINDOW,
    Counted.LATE,
    Counted.NOT_DELIVERED,
    Counted.UNCONFIRMED,
    Counted.UNDER_WAY,
)
