"""A streaming replica: figures are read from it, what is acted upon is not, and its age is told."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from followup.bootstrap import build_app
from followup.context import AppContext
from followup.domain.errors import ConfigurationError
from followup.domain.roles import Role
from followup.monitoring.message_balance import balance
from followup.monitoring.metrics import collect_metrics
from followup.settings.settings import Settings
from followup.store.engine.replica import Replica, Trouble
from followup.store.engine.session import make_engine
from followup.store.schema.current import migrate
from followup.web.metrics import exposition
from tests.support.apps import MASTER_KEY, HandClock, clock_of, enrol_one
from tests.support.servers import HOST, START_SECONDS, PostgresServer, ServerError
from tests.support.waiting import wait_until
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import join

DATABASE = "followup"
DAY = timedelta(days=1)
READ = re.compile(r"Read from a copy of the database, (up to date|[0-9]+ \w+ behind)\.")
REPLICATING: Mapping[str, str] = {
    "hot_standby": "on",
    "max_wal_senders": "4",
    "wal_level": "replica",
}
"""What a server that has a replica, and the replica, are set to."""


class StandbyServer(PostgresServer):
    """A copy of another server that follows it."""

    name: ClassVar[str] = "standby"

    def __init__(self, primary: PostgresServer) -> None:
        super().__init__(REPLICATING)
        self._primary = primary

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Replay nothing of what comes in meanwhile."""
        self.execute("SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            self.execute("SELECT pg_wal_replay_resume()")

    def _make_cluster(self) -> None:
        self._guard()
        command = [
            *(str(self._programs / "pg_basebackup"), "--pgdata", str(self._data)),
            *("--host", HOST, "--port", str(self._primary.port), "--username", "postgres"),
            *("--checkpoint", "fast", "--no-sync", "--write-recovery-conf"),
        ]
        if self._spawn(command).wait(START_SECONDS) != 0:
            raise ServerError(f"pg_basebackup failed:\n{self._end_of_log()}")


@dataclass(frozen=True)
class Pair:
    """A server with the product's database, and the one that follows it."""

    primary: PostgresServer
    standby: StandbyServer
    folder: Path

    def app(
        self, *, replica: str = "", behind: float = 3600.0, clock: HandClock | None = None
    ) -> AppContext:
        """Return what the product makes of settings that name the two."""
        settings = Settings(
            data_dir=self.folder,
            database_url=self.primary.url(DATABASE),
            replica_url=replica or self.standby.url(DATABASE),
            replica_behind=behind,
            master_keys=base64.b64encode(MASTER_KEY).decode(),
        )
        return build_app(settings, clock=clock or HandClock())


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        primary = stack.enter_context(PostgresServer(REPLICATING))
        primary.create_database(name=DATABASE)
        engine = make_engine(primary.url(DATABASE))
        migrate(engine)
        engine.dispose()
        standby = stack.enter_context(StandbyServer(primary))
        yield Pair(primary, standby, tmp_path_factory.mktemp("replica"))


def look_anew(app: AppContext) -> Replica:
    """Return the replica of an app, which has forgotten what it found a moment ago."""
    assert app.replica
    app.replica._kept = None
    return app.replica


def until_current(app: AppContext) -> None:
    def is_current() -> bool:
        found = look_anew(app).look()
        return found.trouble is None and not found.behind

    wait_until(is_current, seconds=START_SECONDS)


def due(app: AppContext) -> int:
    """Return how many messages fell due, by what figures are read from."""
    return app.from_replica(lambda of: balance(of).due)[0]


def test_figures_are_read_from_a_replica_and_what_is_acted_upon_is_not(pair: Pair):
    with closing(pair.app()) as app:
        visitor = join(app, make_asgi(app), *Role)
        until_current(app)
        # The request itself writes a little, which the replica may not have yet.
        assert READ.search(visitor.get("/figures").text)

        with pair.standby.paused():
            enrol_one(app, 1)
            clock_of(app).advance_service(DAY)
            now = balance(app).due

            assert (due(app), now > 0) == (0, True)
            look_anew(app)
            page = visitor.get("/figures/balance").text
            assert "All that fell due 0" in page
            assert " behind." in page
            assert " behind." in visitor.get("/attention/closed").text
            assert "Test Patient-00001" in visitor.get("/patients").text
            with closing(pair.app(behind=1e-6, clock=clock_of(app))) as strict:
                assert due(strict) == now
                told = exposition(collect_metrics(strict), balance(strict)).decode()
            assert "followup_replica_used 0.0" in told
            assert "followup_replica_behind_seconds" in told
        until_current(app)
        assert due(app) == now


def test_what_is_no_replica_of_ours_is_refused_at_the_start(pair: Pair):
    refused = {
        pair.primary.url(DATABASE): "takes writes itself",
        pair.standby.url(): "is not a copy of the one of FOLLOWUP_DATABASE_URL",
    }
    with closing(pair.app()) as app:
        for url, told in refused.items():
            until_current(app)
            with pytest.raises(ConfigurationError, match=told):
                pair.app(replica=url)
        replica = look_anew(app)
        with pytest.raises(InternalError, match="read-only"), replica.store.write() as session:
            session.execute(text("CREATE TEMPORARY TABLE written (id int)"))


def test_one_that_is_away_is_told_and_read_again_once_it_is_back(pair: Pair):
    with closing(pair.app()) as app:
        visitor = join(app, make_asgi(app), *Role)
        until_current(app)
        pair.standby.kill()
        clock_of(app).advance_service(DAY)

        page = visitor.get("/figures/balance").text
        assert "can’t be reached. This was read from the database itself." in page
        assert due(app) == balance(app).due
        with closing(pair.app()) as begun_without_it:
            assert begun_without_it.replica
            assert begun_without_it.replica.look().trouble is Trouble.AWAY
            pair.standby.start()
            until_current(begun_without_it)
