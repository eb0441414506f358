"""OTLP over HTTP: spans handed to a collector by OpenTelemetry's SDK. Imported where it is on.

The SDK has a provider of this module's own, which is never made the process's: what a library would
trace by itself (addresses, queries) has nowhere to go.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from threading import Thread, local

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import SpanKind as OtelKind

from followup.tracing.spans import Span, SpanRef, attributes_of

MOST_WAITING = 8192
"""Spans that wait for a collector; beyond that they are dropped, the oldest first."""
EVERY_SECONDS, TOGETHER = 2.0, 512
EXPORT_SECONDS = 5.0
"""How long one hand-over may take, with its tries."""
CLOSE_SECONDS = 3.0
"""How long the end of a process may be held up by a collector that is away."""

log = structlog.get_logger()

# It has a line for each try; `_Exporter` tells when that begins and ends.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

FLAGS = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)


class OtlpWriter:
    """Hands spans to one collector, from a thread of its own. Made after any fork."""

    def __init__(
        self, endpoint: str, *, headers: Mapping[str, str], resource: Mapping[str, str]
    ) -> None:
        self._ids = _GivenIds()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            # Not `Resource.create`: that adds whatever the environment says, and the command line.
            resource=Resource({**resource}),
            id_generator=self._ids,
            # It would wait for half a minute.
            shutdown_on_exit=False,
        )
        exporter = _Exporter(
            endpoint=endpoint,
            headers={**headers},
            timeout=EXPORT_SECONDS,
            compression=Compression.Gzip,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=MOST_WAITING,
                schedule_delay_millis=EVERY_SECONDS * 1000,
                max_export_batch_size=TOGETHER,
            )
        )
        self._tracer = self._provider.get_tracer("followup")

    def write(self, span: Span) -> None:
        """Put a span among those that wait."""
        self._ids.give(span.at)
        parent = None if span.parent is None else SpanRef(span.at.trace, span.parent)
        written = self._tracer.start_span(
            span.name,
            context=_in_context(parent),
            kind=OtelKind[span.kind.value],
            attributes=attributes_of(span),
            links=[Link(_context_of(link)) for link in span.links],
            start_time=span.began,
        )
        if span.failed:
            written.set_status(StatusCode.ERROR)
        written.end(max(span.ended, span.began))

    def close(self) -> None:
        """Hand over what waits, in a thread that is left behind where that takes too long."""
        ending = Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)


class _Exporter(OTLPSpanExporter):
    """Tells once of a collector that takes nothing, and once that it does again."""

    _taken = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        taken = result is SpanExportResult.SUCCESS
        if taken != self._taken:
            self._taken = taken
            if taken:
                log.warning("traces.taken")
            else:
                log.warning("traces.not_taken")
        return result


class _GivenIds(IdGenerator):
    """Ids that are worked out by us: the SDK makes them for each span in the thread that asks."""

    def __init__(self) -> None:
        self._here = local()

    def give(self, at: SpanRef) -> None:
        self._here.at = at

    def generate_trace_id(self) -> int:
        return int(self._here.at.trace.int)

    def generate_span_id(self) -> int:
        return int(self._here.at.span)

    def is_trace_id_random(self) -> bool:
        return True


def _in_context(parent: SpanRef | None) -> Context:
    """Return a context that holds the parent and nothing of what goes on in this thread."""
    empty = Context()
    if parent is None:
        return empty
    return set_span_in_context(NonRecordingSpan(_context_of(parent)), empty)


def _context_of(at: SpanRef) -> SpanContext:
    return SpanContext(at.trace.int, at.span, is_remote=True, trace_flags=FLAGS)
