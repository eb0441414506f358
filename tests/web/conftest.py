"""A real web server on loopback, on a database of its own, and whoever calls it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from followup.context import AppContext
from followup.settings.settings import Settings
from followup.staff.api_keys import add_api_key
from followup.web.app import create_app, server_config
from tests.support.apps import make_app, rows
from tests.support.people import CLINIC, PROTOCOL
from tests.support.servers import PostgresServer, free_port
from tests.web.prepared import share_prepared_routes

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC_URL = "https://followup.example.com"
"""What providers call: the test's own connection goes past the proxy that answers there."""

STOP_SECONDS = 5.0

Pairs = Sequence[tuple[str, str]]

share_prepared_routes()


class GivenSettings(Settings):
    """Settings as given. To look for them in the environment takes longer than most tests."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def settings_for(**given: Any) -> Settings:
    values: dict[str, Any] = {
        "public_url": PUBLIC_URL,
        "twilio_auth_token": AUTH_TOKEN,
        "broker_url": "memory://",
    }
    return GivenSettings(**{**values, **given})


class PromptServer(uvicorn.Server):
    """A server that stops when it is told to, and not up to two tenths of a second later."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)
        await asyncio.wait_for(self._wait_tasks_to_complete(), STOP_SECONDS)

    def tell_to_stop(self) -> None:
        """Stop, from another thread."""
        self._loop.call_soon_threadsafe(self._told.set)


@contextmanager
def served(app: AppContext, *, port: int | None = None, **given: Any) -> Iterator[httpx.Client]:
    """Serve an app context in a thread, and yield a client of it."""
    port = port or free_port()
    settings = settings_for(**given)
    config = server_config(create_app(app, settings), settings)
    config.host, config.port = "127.0.0.1", port
    server = PromptServer(config)
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
        server.tell_to_stop()
        thread.join()


@pytest.fixture
def client(app: AppContext) -> Iterator[httpx.Client]:
    """Whoever calls the web process; once on each database."""
    with served(app) as made:
        yield made


@pytest.fixture
def sqlite_client(sqlite_app: AppContext) -> Iterator[httpx.Client]:
    """The same on SQLite alone, for tests that the database makes no difference to."""
    with served(sqlite_app) as made:
        yield made


class Outage(NamedTuple):
    """An app context, the database server that it alone uses, and who calls its web process."""

    app: AppContext
    server: PostgresServer
    client: httpx.Client


@pytest.fixture
def postgres_outage() -> Iterator[Outage]:
    """A PostgreSQL server that the test may stop and start."""
    with (
        PostgresServer() as server,
        closing(make_app(server.url(server.create_database()))) as app,
        served(app) as client,
    ):
        yield Outage(app, server, client)


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


def key_for(app: AppContext, *, clinic: str | None = None, name: str = "theatre") -> dict[str, str]:
    """Return the header that opens the API."""
    return {"Authorization": f"Bearer {add_api_key(app, name, clinic=clinic, actor='cli:test')}"}


@pytest.fixture
def key(app: AppContext) -> dict[str, str]:
    """The header of a key for every clinic."""
    return key_for(app)


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


def count(app: AppContext, model: type[Any]) -> int:
    return len(rows(app, model))
