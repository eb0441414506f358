"""Kept connections: when one is used again, and what a broken one proves."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from followup.providers.http import connection_pool as kept_alive
from followup.providers.http.connection_pool import AnswerLost, Connections, NotReached

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
RESET = struct.pack("ii", 1, 0)


class Peer:
    """A server that answers every request alike and counts connections and requests."""

    def __init__(self, answer: bytes = ANSWER, *, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.connections: list[socket.socket] = []
        self.requests = 0
        self._tls = tls
        self._server = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.getsockname()[1]}"

    def reset_all(self) -> None:
        """Break every connection off."""
        for connection in self.connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.shutdown(socket.SHUT_RD)
            connection.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self.connections:
            with connection, suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self.connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while request := connection.recv(65_536):
                if request.endswith((b"\r\n\r\n", b"end")):
                    self.requests += 1
                    connection.sendall(self.answer)
                    if b"close" in self.answer:
                        connection.shutdown(socket.SHUT_WR)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def connections_to() -> Iterator[Callable[..., Connections]]:
    """Make connections to a peer."""
    made = []

    def connect(peer: Peer, **chosen: object) -> Connections:
        given = {"connect_timeout": 10.0, "read_timeout": 10.0, "keep": 4}
        made.append(Connections(peer.url, **given | chosen))
        return made[-1]

    yield connect
    for connections in made:
        connections.close()


def get(connections: Connections) -> str:
    return connections.request("GET", "/", body=None, headers={}).text


def test_a_connection_is_used_again(peer, connections_to):
    connections = connections_to(peer)

    answers = [get(connections) for _ in range(3)]

    assert answers == ["ok"] * 3
    assert len(peer.connections) == 1


def test_a_connection_that_was_idle_for_long_is_not_used_again(peer, monkeypatch, connections_to):
    connections = connections_to(peer)
    get(connections)
    monkeypatch.setattr(kept_alive, "IDLE_LIMIT", 0.0)

    get(connections)

    assert len(peer.connections) == 2


def test_a_connection_that_the_server_gave_up_is_not_used_again(connections_to):
    peer = Peer(CLOSING)
    connections = connections_to(peer)

    answers = [get(connections), get(connections)]

    assert answers == ["ok", "ok"]
    assert len(peer.connections) == 2
    peer.close()


def test_a_server_that_says_something_unasked_is_not_listened_to(peer, connections_to):
    connections = connections_to(peer)
    get(connections)
    peer.connections[0].sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    (kept,) = connections._idle
    kept.sock.settimeout(1)
    assert kept.sock.recv(1, socket.MSG_PEEK)

    get(connections)

    assert len(peer.connections) == 2


def test_a_write_to_a_connection_that_was_reset_never_arrives(peer, monkeypatch, connections_to):
    connections = connections_to(peer)
    get(connections)
    (kept,) = connections._idle
    peer.reset_all()
    # The reset came after the look at the connection, and before the write.
    monkeypatch.setattr(kept_alive._Connection, "is_fresh", True)
    with pytest.raises(ConnectionResetError):
        kept.sock.recv(1, socket.MSG_PEEK)

    with pytest.raises(NotReached):
        get(connections)

    assert peer.requests == 1


def test_a_request_that_was_partly_written_may_have_arrived():
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = Connections(
            f"http://127.0.0.1:{server.getsockname()[1]}",
            connect_timeout=0.5,
            read_timeout=0.3,
            keep=1,
        )

        with pytest.raises(AnswerLost):
            connections.request("POST", "/", body=b"x" * 10_000_000, headers={})


def test_a_request_that_is_taken_drop_by_drop_over_tls_is_given_up(tls_files):
    certificate, key = tls_files
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    over = threading.Event()

    def sip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with context.wrap_socket(connection, server_side=True) as secure, suppress(OSError):
            while not over.wait(0.02) and secure.recv(65_536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        # Little room between the two, so that the writer waits for the reader all the while.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader = threading.Thread(target=sip, args=(server,))
        reader.start()
        connections = Connections(
            f"https://127.0.0.1:{server.getsockname()[1]}",
            connect_timeout=5.0,
            read_timeout=0.5,
            keep=1,
            tls=ssl.create_default_context(cafile=certificate),
        )

        with pytest.raises(AnswerLost, match="TimeoutError"):
            connections.request("POST", "/", body=b"x" * 100_000_000, headers={})

        over.set()
        reader.join()


def test_a_forked_child_leaves_its_parents_connections_alone(peer, monkeypatch, connections_to):
    connections = connections_to(peer)
    get(connections)
    monkeypatch.setattr(kept_alive.os, "getpid", lambda: -1)

    get(connections)

    assert len(peer.connections) == 2


def test_more_connections_than_wanted_are_not_kept(peer, connections_to):
    connections = connections_to(peer, keep=0)

    get(connections)
    get(connections)

    assert len(peer.connections) == 2


def test_requests_go_through_tls_that_is_checked(tls_files, connections_to):
    certificate, key = tls_files
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=certificate)
    peer = Peer(tls=context)
    connections = connections_to(peer, tls=trusting)

    answers = [get(connections), get(connections)]

    assert answers == ["ok", "ok"]
    assert len(peer.connections) == 1
    peer.close()


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        pytest.param("/a b", {}, id="space-in-the-address"),
        pytest.param("/a\r\nX: y", {}, id="second-line-in-the-address"),
        pytest.param("/", {"X": "a\r\nY: b"}, id="second-line-in-a-header"),
    ],
)
def test_nothing_is_smuggled_into_a_request(peer, connections_to, target, headers):
    with pytest.raises(NotReached):
        connections_to(peer).request("GET", target, body=None, headers=headers)

    assert not peer.connections


class Stalling(Connections):
    """Stands still for so many seconds before a connection is used, as a frozen process does."""

    seconds = 0.0

    def _take(self) -> kept_alive._Connection:
        connection = super()._take()
        time.sleep(self.seconds)
        return connection


def test_a_process_that_stood_still_before_it_wrote_does_not_write_any_more(peer: Peer):
    with closing(Stalling(peer.url, connect_timeout=0.2, read_timeout=2, keep=4)) as connections:
        connections.request("POST", "/", body=b"end", headers={})
        connections.seconds = 0.3

        with pytest.raises(NotReached, match="time for connecting was over"):
            connections.request("POST", "/", body=b"end", headers={})

    assert peer.requests == 1
