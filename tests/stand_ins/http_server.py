"""A small, quick HTTP/1.1 server for stand-ins: it can answer, and fail in every way a peer can."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

MAX_HEAD = 65_536
_CLOSE_WITH_RESET = struct.pack("ii", 1, 0)


class Exchange:
    """One request, and what to do about it: exactly one of the methods below, now or later."""

    __slots__ = ("_connection", "body", "headers", "method", "target")

    def __init__(
        self,
        connection: Connection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        self._connection = connection
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body

    def answer(
        self, status: int, content: bytes, headers: Mapping[str, str] = {}, *, close: bool = False
    ) -> None:
        """Send a whole answer."""
        self._connection.write(_head(status, len(content), headers, close=close) + content)
        if close:
            self._connection.close()
        else:
            self._connection.next_request()

    def truncate(self, status: int, content: bytes) -> None:
        """Send the head and half of the content, then close."""
        half = content[: len(content) // 2]
        self._connection.write(_head(status, len(content), {}, close=False) + half)
        self._connection.close()

    def trickle(self, status: int, content: bytes, *, seconds: float) -> None:
        """Send an answer a byte at a time, over so many seconds."""
        whole = _head(status, len(content), {}, close=False) + content
        loop = asyncio.get_running_loop()
        for place in range(len(whole)):
            loop.call_later(
                seconds * place / len(whole), self._connection.write, whole[place : place + 1]
            )
        loop.call_later(seconds, self._connection.next_request)

    def close(self) -> None:
        """Close without a word, in good order."""
        self._connection.close()

    def reset(self) -> None:
        """Break the connection off."""
        self._connection.reset()

    def never_answer(self) -> None:
        """Keep the caller waiting until it gives up."""

    @property
    def peer(self) -> tuple[str, int]:
        return self._connection.peer

    @property
    def here(self) -> tuple[str, int]:
        return self._connection.here


Handler = Callable[[Exchange], None]


class Connection(asyncio.Protocol):
    """Reads one request after the other; the next only once the last was answered."""

    def __init__(self, handler: Handler, *, idle_limit: Callable[[], float]) -> None:
        self._handler = handler
        self._idle_limit = idle_limit
        self._buffer = bytearray()
        self._busy = False
        self._idle: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer = cast("tuple[str, int]", transport.get_extra_info("peername"))
        self.here = cast("tuple[str, int]", transport.get_extra_info("sockname"))
        self._wait()

    def connection_lost(self, exception: Exception | None) -> None:
        self._transport = None
        self._stop_waiting()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._read()

    def next_request(self) -> None:
        self._busy = False
        self._wait()
        if self._buffer:
            self._read()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_WITH_RESET)
            self._transport.abort()

    def _read(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                self.reset()
            return
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        size = end + 4 + int(headers.get("content-length", 0))
        if len(self._buffer) < size:
            return
        self._stop_waiting()
        body = bytes(self._buffer[end + 4 : size])
        del self._buffer[:size]
        method, target, _ = first.split(" ", 2)
        self._busy = True
        self._handler(Exchange(self, method, target, headers, body))

    def _wait(self) -> None:
        self._stop_waiting()
        limit = self._idle_limit()
        if limit:
            self._idle = asyncio.get_running_loop().call_later(limit, self.close)

    def _stop_waiting(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


def _head(status: int, length: int, headers: Mapping[str, str], *, close: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {length}", f"Connection: {'close' if close else 'keep-alive'}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def serve(
    handler: Handler, *, port: int, idle_limit: Callable[[], float] = lambda: 0.0
) -> asyncio.Server:
    """Listen on loopback; `idle_limit` tells after how many idle seconds to close, 0 for never."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: Connection(handler, idle_limit=idle_limit), "127.0.0.1", port, backlog=1024
    )


def port_of(server: asyncio.Server) -> int:
    sockets: Any = server.sockets
    return int(sockets[0].getsockname()[1])
