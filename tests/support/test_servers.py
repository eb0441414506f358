"""The servers that other tests rely on: they keep what was committed, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy

from tests.support.servers import PostgresServer, RedisServer, ServerError, free_port

OWNER = """
import json, signal
from tests.support.servers import PostgresServer, RedisServer

with PostgresServer() as postgres, RedisServer() as redis:
    servers = [{"pid": server.pid, "folder": str(server.folder)} for server in (postgres, redis)]
    print(json.dumps(servers), flush=True)
    signal.pause()
"""


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer(append_only=True) as server:
        yield server


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[str]]:
    """A process that owns two servers, and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        process.kill()


def connect(server: PostgresServer) -> psycopg.Connection:
    return psycopg.connect(server.url().replace("+psycopg", ""), autocommit=True)


def nothing_is_left_of(servers: list[dict[str, str]], *, within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(
            psutil.pid_exists(int(server["pid"])) or Path(server["folder"]).exists()
            for server in servers
        ):
            return True
        time.sleep(0.05)
    return False


def test_a_killed_postgres_comes_back_on_its_port_with_what_was_committed(postgres):
    port = postgres.port
    with connect(postgres) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")

        postgres.kill()
        postgres.start()

    assert postgres.port == port
    with connect(postgres) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_killed_postgres_answers_nobody(postgres):
    postgres.kill()

    with pytest.raises(psycopg.OperationalError):
        connect(postgres)


def test_a_restarted_postgres_keeps_its_data(postgres):
    with connect(postgres) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")

    postgres.restart()

    with connect(postgres) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_postgres_never_runs_as_root(postgres):
    assert psutil.Process(postgres.pid).uids().real != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_postgres_runs_where_its_user_cannot_read_the_checkout(monkeypatch):
    monkeypatch.setattr("tests.support.servers.can_reach", lambda path, *, user: False)

    with PostgresServer() as server, connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_cannot_start_says_why():
    with (
        pytest.raises(ServerError, match="shared_buffers"),
        PostgresServer({"shared_buffers": "?"}),
    ):
        pass


def test_each_database_is_a_copy_of_its_own(postgres_server):
    template = postgres_server.create_database()
    with psycopg.connect(postgres_server.url(template).replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE copied AS SELECT 1 AS one")

    copy = postgres_server.create_database(template=template)

    with psycopg.connect(postgres_server.url(copy).replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT one FROM copied").fetchone() == (1,)
    postgres_server.drop_database(copy)
    postgres_server.drop_database(template)


def test_a_database_is_dropped_although_somebody_is_connected(postgres_server):
    name = postgres_server.create_database()
    connection = psycopg.connect(postgres_server.url(name).replace("+psycopg", ""))

    postgres_server.drop_database(name)

    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_a_killed_redis_comes_back_on_its_port(redis):
    port = redis.port
    with redis.client() as client:
        client.set("kept", "1")

    redis.kill()
    redis.start()

    with redis.client() as client:
        assert client.get("kept") == b"1"
    assert redis.port == port


def test_flushing_empties_every_redis_database(redis):
    with redis.client(3) as client:
        client.set("gone", "1")

        redis.flush()

        assert client.dbsize() == 0


def test_redis_evicts_nothing(redis):
    with redis.client() as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_closed_server_leaves_no_process_and_no_folder():
    with PostgresServer() as postgres, RedisServer() as redis:
        servers = [
            {"pid": str(server.pid), "folder": str(server.folder)} for server in (postgres, redis)
        ]

    assert nothing_is_left_of(servers, within=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, signal.SIGINT, signal.SIGTERM],
    ids=["killed", "interrupted", "terminated"],
)
def test_no_server_outlives_its_owner(owner, number):
    servers = json.loads(owner.stdout.readline())

    owner.send_signal(number)
    owner.wait()

    assert nothing_is_left_of(servers, within=10)


def test_a_test_on_any_database_runs_on_both(database_url, request):
    engine = sqlalchemy.create_engine(database_url)

    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE mine (id integer)"))
    engine.dispose()

    dialect = {"postgres": "postgresql"}.get(request.node.callspec.id, request.node.callspec.id)
    assert engine.dialect.name == dialect


def test_each_test_has_a_redis_that_is_empty(redis_url, redis_server):
    with redis_server.client() as client:
        assert client.dbsize() == 0
    assert redis_url == redis_server.url()


def test_a_free_port_is_out_of_reach_of_outgoing_connections():
    assert 15_000 <= free_port() < 32_000


def test_a_free_port_is_handed_to_nobody_else_before_its_server_listens():
    port = free_port()
    asked = f"import tests.support.servers as s; print(s.hold({port}))"

    other = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    ).stdout

    assert other == "False\n"
