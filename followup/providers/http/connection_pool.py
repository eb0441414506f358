"""Connection pool that says, when a request fails, whether it can have arrived.

Why it is not urllib3 that does this: docs/decisions/0013.

Nothing is ever repeated or redirected here, and nothing is logged: what is sent may tell of people.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from select import POLLIN, poll
from time import monotonic
from urllib.parse import urlsplit

from followup.providers.http import deadlines as bounded
from followup.providers.http.response_reader import Answer, BrokenAnswer, read_answer

IDLE_LIMIT = 4.0
"""Seconds after which an unused connection is not used again.

Servers close idle connections too: 5 s is the shortest limit in wide use, a minute a common one. A
request that is written in the moment in which the server closes may or may not have been read, so
its outcome would be unknown. Giving the connection up before the server does makes that rare.
"""


class NotReached(Exception):
    """The request provably never arrived: safe to repeat."""


class AnswerLost(Exception):
    """The request was written, at least in part, and no whole answer came back."""


class Connections:
    """Connections to one host, kept for the next request. Safe to share between threads.

    A request takes at most `connect_timeout` to get a connection and `read_timeout` from its first
    byte to the last of the answer. After both, nothing more of it is written: whoever has waited
    that long may ask the other side what became of it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout: float,
        read_timeout: float,
        keep: int,
        tls: ssl.SSLContext | None = None,
        allow: Callable[[str], bool] | None = None,
    ) -> None:
        """`allow` says to which IP addresses a connection may be made; to any without it."""
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{base_url!r} is no http:// or https:// address")
        encrypted = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if encrypted else 80)
        named = parts.netloc.rpartition("@")[2]  # With its port if that was given, without a user.
        self._first_headers = f"Host: {named}\r\nAccept-Encoding: identity\r\n"
        self._tls = (tls or ssl.create_default_context()) if encrypted else None
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._idle: deque[_Connection] = deque()
        self._keep = keep
        self._allow = allow
        self._owner = os.getpid()

    def request(
        self, method: str, target: str, *, body: bytes | None, headers: dict[str, str]
    ) -> Answer:
        """Make one request; raise `NotReached` or `AnswerLost` when it has no whole answer."""
        left = bounded.after(self._connect_timeout)
        request = self._written(method, target, body=body, headers=headers)
        connection = self._take()
        keeps = False
        try:
            if left() <= 0:
                # The whole process stood still. What it was about to do may be another's by now.
                raise NotReached("the time for connecting was over before anything was written")
            answer = connection.exchange(request, seconds=self._read_timeout)
            keeps = answer.keeps
        except (OSError, BrokenAnswer) as error:
            reason = f"{type(error).__name__} {error}".rstrip()
            raise AnswerLost(f"no whole answer from {self._host}: {reason}") from error
        finally:
            if keeps:
                self._give_back(connection)
            else:
                connection.close()
        return answer

    def _written(
        self, method: str, target: str, *, body: bytes | None, headers: dict[str, str]
    ) -> bytes:
        if not _TARGET.fullmatch(target):
            raise NotReached("the address has a character that none may have")
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        lines = _lines(tuple(headers.items()))
        head = f"{method} {target} HTTP/1.1\r\n{self._first_headers}{lines}{length}\r\n"
        return head.encode("latin-1") + (body or b"")

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> _Connection:
        if self._owner != os.getpid():
            # A forked child must not write into its parent's connections; they stay open there.
            self.close()
            self._owner = os.getpid()
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break  # Another thread was quicker.
            if connection.is_fresh:
                return connection
            connection.close()
        return _Connection(
            self._host,
            self._port,
            connect_timeout=self._connect_timeout,
            tls=self._tls,
            allow=self._allow,
        )

    def _give_back(self, connection: _Connection) -> None:
        connection.idle_since = monotonic()
        if len(self._idle) < self._keep:
            self._idle.append(connection)
        else:
            connection.close()


_TARGET = re.compile(r"/[!-~]*")
_HEADER = re.compile(r"[!-9;-~]+: [ -~]*")


@lru_cache(maxsize=64)
def _lines(headers: tuple[tuple[str, str], ...]) -> str:
    """Return headers as they are written; nearly all requests have the same."""
    lines = [f"{name}: {value}" for name, value in headers]
    if not all(map(_HEADER.fullmatch, lines)):
        raise NotReached("a header has a character that none may have")
    return "".join(f"{line}\r\n" for line in lines)


class _Connection:
    """One connection, which raises `NotReached` for as long as nothing of a request has left."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        connect_timeout: float,
        tls: ssl.SSLContext | None,
        allow: Callable[[str], bool] | None,
    ) -> None:
        self.sock = _connected(host, port, bounded.after(connect_timeout), tls=tls, allow=allow)
        self.idle_since = monotonic()
        self._host = host
        self._watch = poll()
        self._watch.register(self.sock, POLLIN)

    def exchange(self, request: bytes, *, seconds: float) -> Answer:
        """Write a request and read its answer, both within so many seconds."""
        left = bounded.after(seconds)
        self._write(request, left)

        def receive() -> bytes:
            bounded.limit(self.sock, left)
            return self.sock.recv(_AT_ONCE)

        return read_answer(receive)

    @property
    def is_fresh(self) -> bool:
        """Whether it was used lately, and the server neither closed it nor said anything since."""
        return monotonic() - self.idle_since <= IDLE_LIMIT and not self._watch.poll(0)

    def close(self) -> None:
        self.sock.close()

    def _write(self, request: bytes, left: bounded.Left) -> None:
        """Write a request. When the first write fails, nothing that can be read has left."""
        rest = memoryview(request)
        try:
            bounded.limit(self.sock, left)
            written = self.sock.send(rest[:_RECORD])
        except OSError as error:
            raise NotReached(f"the connection to {self._host} was gone: {error}") from error
        while rest := rest[written:]:
            bounded.limit(self.sock, left)
            written = self.sock.send(rest[:_RECORD])


_AT_ONCE = 65_536
_RECORD = 16_384
"""The longest record of TLS (RFC 8446, 5.1). One that is cut off can't be read by anybody; of more,
written at once, the first ones may have arrived when the write fails."""


def _connected(
    host: str,
    port: int,
    left: bounded.Left,
    *,
    tls: ssl.SSLContext | None,
    allow: Callable[[str], bool] | None,
) -> socket.socket:
    """Return a connection, or raise `NotReached`."""
    sock: socket.socket | None = None
    try:
        sock = bounded.connect((host, port), left, allow=allow)
        bounded.limit(sock, left)
        if tls:
            sock = tls.wrap_socket(sock, server_hostname=host)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise NotReached(f"no connection to {host}: {error}") from error
    return sock
