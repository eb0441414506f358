"""Engines and transactions: SQLite and PostgreSQL behind one `Store`."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from followup.domain.errors import StoreUnavailable

Result = TypeVar("Result")

SQLITE_BUSY_SECONDS = 15
# Serialisation failure, deadlock: PostgreSQL rolled the whole transaction back; it may be run again.
TRANSIENT = frozenset({"40001", "40P01"})
TRIES = 5


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Return an engine with the settings that keep committed data and fail in bounded time."""
    if make_url(url).get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    return create_engine(
        url,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=15,
        connect_args={
            "connect_timeout": 5,
            "application_name": "followup",
            "options": "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s"
            " -c idle_in_transaction_session_timeout=60s",
        },
    )


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": SQLITE_BUSY_SECONDS}
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        # Transactions are begun by the listener below, not by the driver's guess.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            # FULL keeps what was committed through a power cut; NORMAL would lose the tail.
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={SQLITE_BUSY_SECONDS * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once: a reader that turns writer could fail in the middle.
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


class Store:
    """Transactions on one database. Safe to share between threads, not across a fork."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writing = sessionmaker(engine, expire_on_commit=False)
        self._reading = sessionmaker(
            engine.execution_options(reading=True), expire_on_commit=False, autoflush=False
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction for reading; what is left unsaved is dropped."""
        with _as_unavailable(), self._reading() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits at the end of the block, or rolls back on an error."""
        with _as_unavailable(), self._writing.begin() as session:
            yield session

    def transact(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in a transaction, again if the database rolled it back for a rival's sake.

        `work` must do nothing but read and write through its session.
        """
        for tried in range(1, TRIES + 1):
            try:
                with self._writing.begin() as session:
                    return work(session)
            except DBAPIError as error:
                if tried == TRIES or not _may_run_again(error):
                    _raise_as_unavailable(error)
                    raise
                # Rivals that fell over each other part by a random pause.
                time.sleep(random.uniform(0.01, 0.05) * tried)  # noqa: S311
        raise AssertionError

    def ping(self) -> None:
        """Raise `StoreUnavailable` unless the database answers."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        """Give back every connection; needed after a fork too."""
        self.engine.dispose()


def _sqlstate(error: DBAPIError) -> str | None:
    state: Any = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None


def _may_run_again(error: DBAPIError) -> bool:
    return _sqlstate(error) in TRANSIENT


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        _raise_as_unavailable(error)
        raise


def _raise_as_unavailable(error: DBAPIError) -> None:
    """Raise the sentence for an operator if the database can't be used; else do nothing."""
    if isinstance(error, OperationalError | InterfaceError):
        message = (
            f"the database can't be used at present ({_first_line(error)}); "
            "nothing was changed: check FOLLOWUP_DATABASE_URL, that the server runs and that its "
            "disk has room, then try again"
        )
        raise StoreUnavailable(message) from error


def _first_line(error: DBAPIError) -> str:
    # The driver's own words only: the statement and its parameters may carry a patient's data.
    return str(error.orig).strip().partition("\n")[0]
