"""A Twilio stand-in that each test finds empty, and the pieces that a test sends through it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest

from followup.providers.interface import Outgoing, Sought
from followup.providers.twilio.channel import TwilioChannel
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.certificates import self_signed

MOBILE = "+447700900123"
OTHER_MOBILE = "+447700900124"
SENDER = "+447700900999"
SERVICE = "MG" + "0123456789abcdef" * 2
TEXT = "Derriford Pain Clinic: the small dressing may come off now."
PATIENCE = 10.0

MakeChannel = Callable[..., TwilioChannel]


class Posted(NamedTuple):
    """One request that our hook received."""

    target: str
    signature: str | None
    body: str

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body, keep_blank_values=True))


class Hook:
    """A web server that keeps what is posted to it."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self.posted))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def statuses(self) -> list[str]:
        return [posted.form["MessageStatus"] for posted in self.posted]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, posted: list[Posted], *args: object) -> None:
        self._posted = posted
        super().__init__(*args)  # type: ignore[arg-type]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._posted.append(Posted(self.path, self.headers["X-Twilio-Signature"], body))
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    yield server
    server.close()


@pytest.fixture(scope="session")
def stand_in() -> Iterator[TwilioStandIn]:
    with TwilioStandIn(callbacks=False) as running:
        yield running


@pytest.fixture
def twilio(stand_in: TwilioStandIn) -> TwilioStandIn:
    """A stand-in that has taken nothing yet and does nothing wrong."""
    stand_in.reset()
    return stand_in


@pytest.fixture
def make_channel(twilio: TwilioStandIn) -> Iterator[MakeChannel]:
    """Make channels that call the stand-in."""
    made = []

    def make(**chosen: object) -> TwilioChannel:
        given = {
            "public_url": "https://followup.example.org",
            "sender": SENDER,
            "api_url": twilio.url,
            "connect_timeout": PATIENCE,
            "read_timeout": PATIENCE,
        }
        made.append(TwilioChannel(twilio.account_sid, twilio.auth_token, **given | chosen))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def channel(make_channel: MakeChannel) -> TwilioChannel:
    return make_channel()


@pytest.fixture
def hasty(make_channel: MakeChannel) -> TwilioChannel:
    """A channel that soon gives up waiting."""
    return make_channel(connect_timeout=0.5, read_timeout=0.5)


def a_message(**chosen: object) -> Outgoing:
    given = {
        "message_id": uuid4(),
        "attempt_id": uuid4(),
        "to": MOBILE,
        "text": TEXT,
        "valid_for": timedelta(hours=1),
    }
    return Outgoing(**given | chosen)


def search_for(outgoing: Outgoing, *, taken: tuple[str, ...] = (), **chosen: object) -> Sought:
    """Look for an attempt that began just now; the ids in `taken` are other attempts'."""
    given = {
        "outgoing": outgoing,
        "started_at": datetime.now(UTC),
        "belongs_elsewhere": taken.__contains__,
    }
    return Sought(**given | chosen)


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and localhost that vouches for itself, and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"))
