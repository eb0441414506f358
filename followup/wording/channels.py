"""Channels."""

from __future__ import annotations

from followup.domain.channel import ChannelKind
from followup.wording.formats import count

CHANNEL_NAMES: dict[ChannelKind, str] = {ChannelKind.SMS: "text", ChannelKind.EMAIL: "e-mail"}

ADDRESS_NAMES: dict[ChannelKind, str] = {
    ChannelKind.SMS: "number",
    ChannelKind.EMAIL: "e-mail address",
}
"""What a patient is reached at."""


def channel_text(channel: str, segments: int | None = None) -> str:
    """Return how a message is sent: `e-mail`, or `text, 2 segments`."""
    word = CHANNEL_NAMES[ChannelKind(channel)]
    return f"{word}, {count(segments, 'segment')}" if segments else word


def covered_text(channel: str | None) -> str:
    """Return which messages an objection or a kill switch covers: texts, e-mails, or messages."""
    return f"{CHANNEL_NAMES[ChannelKind(channel)]}s" if channel in set(ChannelKind) else "messages"
