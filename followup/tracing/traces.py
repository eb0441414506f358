"""Where spans are kept, or not: off unless there is a writer, and then by a share of the traces."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol
from uuid import UUID

from followup.clock import machine_nanoseconds
from followup.tracing.spans import Span, SpanRef, _current

RANDOM = 1 << 56
"""The last 56 bits of a trace's id are random (W3C Trace Context 2), and by them it is sampled."""


class SpanWriter(Protocol):
    """Takes spans without ever waiting, and never raises."""

    def write(self, span: Span) -> None: ...

    def close(self) -> None:
        """Hand over what was taken, within seconds, or drop it."""


class Traces:
    """The traces of this process. A trace is kept by all processes or by none: its id decides."""

    def __init__(self, writer: SpanWriter | None = None, *, ratio: float = 1.0) -> None:
        self._writer = writer
        self._least = round((1 - ratio) * RANDOM)

    @property
    def on(self) -> bool:
        """Say whether any trace is kept."""
        return self._writer is not None

    def covers(self, trace: UUID) -> bool:
        """Say whether this trace is kept."""
        return self._writer is not None and trace.int % RANDOM >= self._least

    def time(self, trace: UUID | None = None) -> int:
        """Return the time for a span of this trace, or of any; 0 where none is kept."""
        wanted = self.on if trace is None else self.covers(trace)
        return machine_nanoseconds() if wanted else 0

    def keep(self, span: Span) -> None:
        """Keep a step that has ended, if its trace is kept."""
        if self._writer is not None and self.covers(span.at.trace):
            self._writer.write(span)

    def within(self, at: SpanRef) -> AbstractContextManager[None]:
        """Do what follows in a span: log lines tell it."""
        return _within(at) if self.covers(at.trace) else nullcontext()

    def close(self) -> None:
        """Hand over what is left."""
        if self._writer is not None:
            self._writer.close()


OFF = Traces()


def new_trace() -> SpanRef:
    """Return the first span of a trace that is about no row of ours."""
    return SpanRef(UUID(int=secrets.randbits(128) | 1 << 127), new_span())


def new_span() -> int:
    """Return the id of a span that nobody else has to know."""
    return secrets.randbits(64) or 1


@contextmanager
def _within(at: SpanRef) -> Iterator[None]:
    before = _current.set(at)
    try:
        yield
    finally:
        _current.reset(before)
