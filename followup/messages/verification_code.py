"""Verification codes of test texts: derived from the message's id, and hidden from staff.

A code is kept nowhere: it is a keyed hash, so that the worker which writes the text and the page
which checks the code agree.
"""

from __future__ import annotations

from uuid import UUID

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.message_kind import MessageKind
from followup.store.encryption.sealing import BlindIndexes
from followup.store.models.messages import Message

HIDDEN_CODE = "••••"


def code_of(indexes: BlindIndexes, message_id: UUID) -> str:
    """Return the four digits that a test text carries."""
    number = int.from_bytes(indexes.of("number check", str(message_id)), "big")
    return f"{number % 10_000:04d}"


def veiled(app: AppContext, message: Message, text: str) -> str:
    """Return the words of a message for staff: a code that is still good is the phone's alone.

    In practice mode there is no phone, and the code is shown.
    """
    practice = app.channels[ChannelKind.SMS].provider == "sandbox"
    if message.kind != MessageKind.CHECK or practice or app.clock.now() >= message.not_after:
        return text
    return text.replace(code_of(app.keyring.indexes, message.id), HIDDEN_CODE)
