"""Request spans: a trace of each request to a route, by its template and never by its address."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from followup.tracing.spans import Field, Span, SpanKind, SpanRef
from followup.tracing.traces import Traces, new_trace
from followup.web.envelope import method_of, route_of

UNTRACED = frozenset({"/healthz", "/readyz", "/metrics", "/static/{name}", None})
"""Asked for many times a minute, and of no interest; and what no route answers."""


class Traced:
    """An ASGI middleware, outermost where tracing is on: log lines of a request tell its span.

    A trace is never begun by what a request says of itself (`traceparent`): anybody may send that.
    """

    def __init__(self, app: ASGIApp, *, traces: Traces) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        at = new_trace()
        began = self._traces.time(at.trace)
        if scope["type"] != "http" or not began:
            await self._app(scope, receive, send)
            return
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            with self._traces.within(at):
                await self._app(scope, receive, send_on)
        finally:
            self._keep(scope, at, status=status, began=began)

    def _keep(self, scope: Scope, at: SpanRef, *, status: int, began: int) -> None:
        route, method = route_of(scope), method_of(scope)
        if route in UNTRACED:
            return
        self._traces.keep(
            Span(
                name=f"{method} {route}",
                at=at,
                began=began,
                ended=self._traces.time(),
                kind=SpanKind.SERVER,
                failed=status >= HTTPStatus.INTERNAL_SERVER_ERROR,
                fields={Field.METHOD: method, Field.ROUTE: route, Field.STATUS: status},
            )
        )
