"""HTTP requests over kept connections that say, when one fails, whether it can have arrived.

Nothing is ever repeated or redirected here, and nothing is logged: what is sent may tell of people.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
from collections import deque
from dataclasses import dataclass
from email.message import Message
from select import POLLIN, poll
from time import monotonic
from urllib.parse import urlsplit

from followup.channels import bounded

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


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status."""

    status: int
    headers: Message
    text: str


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
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{base_url!r} is no http:// or https:// address")
        encrypted = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if encrypted else 80)
        self._tls = (tls or ssl.create_default_context()) if encrypted else None
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._idle: deque[_Connection] = deque()
        self._keep = keep
        self._owner = os.getpid()

    def request(
        self, method: str, target: str, *, body: bytes | None, headers: dict[str, str]
    ) -> Answer:
        """Make one request; raise `NotReached` or `AnswerLost` when it has no whole answer."""
        connection = self._take()
        whole = False
        try:
            connection.prepare(self._read_timeout)
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
            whole = True
        except (OSError, http.client.HTTPException) as error:
            reason = f"{type(error).__name__} {error}".rstrip()
            raise AnswerLost(f"no whole answer from {self._host}: {reason}") from error
        finally:
            if whole:
                self._give_back(connection)
            else:
                connection.close()
        return Answer(response.status, response.headers, text)

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
            self._host, self._port, connect_timeout=self._connect_timeout, tls=self._tls
        )

    def _give_back(self, connection: _Connection) -> None:
        connection.idle_since = monotonic()
        if connection.sock is not None and len(self._idle) < self._keep:
            self._idle.append(connection)
        else:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """A connection that raises `NotReached` for as long as nothing of a request has left."""

    def __init__(
        self, host: str, port: int, *, connect_timeout: float, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port)
        self.response_class = self._bounded_answer  # type: ignore[assignment] # makes one, too
        self.idle_since = monotonic()
        self._connect_timeout = connect_timeout
        self._tls = tls
        self._left = bounded.after(0.0)

    def prepare(self, seconds: float) -> None:
        """Connect if need be; the request and its answer then have so many seconds together."""
        if self.sock is None:
            self.connect()
        self._left = bounded.after(seconds)

    def connect(self) -> None:
        left = bounded.after(self._connect_timeout)
        try:
            self.sock = bounded.connect((self.host, self.port), left)
            self.sock.settimeout(max(left(), bounded.SHORTEST))
            if self._tls:
                self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)
            if left() <= 0:
                raise TimeoutError("looking up the name and connecting took too long")
        except OSError as error:
            self.close()
            raise NotReached(f"no connection to {self.host}: {error}") from error

    def send(self, data: bytes) -> None:  # type: ignore[override] # only bytes are sent here
        """Write the head or the body of a request.

        When the first write of either fails, no byte of it left this machine; and a head without
        its body is no request.
        """
        self.sock.settimeout(max(self._left(), bounded.SHORTEST))
        try:
            written = self.sock.send(data)
        except OSError as error:
            raise NotReached(f"the connection to {self.host} was gone: {error}") from error
        if written < len(data):
            self.sock.sendall(memoryview(data)[written:])

    @property
    def is_fresh(self) -> bool:
        """Whether it was used lately, and the server neither closed it nor said anything since."""
        if self.sock is None or monotonic() - self.idle_since > IDLE_LIMIT:
            return False
        watch = poll()
        watch.register(self.sock, POLLIN)
        return not watch.poll(0)

    def _bounded_answer(self, sock: socket.socket, *, method: str) -> http.client.HTTPResponse:
        readable = _Readable(sock, self._left)
        return http.client.HTTPResponse(readable, method=method)  # type: ignore[arg-type]


class _Readable:
    """The one method of a socket that an HTTP answer asks for."""

    def __init__(self, sock: socket.socket, left: bounded.Left) -> None:
        self._sock = sock
        self._left = left

    def makefile(self, _mode: str) -> io.BufferedReader:
        return bounded.reader(self._sock, self._left)
