"""Gate: requests that no route should see, such as those to another site's name."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes, urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from followup.web.errors import answer_of

PART_SECONDS, BODY_SECONDS = 20, 120
"""How long the next part of a body, and all of it, may keep us waiting."""
MACHINES = ("/api/", "/fhir/", "/hooks/")
"""What they send is read field by field; no signed receipt is turned away for its query."""
FORWARDED = "x-forwarded-for"

log = structlog.get_logger()


class _TooSlow(Exception):
    """The rest of a body did not come."""


class Gate:
    """An ASGI middleware that answers what is malformed or meant for another site.

    A host that is an IP address, or a name without a dot, is let in: no page elsewhere can have
    itself resolved to us under such a name (DNS rebinding), and proxies and probes call by them.
    """

    def __init__(
        self, app: ASGIApp, *, public_url: str, part_seconds: float = PART_SECONDS
    ) -> None:
        self._app = app
        self._host = (urlsplit(public_url).hostname or "").lower()
        self._part_seconds = part_seconds
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        self._look_at_proxy(scope, headers)
        if not self._is_ours(headers.get("host", "")):
            await answer_of(scope, HTTPStatus.MISDIRECTED_REQUEST)(scope, receive, send)
        elif not scope["path"].startswith(MACHINES) and _holds_nul(scope):
            # PostgreSQL keeps no such text, and nobody types it.
            await answer_of(scope, HTTPStatus.BAD_REQUEST)(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = whole = False
        now = asyncio.get_running_loop().time
        end = now() + BODY_SECONDS

        async def receive_in_time() -> Message:
            nonlocal whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(min(now() + self._part_seconds, end)):
                    message = await receive()
            except TimeoutError:
                raise _TooSlow from None
            whole = not message.get("more_body", False)
            return message

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive_in_time, send_on)
        except _TooSlow:
            if not started:
                answer = answer_of(scope, HTTPStatus.REQUEST_TIMEOUT)
                answer.headers["Connection"] = "close"
                await answer(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name == self._host or "." not in name.rstrip(".") or _is_address(name)

    def _look_at_proxy(self, scope: Scope, headers: Headers) -> None:
        """Warn once of a proxy that is not trusted: all that it passes on is one address."""
        peer = (scope.get("client") or ("",))[0]
        if self._warned or FORWARDED not in headers or peer in headers[FORWARDED]:
            return
        self._warned = True
        log.warning(
            "web.untrusted_proxy",
            why="a proxy passes requests on and is not in FOLLOWUP_TRUSTED_PROXIES, so limits by "
            "network address count everybody as one: add the proxy's address",
        )


def _holds_nul(scope: Scope) -> bool:
    return b"\0" in unquote_to_bytes(scope["raw_path"] + b"?" + scope["query_string"])


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
