"""Inbound text: what a patient sent to us, as a webhook or the provider's list tells it.

Apart from the webhooks, so that whoever takes texts in need not load the provider's client.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from followup.providers.interface import Listed


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundText:
    """A text that a patient sent to us.

    `opt_out_type` is STOP, START or HELP where Twilio recognised such a word and has acted on it.
    `written_at` is when it was written, in real time; None for one that comes as it is written.
    """

    provider_id: str
    from_: str
    to: str
    body: str
    media_count: int = 0
    opt_out_type: str | None = None
    written_at: datetime | None = None

    @classmethod
    def of_list(cls, listed: Listed) -> Self:
        """Return a text as the provider's own list has it."""
        return cls(
            provider_id=listed.provider_id,
            from_=listed.from_,
            to=listed.to,
            body=listed.body,
            media_count=listed.media_count,
            written_at=listed.created_at,
        )
