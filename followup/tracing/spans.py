"""Spans: which there are, what they may hold, and ids that every process works out alike.

The trace of a message has the message's own id, and so has every process that knows the message:
nothing is stored, and nothing is handed on, for a receipt to join the trace of what it is about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple, TypeAlias
from uuid import UUID


class Field(StrEnum):
    """All that a span may hold. None of it is a patient's, and nothing else is ever written."""

    MESSAGE = "followup.message.id"
    ATTEMPT = "followup.attempt.id"
    NUMBER = "followup.attempt.number"
    INBOUND = "followup.inbound.id"
    CLINIC = "followup.clinic"
    CHANNEL = "followup.channel"
    PROVIDER = "followup.provider"
    OUTCOME = "followup.outcome"
    CODE = "followup.code"
    METHOD = "http.request.method"
    ROUTE = "http.route"
    STATUS = "http.response.status_code"


class SpanKind(StrEnum):
    """Where a span stands, as the standard calls it."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"


Value: TypeAlias = UUID | str | int

PLAIN = re.compile(r"(?!.*\d{7})[A-Za-z/_][\w./{}:-]{0,99}|\d{1,5}(\.\d{1,3}){0,2}", re.ASCII)
"""Keys, codes and routes of ours; no address, no number of a phone or a patient, no sentence."""


class SpanRef(NamedTuple):
    """One span of a trace."""

    trace: UUID
    span: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A step that has ended; its times are nanoseconds since 1970 by this machine's clock."""

    name: str
    at: SpanRef
    began: int
    ended: int
    parent: int | None = None
    kind: SpanKind = SpanKind.INTERNAL
    failed: bool = False
    fields: Mapping[Field, Value | None] = field(default_factory=dict)
    links: tuple[SpanRef, ...] = ()


def attributes_of(span: Span) -> dict[str, str | int]:
    """Return what a span tells: a value that might be anything else than a code is left out."""
    return {
        name.value: value if isinstance(value, int) else str(value)
        for name, value in span.fields.items()
        if isinstance(value, int | UUID) or (value is not None and PLAIN.fullmatch(value))
    }


def claim_ref(message_id: UUID, token: UUID) -> SpanRef:
    """Return the span of one claim of a message, under the token of its lease."""
    return SpanRef(message_id, _span_of(message_id, token))


def attempt_ref(message_id: UUID, attempt_id: UUID) -> SpanRef:
    """Return the span of one attempt, of which receipts are children."""
    return SpanRef(message_id, _span_of(attempt_id))


def _span_of(*ids: UUID) -> int:
    digest = blake2b(b"".join(one.bytes for one in ids), digest_size=8).digest()
    # 0 is no span.
    return int.from_bytes(digest, "big") or 1


_current: ContextVar[SpanRef | None] = ContextVar("span", default=None)


def current_span() -> SpanRef | None:
    """Return the span in which this thread, or task, is at work; None where it is in none."""
    return _current.get()
