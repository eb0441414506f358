"""The web process as a process: it starts, says what is wrong, and stops dropping nobody."""

from __future__ import annotations

import base64
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from followup.clock import SystemClock
from followup.store.engine.session import Store, make_engine
from followup.store.models.operations import Heartbeat
from tests.support.servers import free_port
from tests.support.stacks import Running, Stack
from tests.web.conftest import enrolment

pytestmark = pytest.mark.slow


@pytest.fixture
def stack(sqlite_url: str) -> Iterator[Stack]:
    """The product with an empty database."""
    with Stack({"FOLLOWUP_DATABASE_URL": sqlite_url}) as made:
        made.migrate()
        yield made


def start(stack: Stack) -> tuple[Running, int]:
    port = free_port()
    return stack.web(port=port), port


def refused(stack: Stack, **environment: str) -> str:
    """Run the web process, which must refuse to start; return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "followup.cli", "web"],
        env={**stack.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_serves_and_gives_signs_of_life(stack, sqlite_url):
    running, port = start(stack)

    with closing(Store(make_engine(sqlite_url))) as store:

        def components() -> list[str]:
            with store.read() as session:
                return [one.component for one in session.query(Heartbeat)]

        stack.wait_for(lambda: components() == ["web"], what="a heartbeat", of=running)
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_it_finishes_the_request_under_way_and_ends_with_0(stack, number):
    running, port = start(stack)
    key = stack.command("api-key", "add", "theatre", "--json")
    secret = str(json.loads(key)["key"])
    body = json.dumps(enrolment(procedure_at=SystemClock().now().isoformat())).encode()
    head = (
        "POST /api/v1/enrolments HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {secret}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head.encode() + body[:10])
        # Another request, answered: the first one has been taken up by then.
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").is_success

        running.process.send_signal(number)
        stack.wait_for(lambda: not _listens(port), what="the port to close")
        client.sendall(body[10:])
        answer = client.makefile("rb").readline()

    assert answer.startswith(b"HTTP/1.1 201")
    assert running.process.wait(30) == 0
    assert "Traceback" not in running.end_of_log()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_that_is_taken_is_told_of(stack):
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = refused(stack, FOLLOWUP_PORT=str(other.getsockname()[1]))

    assert "can't listen on 127.0.0.1:" in said
    assert "FOLLOWUP_PORT" in said


def test_a_database_that_is_away_is_told_of(stack):
    nowhere = f"postgresql+psycopg://postgres@127.0.0.1:{free_port()}/none"

    said = refused(stack, FOLLOWUP_DATABASE_URL=nowhere, FOLLOWUP_PORT=str(free_port()))

    assert "FOLLOWUP_DATABASE_URL" in said


def test_a_wrong_master_key_is_told_of(stack):
    # The first that uses a database makes its keys.
    stack.command("balance")
    other = base64.b64encode(bytes(range(64, 96))).decode()

    said = refused(stack, FOLLOWUP_MASTER_KEYS=other, FOLLOWUP_PORT=str(free_port()))

    assert "FOLLOWUP_MASTER_KEYS" in said
