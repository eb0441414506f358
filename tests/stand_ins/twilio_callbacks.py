"""The stand-in's callbacks: signed as Twilio signs them, over kept connections of its own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import SplitResult, urlencode, urlsplit

CONCURRENT = 64
TIMEOUT = 15.0
"""Seconds; as long as Twilio waits for a webhook to answer."""

_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def sign(auth_token: str, url: str, params: Mapping[str, str]) -> str:
    """Return Twilio's signature: HMAC-SHA1 over the address and the sorted form, in base64.

    Written from Twilio's description, not with its client, so that one checks the other.
    """
    text = url + "".join(f"{name}{params[name]}" for name in sorted(params))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def in_order(url: str) -> str:
    """Return an address with the parameters of its query in alphabetical order."""
    parts = urlsplit(url)
    return parts._replace(query="&".join(sorted(parts.query.split("&")))).geturl()


class Callbacks:
    """Posts forms, and never fails for what the other side does."""

    def __init__(self, auth_token: str) -> None:
        self.auth_token = auth_token
        self.posted = 0
        self.failed = 0
        self.sorts_signed = self.sorts_sent = False
        self.under_way: set[asyncio.Task[int]] = set()
        self._latest: dict[str, asyncio.Task[int]] = {}
        self._idle: defaultdict[tuple[str, str], list[_Stream]] = defaultdict(list)
        self._places = asyncio.Semaphore(CONCURRENT)

    def post_soon(self, url: str, params: Mapping[str, str]) -> None:
        """Post a form after those of the same message, however busy this machine is."""
        sid = params["MessageSid"]
        task = asyncio.get_running_loop().create_task(
            self._post_after(self._latest.get(sid), url, params)
        )
        self._latest[sid] = task
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        task.add_done_callback(lambda done: self._forget(sid, done))

    async def _post_after(
        self, earlier: asyncio.Task[int] | None, url: str, params: Mapping[str, str]
    ) -> int:
        if earlier is not None:
            await asyncio.wait([earlier])
        return await self.post(url, params)

    def _forget(self, sid: str, done: asyncio.Task[int]) -> None:
        if self._latest.get(sid) is done:
            del self._latest[sid]

    async def post(
        self, url: str, params: Mapping[str, str], *, signature: str | None = None
    ) -> int:
        """Return the status of the answer, 0 if there was none."""
        async with self._places:
            try:
                async with asyncio.timeout(TIMEOUT):
                    status = await self._post(url, params, signature)
            except (OSError, ValueError, asyncio.IncompleteReadError, TimeoutError):
                status = 0
        self.posted += 1
        self.failed += not 200 <= status < 300
        return status

    async def _post(self, url: str, params: Mapping[str, str], signature: str | None) -> int:
        over = in_order(url) if self.sorts_signed else url
        signed = sign(self.auth_token, over, params) if signature is None else signature
        parts = urlsplit(in_order(url) if self.sorts_sent else url)
        body = urlencode(params).encode()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = (
            f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "User-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
            "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
            f"X-Twilio-Signature: {signed}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        idle = self._idle[(parts.scheme, parts.netloc)]
        while idle:
            stream = idle.pop()
            try:
                return await _exchange(stream, head + body, keep=idle)
            except (OSError, ValueError, asyncio.IncompleteReadError):
                stream[1].close()  # It had been closed meanwhile. A callback may come twice.
        return await _exchange(await _connect(parts), head + body, keep=idle)


async def _connect(parts: SplitResult) -> _Stream:
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if tls else 80)
    return await asyncio.open_connection(parts.hostname, port, ssl=tls)


async def _exchange(stream: _Stream, request: bytes, *, keep: list[_Stream]) -> int:
    reader, writer = stream
    writer.write(request)
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    status = int(first.split(" ")[1])
    if "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
    if "content-length" in headers and headers.get("connection", "").lower() != "close":
        keep.append(stream)
    else:
        writer.close()
    return status
