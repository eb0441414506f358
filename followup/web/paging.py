"""Paging parameters of the message list: times, states, and the cursor."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from followup.domain.errors import InvalidInput
from followup.domain.lifecycle import State

Place = tuple[datetime, UUID]
"""Behind which message to go on: its due time and its id."""

_SPACE_FOR_PLUS = re.compile(r" (?=\d\d:?\d\d$)")


def parse_since(text: str | None) -> datetime | None:
    """Return the time in UTC; a `+` that arrives as a space, as forms write it, is understood."""
    if text is None:
        return None
    try:
        since = datetime.fromisoformat(_SPACE_FOR_PLUS.sub("+", text.strip()))
        aware = since.astimezone(UTC) if since.tzinfo else None
    except (ValueError, OverflowError):
        aware = None
    if aware is None:
        raise InvalidInput.of(
            "since", "this is not a time with an offset; write it like 2026-10-23T00:00:00Z"
        )
    return aware


def parse_states(texts: Sequence[str]) -> list[State]:
    """Return the states that are asked for."""
    try:
        return [State(text) for text in texts]
    except ValueError:
        raise InvalidInput.of("state", f"choose from: {', '.join(State)}") from None


def write_cursor(place: Place) -> str:
    """Return a place as a word that means nothing to a caller."""
    due_at, message_id = place
    return base64.urlsafe_b64encode(f"{due_at.isoformat()} {message_id}".encode()).decode()


def parse_cursor(text: str | None) -> Place | None:
    """Return the place of a cursor that `write_cursor` made."""
    if text is None:
        return None
    try:
        due_at, _, message_id = base64.urlsafe_b64decode(text).decode().partition(" ")
        return datetime.fromisoformat(due_at).astimezone(UTC), UUID(message_id)
    except (ValueError, OverflowError, binascii.Error):
        raise InvalidInput.of(
            "cursor", "this is not the next_cursor of an answer; leave it out to start anew"
        ) from None
