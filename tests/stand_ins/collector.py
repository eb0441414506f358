"""A collector of traces on loopback: reads OTLP over HTTP, and keeps every byte of it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class CollectedSpan(NamedTuple):
    """A span as it came in, ids in hexadecimal; `links` are pairs of trace and span."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    attributes: Mapping[str, Any]
    links: tuple[tuple[str, str], ...]
    failed: bool


class Collector:
    """Takes all that it is sent; one that `answers` not keeps every caller waiting."""

    def __init__(self, *, answers: bool = True) -> None:
        self.bodies: list[bytes] = []
        """What came in, unpacked, to be searched for what must not be there."""
        self.headers: list[Mapping[str, str]] = []
        self.spans: list[CollectedSpan] = []
        self.answers = answers
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def named(self, name: str) -> list[CollectedSpan]:
        return [one for one in self.spans if one.name == name]

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        whole = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        if not self.answers:
            self._over.wait()
        request = ExportTraceServiceRequest.FromString(whole)
        self.bodies.append(whole)
        self.headers.append(headers)
        for resource in request.resource_spans:
            about = _attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [_span(one, service=about["service.name"]) for one in scope.spans]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _span(one: Any, *, service: str) -> CollectedSpan:
    assert not one.events
    return CollectedSpan(
        service=service,
        name=one.name,
        trace=one.trace_id.hex(),
        span=one.span_id.hex(),
        parent=one.parent_span_id.hex(),
        attributes=_attributes(one.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in one.links),
        failed=one.status.code == one.status.STATUS_CODE_ERROR,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take({name.lower(): value for name, value in self.headers.items()}, body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
