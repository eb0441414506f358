"""A real web server on loopback, on a database of its own, and whoever calls it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn

from config.settings import Settings
from followup.api_keys import add
from followup.kit import Kit
from followup.web.app import create_app
from tests.kits import make_kit, rows
from tests.people import CLINIC, PROTOCOL
from tests.servers import PostgresServer, free_port

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC_URL = "https://followup.example.com"
"""What providers call: the test's own connection goes past the proxy that answers there."""

Pairs = Sequence[tuple[str, str]]


def settings_for(**given: Any) -> Settings:
    values: dict[str, Any] = {
        "public_url": PUBLIC_URL,
        "twilio_auth_token": AUTH_TOKEN,
        "broker_url": "memory://",
    }
    return Settings(_env_file=None, **{**values, **given})


@contextmanager
def served(kit: Kit, *, port: int | None = None, **given: Any) -> Iterator[httpx.Client]:
    """Serve a kit in a thread, and yield a client of it."""
    port = port or free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(kit, settings_for(**given)),
            host="127.0.0.1",
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
    )
    thread = threading.Thread(target=server.run, name="web")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        # No certificates are needed here, and reading them takes longer than most tests.
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=30, verify=False, trust_env=False
        ) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def client(kit: Kit) -> Iterator[httpx.Client]:
    """Whoever calls the web process; once on each database."""
    with served(kit) as made:
        yield made


@pytest.fixture
def sqlite_client(sqlite_kit: Kit) -> Iterator[httpx.Client]:
    """The same on SQLite alone, for tests that the database makes no difference to."""
    with served(sqlite_kit) as made:
        yield made


class Outage(NamedTuple):
    """A kit, the database server that it alone uses, and who calls its web process."""

    kit: Kit
    server: PostgresServer
    client: httpx.Client


@pytest.fixture
def postgres_outage() -> Iterator[Outage]:
    """A PostgreSQL server that the test may stop and start."""
    with (
        PostgresServer() as server,
        closing(make_kit(server.url(server.create_database()))) as kit,
        served(kit) as client,
    ):
        yield Outage(kit, server, client)


# ------------------------------------------------------------------------------- Twilio


def signature(url: str, fields: Pairs, *, token: str = AUTH_TOKEN) -> str:
    """Return Twilio's signature, written from its description: HMAC-SHA1 over URL and form."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


def twilio_post(
    client: httpx.Client,
    path: str,
    fields: Mapping[str, str] | Pairs,
    *,
    token: str = AUTH_TOKEN,
    public_url: str = PUBLIC_URL,
    headers: Mapping[str, Any] | None = None,
) -> httpx.Response:
    """Post as Twilio does: `path` with its query goes out as it is written here."""
    pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
    sent: dict[str, Any] = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "User-Agent": "TwilioProxy/1.1",
        "X-Twilio-Signature": signature(public_url + path, pairs, token=token),
        **(headers or {}),
    }
    return client.post(path, content=urlencode(pairs).encode(), headers=sent)


def sid(serial: int = 1) -> str:
    return f"SM{serial:032x}"


# --------------------------------------------------------------------------------- API


def key_for(kit: Kit, *, clinic: str | None = None, name: str = "theatre") -> dict[str, str]:
    """Return the header that opens the API."""
    return {"Authorization": f"Bearer {add(kit, name, clinic=clinic, actor='cli:test')}"}


@pytest.fixture
def key(kit: Kit) -> dict[str, str]:
    """The header of a key for every clinic."""
    return key_for(kit)


def enrolment(serial: int = 1, **changes: Any) -> dict[str, Any]:
    """Return an enrolment as JSON, right in every field."""
    values: dict[str, Any] = {
        "clinic": CLINIC,
        "protocol": PROTOCOL,
        "reference": f"REF-{serial}",
        "procedure_at": "2026-10-19T14:30:00+01:00",
        "attributes": {"diabetic": True, "steroid_given": True},
        "patient": {
            "name": "Test Patient",
            "nhs_number": "999 000 0018",
            "date_of_birth": "1956-04-30",
            "mobile": "07700 900001",
            "email": "patient1@example.com",
            "language": "en",
        },
        "channels": ["sms", "email"],
    }
    return {**values, **changes}


def count(kit: Kit, model: type[Any]) -> int:
    return len(rows(kit, model))
