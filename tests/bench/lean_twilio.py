"""A stand-in for Twilio that answers each request after the same time, and costs next to nothing.

    python -m tests.bench.lean_twilio 0.05

prints the port that it listens on; with `all-headers` behind it, it answers with as many as Twilio.
It shares the machine with those who are measured, so it does nothing but take messages: `GET
/taken` tells how many. The other stand-in can fail; this can't.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections import deque
from pathlib import Path
from typing import Self, cast

from tests.stand_ins.http_server import port_of
from tests.stand_ins.twilio import ACCOUNT_SID, AUTH_TOKEN
from tests.stand_ins.twilio_messages import Message, as_json

ROOT = Path(__file__).parents[2]
TOGETHER = 0.001
"""Seconds within which answers that fall due are written together."""

FEW_HEADERS = "Twilio-Request-Id: RQ0\r\n"
ALL_HEADERS = "".join(
    f"{line}\r\n"
    for line in (
        "Date: Fri, 23 Oct 2026 10:00:00 GMT",
        "Twilio-Concurrent-Requests: 1",
        "Twilio-Request-Id: RQ0123456789abcdef0123456789abcdef",
        "Twilio-Request-Duration: 0.143",
        "Access-Control-Allow-Origin: *",
        "Access-Control-Allow-Headers: Accept, Authorization, Content-Type, Idempotency-Key",
        "Access-Control-Allow-Methods: GET, POST, DELETE, OPTIONS",
        "Access-Control-Expose-Headers: ETag",
        "Access-Control-Allow-Credentials: true",
        "X-Powered-By: AT-5000",
        "Strict-Transport-Security: max-age=31536000",
        "X-Shenanigans: none",
        "X-Home-Region: us1",
        "X-API-Domain: api.twilio.com",
    )
)


class LeanTwilio:
    """The stand-in in a process of its own, for as long as the block lasts."""

    account_sid = ACCOUNT_SID
    auth_token = AUTH_TOKEN

    def __init__(self, *, latency: float, all_headers: bool = False) -> None:
        self._command = [sys.executable, "-m", "tests.bench.lean_twilio", str(latency)]
        self._command += ["all-headers"] if all_headers else []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def taken(self) -> int:
        """Return how many messages it has accepted so far."""
        with urllib.request.urlopen(f"{self.url}/taken", timeout=10) as answer:
            return int(answer.read())


class _Service:
    """What all connections share: the count, and the answers that wait for their time."""

    def __init__(self, latency: float, *, headers: str) -> None:
        self.taken = 0
        self._latency = latency
        self._waiting: deque[tuple[float, _Connection]] = deque()
        self._loop = asyncio.get_running_loop()
        self._before, self._after = _answer_around_sid(headers)

    def take(self, connection: _Connection) -> None:
        """Accept a message; its connection gets the answer after the latency."""
        if not self._waiting:
            self._loop.call_later(self._latency, self._answer_due)
        self._waiting.append((self._loop.time() + self._latency, connection))

    def _answer_due(self) -> None:
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            _, connection = self._waiting.popleft()
            self.taken += 1
            sid = b"SM%032x" % self.taken
            connection.transport.write(sid.join((self._before, self._after)))
        if self._waiting:
            self._loop.call_at(max(self._waiting[0][0], now + TOGETHER), self._answer_due)


def _answer_around_sid(headers: str) -> tuple[bytes, bytes]:
    """Return what Twilio answers before and after a message's SID."""
    message = Message(
        sid="SID".rjust(34, "x"),
        account_sid=ACCOUNT_SID,
        to="+447700900001",
        from_="+447700900999",
        service=None,
        body="x" * 250,
        created=0.0,
        status="queued",
    )
    resource = message.resource() | {"subresource_uris": {}, "uri": None}
    content = as_json(resource)
    head = (
        f"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n{headers}"
        f"Content-Length: {len(content)}\r\nConnection: keep-alive\r\n\r\n"
    )
    before, after = (head.encode() + content).split(message.sid.encode())
    return before, after


class _Connection(asyncio.Protocol):
    """Reads requests, the next once the last was answered, as clients without pipelining send."""

    def __init__(self, service: _Service) -> None:
        self._service = service
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        place = head.find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        self._buffer = b""
        if head.startswith(b"post "):
            self._service.take(self)
        else:
            count = str(self._service.taken).encode()
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
                % (len(count), count)
            )


async def _run(latency: float, *, headers: str) -> None:
    service = _Service(latency, headers=headers)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(service), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(json.dumps(port_of(server)) + "\n")
    sys.stdout.flush()
    # Whoever started it has gone when this ends.
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    wanted = ALL_HEADERS if sys.argv[2:] == ["all-headers"] else FEW_HEADERS
    asyncio.run(_run(float(sys.argv[1]), headers=wanted))
