"""An operator is told by webhook, in bounded time, and what went wrong names no secret."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from followup.providers import operator_alerts as alert_module
from followup.providers.operator_alerts import OperatorAlert, WebhookMessenger

ALERT = OperatorAlert(
    title="followup: worker-silent",
    lines=["A worker is silent – since 10:00."],
    details=[{"code": "worker-silent", "over": False}],
    at=datetime(2026, 10, 23, 10, 0, tzinfo=UTC),
)


class Listener:
    """Takes one request at a time, and answers with these pieces; the last again and again."""

    def __init__(self, *pieces: bytes, repeat: bool = False) -> None:
        self.requests: list[bytes] = []
        self._pieces = pieces
        self._repeat = repeat
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        self._over.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection, suppress(OSError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while not request.endswith(b"}"):
            request += connection.recv(65_536)
        self.requests.append(request)
        connection.sendall(b"".join(self._pieces))
        while self._repeat and not self._over.wait(0.02):
            connection.sendall(self._pieces[-1])


@pytest.fixture
def taking() -> Iterator[Listener]:
    listener = Listener(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    yield listener
    listener.close()


def test_a_webhook_is_posted_a_text_and_the_alarms_one_by_one(taking):
    WebhookMessenger(f"{taking.url}/on call/é?key=a%20b&x=1").tell(ALERT)

    (request,) = taking.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /on%20call/%C3%A9?key=a%20b&x=1 HTTP/1.1\r\n")
    assert b"Content-Type: application/json\r\n" in head
    assert json.loads(body) == {
        "text": "followup: worker-silent\nA worker is silent – since 10:00.",
        "alarms": [{"code": "worker-silent", "over": False}],
    }


def test_a_webhook_whose_address_has_no_path_is_posted_to_its_root(taking):
    WebhookMessenger(taking.url).tell(ALERT)

    assert taking.requests[0].startswith(b"POST / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("pieces", "repeat", "said"),
    [
        pytest.param([b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"], False, "500", id="fails"),
        pytest.param(
            [b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"],
            False,
            "302",
            id="points elsewhere",
        ),
        pytest.param([b"HTTP/1.1 2"], False, "no whole answer", id="breaks off"),
        pytest.param([b"HTTP/1.1 200 ", b"O"], True, "TimeoutError", id="trickles its status"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nX: ", b"y"], True, "TimeoutError", id="trickles a header"
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\n\r\n", b"z"], True, "TimeoutError", id="trickles a body"
        ),
    ],
)
def test_a_webhook_that_does_not_take_it_in_time_has_not_been_told(
    monkeypatch, pieces, repeat, said
):
    monkeypatch.setattr(alert_module, "ALERT_SECONDS", 1.5 if repeat else 15.0)
    listener = Listener(*pieces, repeat=repeat)
    try:
        with pytest.raises(OSError, match=said):
            WebhookMessenger(listener.url).tell(ALERT)
    finally:
        listener.close()

    assert len(listener.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/services/s3cret",
        "http://127.0.0.1:none/services/s3cret",
        "http://webhook.invalid/services/s3cret",
    ],
)
def test_what_went_wrong_does_not_name_the_secret_in_the_address(url):
    with pytest.raises(OSError, match=r"connection|address") as caught:
        WebhookMessenger(url).tell(ALERT)

    assert "s3cret" not in repr(caught.value)
    assert caught.value.__suppress_context__
