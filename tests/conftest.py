"""Fixtures that every test may ask for: real servers, and empty databases on them."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import TemporaryDirectory
from zlib import crc32

import pytest
import structlog
from coverage import Coverage
from hypothesis import HealthCheck, settings

from followup.context import AppContext
from followup.settings.logging import raise_on_private
from tests.support.apps import COPIES, Seconds, make_app
from tests.support.compiled_statements import share_compiled_statements
from tests.support.processes import new_folder, watch
from tests.support.servers import PostgresServer, RedisServer

DOMAIN = f"{Path(__file__).parent / 'domain'}/"
EDGES = tuple(f"{Path(__file__).parent / name}/" for name in ("cli", "web"))
"""Tests of these folders go through the whole product, from a command or a request."""
SQL = tuple(
    f"{Path(__file__).parent / name}/"
    for name in ("balance", "erasure", "outbox", "recovery", "sending", "store")
)
"""Where what a database does is what is tested: all runs on both. Elsewhere they take turns."""
STORES = frozenset(
    {"postgres_server", "redis_server", "migrated_sqlite", "migrated_url", "database_url"}
)


share_compiled_statements()
# How long an example takes says how busy the machine is.
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("short", untimed, max_examples=40)
settings.register_profile("long", untimed, max_examples=400)
settings.load_profile("short")
# To walk thousands of tests again and again, and all that is imported, takes a fifth of a run.
gc.set_threshold(50_000, 20, 20)


def pytest_configure() -> None:
    """Hear again what a shell makes its background jobs, and all that they start, ignore."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what needs a database or the whole product: `make quick` leaves that out."""
    for item in _by_turns(items):
        item.add_marker(pytest.mark.long)
    for item in items:
        needs_store = STORES & set(getattr(item, "fixturenames", ()))
        if needs_store or str(item.path).startswith(EDGES):
            item.add_marker(pytest.mark.slow)


def _by_turns(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Find what `make test` leaves out, so that each case of a test runs on one database.

    Every second test asks PostgreSQL, with its first case.
    """
    cases: dict[tuple[Path, str], dict[str, list[pytest.Item]]] = {}
    for item in items:
        database = _database_of(item)
        if database and not str(item.path).startswith(SQL):
            test = (item.path, getattr(item, "originalname", item.name))
            cases.setdefault(test, {"sqlite": [], "postgres": []})[database].append(item)
    for (_, name), on in cases.items():
        if not on["sqlite"] or crc32(name.encode()) % 2:
            yield from (*on["sqlite"][:1], *on["postgres"][1:])
        else:
            yield from on["postgres"]


def _database_of(item: pytest.Item) -> str | None:
    chosen = getattr(item, "callspec", None)
    given = chosen.params.values() if chosen else ()
    return next((name for name in ("sqlite", "postgres") if name in given), None)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave what was collected, which stays to the end, out of all collections of garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Count no lines in a test that goes again where others of the suite have been.

    Counting costs a quarter of the processor time. Where the domain alone is counted, its own tests
    reach enough of it. A test that drives a browser goes through pages that those of the console go
    through. Others are marked.
    """
    counting = Coverage.current()
    if counting is None or not _goes_again(item):
        return (yield)
    counting.stop()
    try:
        return (yield)
    finally:
        counting.start()


def _goes_again(item: pytest.Item) -> bool:
    if item.config.getoption("cov_source") == ["followup/domain"]:
        return not str(item.path).startswith(DOMAIN)
    return any(item.get_closest_marker(name) for name in ("browser", "uncounted"))


@pytest.fixture(autouse=True)
def _no_patient_in_a_log_line() -> None:
    """Make a log line that may tell of a patient, or has no fixed name, raise in every test."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            raise_on_private,
            # The other kind, which tells all that an app context holds, takes many seconds.
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


@pytest.fixture
def seconds() -> Seconds:
    """Time for pace and breaker, at a standstill."""
    return Seconds()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of a process, started by the first that asks. Never kill it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for all tests of a process, started by the first that asks. Never kill it."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty PostgreSQL database that this test alone uses."""
    database = postgres_server.create_database()
    yield postgres_server.url(database)
    postgres_server.drop_database(database)


@pytest.fixture(scope="session")
def sqlite_folder() -> Iterator[Path]:
    """Where SQLite files lie: in memory, where a commit need not wait for a disk."""
    folder = new_folder("sqlite", user=None, on_disk=False)
    watchdog = watch([folder])
    yield folder
    watchdog.kill()
    watchdog.wait()
    rmtree(folder)


@pytest.fixture
def sqlite_file(sqlite_folder: Path) -> Iterator[Path]:
    """A SQLite file that does not exist yet, in a folder that goes with the test."""
    with TemporaryDirectory(dir=sqlite_folder) as folder:
        yield Path(folder) / "followup.sqlite3"


@pytest.fixture
def sqlite_url(sqlite_file: Path) -> str:
    """The address of a SQLite file that does not exist yet."""
    return f"sqlite:///{sqlite_file}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Run the test once on each database."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty Redis."""
    redis_server.flush()
    return redis_server.url()


@pytest.fixture(scope="session")
def migrated_sqlite(sqlite_folder: Path) -> Path:
    """A SQLite file with all tables and the service's keys, for tests to copy. Never open it."""
    file = sqlite_folder / "migrated.sqlite3"
    make_app(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """The name of a PostgreSQL database likewise, to be copied by name. Never connect to it."""
    database = postgres_server.create_database()
    make_app(postgres_server.url(database)).close()
    return database


@pytest.fixture
def migrated_sqlite_url(migrated_sqlite: Path, sqlite_file: Path) -> str:
    """The address of a SQLite file with all tables and no patients."""
    copyfile(migrated_sqlite, sqlite_file)
    url = f"sqlite:///{sqlite_file}"
    COPIES.add(url)
    return url


@pytest.fixture
def migrated_postgres_url(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[str]:
    """The address of a PostgreSQL database with all tables and no patients."""
    database = postgres_server.create_database(template=migrated_postgres)
    url = postgres_server.url(database)
    COPIES.add(url)
    yield url
    postgres_server.drop_database(database)


@pytest.fixture(params=["sqlite", "postgres"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """Run the test once on each database, with all tables and no patients."""
    return str(request.getfixturevalue(f"migrated_{request.param}_url"))


@pytest.fixture
def app(migrated_url: str) -> Iterator[AppContext]:
    """Everything that the use cases work with, once on each database; see `tests.support.apps`."""
    with closing(make_app(migrated_url)) as made:
        yield made


@pytest.fixture
def postgres_app(migrated_postgres_url: str) -> Iterator[AppContext]:
    """The same on PostgreSQL alone."""
    with closing(make_app(migrated_postgres_url)) as made:
        yield made


@pytest.fixture
def sqlite_app(migrated_sqlite_url: str) -> Iterator[AppContext]:
    """The same on SQLite alone, for tests that the database makes no difference to."""
    with closing(make_app(migrated_sqlite_url)) as made:
        yield made
