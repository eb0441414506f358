"""Deadlines of connections and answers as a whole, not of each wait for a byte."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Left = Callable[[], float]
"""Tells how many seconds are left, 0 or below when none."""

SHORTEST_TIMEOUT = 0.001
"""A socket takes a time-out of 0 for "do not wait at all", which is another thing."""


def after(seconds: float) -> Left:
    """Return what tells how many of these seconds, counted from now, are left."""
    end = monotonic() + seconds
    return lambda: end - monotonic()


def limit(sock: socket.socket, left: Left) -> None:
    """Let the socket's next wait take what is left; raise `TimeoutError` once nothing is."""
    seconds = left()
    if seconds <= 0:
        raise TimeoutError("it took too long")
    sock.settimeout(max(seconds, SHORTEST_TIMEOUT))


def connect(
    address: tuple[str, int], left: Left, *, allow: Callable[[str], bool] | None = None
) -> socket.socket:
    """Return a connection to host and port, tried at each of its addresses in the time left.

    `allow` says to which IP addresses. Looking the name up is bounded by the resolver alone. Raises
    `OSError`.
    """
    failure = OSError("the name has no address")
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("this is no name of a host") from None
    for family, kind, protocol, _, peer in found:
        if allow is not None and not allow(str(peer[0])):
            failure = OSError("the name leads to an address that is not allowed")
            continue
        sock = socket.socket(family, kind, protocol)
        try:
            # Small requests leave at once, also where the peer delays its acknowledgements.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            limit(sock, left)
            sock.connect(peer)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def reader(sock: socket.socket, left: Left) -> io.BufferedReader:
    """Return a reader of the socket that raises `TimeoutError` once no time is left.

    Without it, a peer that sends a byte now and then holds its caller for ever, and a lease that
    was computed from the time-out does not hold.
    """
    return io.BufferedReader(_BoundedReader(sock, left))


class _BoundedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Left) -> None:
        super().__init__()
        self._sock = sock
        self._left = left
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        limit(self._sock, self._left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
