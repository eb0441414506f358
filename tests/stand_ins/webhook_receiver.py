"""A receiver of webhooks on loopback: checks each signature, and answers as it is told.

It has its own reading of the Standard Webhooks specification, so that sender and receiver are not
wrong together.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Received(NamedTuple):
    """A webhook as it came in: by which of the secrets it is signed, and its headers."""

    id: str
    timestamp: int
    signed_by: tuple[str, ...]
    told: dict[str, Any]
    headers: Mapping[str, str]
    path: str

    @property
    def number(self) -> int:
        return int(self.told["data"]["number"])


class WebhookReceiver:
    """Takes everything with 204 unless told otherwise."""

    def __init__(self, *secrets: str) -> None:
        self.secrets = list(secrets)
        self.received: list[Received] = []
        self.answers: deque[int | tuple[int, dict[str, str]]] = deque()
        self.always: int | None = None
        self.refuse_types: frozenset[str] = frozenset()
        """Events of these types get 422."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/events?from=followup"

    @property
    def numbers(self) -> list[int]:
        """The numbers of all that came in, taken or not, in the order they came."""
        return [one.number for one in self.received]

    @property
    def types(self) -> list[str]:
        return [one.told["type"] for one in self.received]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str]]:
        """Keep what came in, and return the answer."""
        told = json.loads(body)
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        given = headers["webhook-signature"].split(" ")
        by = tuple(secret for secret in self.secrets if _signature(secret, signed) in given)
        self.received.append(
            Received(
                id=headers["webhook-id"],
                timestamp=int(headers["webhook-timestamp"]),
                signed_by=by,
                told=told,
                headers=headers,
                path=path,
            )
        )
        if told["type"] in self.refuse_types:
            return 422, {}
        answer = self.answers.popleft() if self.answers else self.always or 204
        return (answer, {}) if isinstance(answer, int) else answer


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _handler(receiver: WebhookReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else the end of an answer waits for the receiver's acknowledgement of its beginning.
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = receiver.take(self.path, dict(self.headers.items()), body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
