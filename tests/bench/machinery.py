"""The servers and processes that benchmarks run on: real ones, on loopback."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import Self

import psutil
from sqlalchemy import func, select

from followup.bootstrap import build_app
from followup.broker.address import EMBEDDED
from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.settings.settings import Settings, load_settings
from followup.store.engine.session import Store, make_engine
from followup.store.message_state import state_is
from followup.store.models.messages import Message
from followup.store.schema.current import migrate
from tests.bench.lean_twilio import LeanTwilio
from tests.support.servers import PostgresServer, RedisServer
from tests.support.stacks import Stack

LATENCY = 0.05
"""Seconds that the stand-in for Twilio takes to answer."""

SENDER = "+447700900999"
MORNING = datetime(2026, 10, 23, 10, 0, tzinfo=UTC)
"""Service time at the start, whatever the hour here: inside the clinic's sending hours."""

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()


class Machinery:
    """PostgreSQL that really writes to disk, Redis and the stand-in, each started when needed."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self.started_at = datetime.now(UTC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    @cached_property
    def postgres(self) -> PostgresServer:
        return self._open.enter_context(PostgresServer(durable=True))

    @cached_property
    def redis(self) -> RedisServer:
        return self._open.enter_context(RedisServer())

    @cached_property
    def twilio(self) -> LeanTwilio:
        """The stand-in, one for all contestants."""
        return self._open.enter_context(LeanTwilio(latency=LATENCY))

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a database with all tables and no patients, and drop it at the end."""
        name = self.postgres.create_database()
        url = self.postgres.url(name)
        try:
            with closing(Store(make_engine(url))) as store:
                migrate(store.engine)
            yield url
        finally:
            self.postgres.drop_database(name)

    def environment(self, database_url: str, **changes: str) -> dict[str, str]:
        """Return the settings of a production stack that sends through the stand-in."""
        self.redis.flush()
        return {
            "FOLLOWUP_DATABASE_URL": database_url,
            "FOLLOWUP_BROKER_URL": self.redis.url(),
            "FOLLOWUP_MASTER_KEYS": MASTER_KEY,
            "FOLLOWUP_MODE": "practice",
            "FOLLOWUP_SMS_CHANNEL": "twilio",
            "FOLLOWUP_TWILIO_ACCOUNT_SID": self.twilio.account_sid,
            "FOLLOWUP_TWILIO_AUTH_TOKEN": self.twilio.auth_token,
            "FOLLOWUP_TWILIO_FROM": SENDER,
            "FOLLOWUP_TWILIO_API_URL": self.twilio.url,
            # The pace of a contract with a carrier is not what is measured.
            "FOLLOWUP_SMS_PER_SECOND": "10000",
            # Nor is what holds a flood of one content back.
            "FOLLOWUP_VERSION_PER_MINUTE": "1000000",
            "FOLLOWUP_CLOCK": f"{_iso(MORNING)}={_iso(self.started_at)}@1",
            "FOLLOWUP_LOG_LEVEL": "warning",
            **changes,
        }


@contextmanager
def embedded_of(machinery: Machinery) -> Iterator[tuple[Stack, AppContext]]:
    """Do the same for the one process of the embedded stack, on SQLite."""
    with (
        TemporaryDirectory() as folder,
        Stack(
            machinery.environment(f"sqlite:///{folder}/followup.db")
            | {"FOLLOWUP_BROKER_URL": EMBEDDED},
            forked=False,
        ) as stack,
    ):
        stack.migrate()
        with app_of(stack) as app:
            yield stack, app


def settings_of(environment: Mapping[str, str]) -> Settings:
    """Return the settings that a process with this environment works with."""
    return load_settings(
        **{
            name.removeprefix("FOLLOWUP_").lower(): value
            for name, value in environment.items()
            if name.startswith("FOLLOWUP_")
        }
    )


@contextmanager
def stack_of(machinery: Machinery, **changes: str) -> Iterator[tuple[Stack, AppContext]]:
    """Make a database, and return a stack on it that has no process yet, with an app of its own."""
    with (
        machinery.database() as url,
        Stack(machinery.environment(url, **changes), forked=False) as stack,
        app_of(stack) as app,
    ):
        yield stack, app


@contextmanager
def app_of(stack: Stack) -> Iterator[AppContext]:
    """Return the app context that the processes of a stack work with."""
    app = build_app(settings_of(stack.environment))
    try:
        yield app
    finally:
        app.close()


def spent(pid: int) -> float:
    """Return the processor time, in seconds, of a process and its children that are alive."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    times = [one.cpu_times() for one in family if one.is_running()]
    return float(sum(one.user + one.system for one in times))


def unsent(app: AppContext) -> int:
    """Return how many messages are not yet known to have been taken."""
    with app.store.read() as session:
        return session.scalar(select(func.count()).select_from(Message).where(_UNDER_WAY)) or 0


def wait_until_sent(app: AppContext, *, seconds: float) -> None:
    """Wait until every message has been taken, and the database knows it.

    It asks for one that has not: to count them ten times a second costs a part of a core.
    """
    deadline = time.monotonic() + seconds
    while _any_unsent(app):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{unsent(app)} messages were not sent within {seconds} s")
        time.sleep(0.05)


def _any_unsent(app: AppContext) -> bool:
    with app.store.read() as session:
        return session.scalar(select(Message.id).where(_UNDER_WAY).limit(1)) is not None


_UNDER_WAY = state_is(State.PLANNED, State.CLAIMED, State.SENDING, State.UNKNOWN)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
