"""Request middleware: protecting headers, and one log line without a patient."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import MutableMapping
from http import HTTPMethod, HTTPStatus
from pathlib import PurePath
from typing import Any
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from followup.providers.twilio.webhooks import STATUS_PATH, ids_of
from followup.web.errors import BROKEN, TOO_LARGE, answer_of

log = structlog.get_logger()

FREQUENT = frozenset({"/healthz", "/readyz", "/metrics", STATUS_PATH})
"""Asked for by machines many times a minute: told only where something is wrong."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # An address may hold the token by which a patient stops e-mails.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
METHODS = frozenset(HTTPMethod)
MOST_STEPS = 12
ONE_YEAR = "max-age=31536000"


class Envelope:
    """An ASGI middleware, the outermost one."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._headers = {**HEADERS, **({"Strict-Transport-Security": ONE_YEAR} if is_https else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None
        too_large = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, too_large
            # The framework says so in words of its own, whatever a route would have answered.
            too_large = too_large or _is_too_large(message)
            if too_large:
                return
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as mistake:  # noqa: BLE001 - the edge of a request
            too_large = isinstance(mistake, HTTPException) and mistake.status_code == TOO_LARGE
            if not too_large:
                _own_up(mistake)
            if not too_large and status is None:
                await answer_of(scope, BROKEN)(scope, receive, send_with_headers)
        finally:
            if too_large and status is None:
                too_large = False
                await answer_of(scope, TOO_LARGE)(scope, receive, send_with_headers)
            _tell(scope, status or BROKEN, seconds=time.perf_counter() - began)


def _is_too_large(message: Message) -> bool:
    if message["type"] != "http.response.start" or message["status"] != TOO_LARGE:
        return False
    return MutableHeaders(scope=message).get("content-type", "").startswith("text/plain")


def _own_up(mistake: Exception) -> None:
    """Log where a mistake is, without the error's own words and values: they may name someone."""
    steps = traceback.extract_tb(mistake.__traceback__)[-MOST_STEPS:]
    where = [f"{PurePath(step.filename).name}:{step.lineno} {step.name}" for step in steps]
    log.error("web.failed", cause=type(mistake).__name__, where=where)


def _tell(scope: Scope, status: int, *, seconds: float) -> None:
    """Log the route, not the address: that may hold a token, and a query whatever was sent."""
    route = route_of(scope) or "-"
    log.log(
        _level(status, route),
        "web.request",
        method=method_of(scope),
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 1),
        **_our_ids(scope, route),
    )


def _level(status: int, route: str) -> int:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return logging.ERROR
    if status >= HTTPStatus.BAD_REQUEST:
        return logging.WARNING
    return logging.DEBUG if route in FREQUENT else logging.INFO


def route_of(scope: Scope) -> str | None:
    """Return the template of the route that answered a request, such as /p/{token}."""
    path = getattr(scope.get("route"), "path", None)
    return None if path is None else str(path)


def method_of(scope: MutableMapping[str, Any]) -> str:
    """Return the method of a request, or a dash for one that nobody made up for HTTP."""
    method = str(scope["method"])
    return method if method in METHODS else "-"


def _our_ids(scope: Scope, route: str) -> dict[str, str]:
    if route != STATUS_PATH:
        return {}
    ids = ids_of(dict(parse_qsl(scope["query_string"].decode("latin-1"))))
    return {} if ids is None else {"message_id": str(ids[0]), "attempt_id": str(ids[1])}
