"""Engines and transactions: SQLite and PostgreSQL behind one `Store`."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from followup.domain.errors import StoreUnavailable
from followup.store.engine.errors import database_error_text
from followup.store.engine.sqlite_file import keep_to_ourselves

Result = TypeVar("Result")

log = structlog.get_logger()

SQLITE_BUSY_SECONDS = 15
REWRITE_SECONDS = 5
LOCK_SECONDS, STATEMENT_SECONDS = 10, 60
"""PostgreSQL's limits: for a lock, and for a statement or an idle transaction."""
BYTES_OF_HEX = "bytes_of_hex"
"""A function of SQL that SQLite is given."""
SQLITE_CONNECTIONS = 64
"""More than the embedded stack has threads: each holds one for a short transaction only."""

# Serialisation failure, deadlock: PostgreSQL rolled the whole transaction back.
ROLLED_BACK = frozenset({"40001", "40P01"})
# The server stops, starts or was killed.
GOING_AWAY = frozenset({"57P01", "57P02", "57P03"})
TRANSACTION_TRIES = 5
IDEMPOTENT_TRIES = 8
"""With the pauses between them, half a minute: longer than a database takes to start again."""


def make_engine(url: str, *, pool_size: int = 10, is_replica: bool = False) -> Engine:
    """Return an engine with the settings that keep committed data and fail in bounded time.

    On a replica nothing is written, and who can't reach it reads elsewhere instead of waiting.
    """
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
            "connect_timeout": 2 if is_replica else 5,
            "application_name": "followup",
            "options": f"-c timezone=UTC -c lock_timeout={LOCK_SECONDS}s"
            f" -c statement_timeout={STATEMENT_SECONDS}s"
            f" -c idle_in_transaction_session_timeout={STATEMENT_SECONDS}s"
            f" -c default_transaction_read_only={'on' if is_replica else 'off'}",
        },
    )


def _sqlite_engine(url: str) -> Engine:
    file = Path(make_url(url).database or "")
    engine = create_engine(
        url,
        hide_parameters=True,
        max_overflow=SQLITE_CONNECTIONS,
        pool_timeout=SQLITE_BUSY_SECONDS,
        connect_args={"timeout": SQLITE_BUSY_SECONDS},
    )

    @event.listens_for(engine, "do_connect")
    def _keep_to_ourselves(*_: object) -> None:
        keep_to_ourselves(file)

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
        # SQLite has such a function of its own from 3.41 on.
        connection.create_function(BYTES_OF_HEX, 1, bytes.fromhex, deterministic=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once: a reader that turns writer could fail in the middle.
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


WROTE = "wrote"
"""Noted with a connection of which a reader wrote something: it is dropped."""


class Store:
    """Transactions on one database. Safe to share between threads, not across a fork."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writing = sessionmaker(engine, expire_on_commit=False)
        reading = engine.execution_options(reading=True)
        event.listen(reading, "before_cursor_execute", _note_writing)
        self._reading = sessionmaker(reading, expire_on_commit=False, autoflush=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a transaction for reading; what is left unsaved is dropped."""
        with _as_unavailable(), self._reading() as session:
            yield session
            session.expunge_all()
            _keep_prepared(session)

    @contextmanager
    def read_at_one_moment(self) -> Iterator[Session]:
        """Open a transaction for reading whose statements all see what the first one saw."""
        with self.read() as session:
            # SQLite's transactions do so by themselves.
            if not self.is_sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits at the end of the block, or rolls back on an error."""
        with _as_unavailable(), self._writing.begin() as session:
            yield session

    def transact(self, work: Callable[[Session], Result], *, idempotent: bool = False) -> Result:
        """Run `work` in a transaction, again where the database undid it and that is safe.

        That is: rolled back for a rival's sake, beaten to a key by a rival (once), or cut off
        before the commit began. With `idempotent` it is run again too where nobody knows whether
        the commit went through. `work` must do nothing but read and write through its session.
        """
        tries, beaten = IDEMPOTENT_TRIES if idempotent else TRANSACTION_TRIES, False
        for tried in range(1, tries + 1):
            committing = False
            try:
                with self._writing.begin() as session:
                    result = work(session)
                    session.flush()
                    committing = True
                return result
            except IntegrityError:
                if beaten or tried == tries:
                    raise
                beaten = True
            except DBAPIError as error:
                pause = self._pause(error, tried=tried, undone=idempotent or not committing)
                if tried == tries or pause is None:
                    _raise_as_unavailable(error, unsure=committing)
                    raise
                time.sleep(pause)
            except PoolTimeout as error:
                _raise_as_unavailable(error)
        raise AssertionError

    def _pause(self, error: DBAPIError, *, tried: int, undone: bool) -> float | None:
        """Return how many seconds to wait before running it again, or None for never."""
        sqlstate = getattr(error.orig, "sqlstate", None)
        if sqlstate in ROLLED_BACK:
            # Rivals that fell over each other part by a random pause.
            return random.uniform(0.01, 0.05) * tried  # noqa: S311
        # Without a statement there was no connection. SQLite has no server to wait for.
        unreached = error.statement is None and not self.is_sqlite
        if undone and (error.connection_invalidated or unreached or sqlstate in GOING_AWAY):
            return random.uniform(0.075, 0.125) * 2.0**tried  # noqa: S311
        return None

    def ping(self) -> None:
        """Raise `StoreUnavailable` unless the database answers."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def rewrite_file(self) -> None:
        """Write SQLite's file anew without what was deleted, and empty the log beside it.

        Overwriting may not do: where SQLite parted a page, a copy of what stood there may stay. It
        takes as much room again and as long as the file is to be copied, while writers wait. Where
        others write for `REWRITE_SECONDS`, or there is no room, the file stays as it is until the
        next time. What PostgreSQL keeps is its server's.
        """
        if not self.is_sqlite:
            return
        with closing(self.engine.raw_connection()) as connection:
            asking = connection.cursor()
            asking.execute(f"PRAGMA busy_timeout={REWRITE_SECONDS * 1000}")
            try:
                asking.execute("VACUUM")
                asking.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError as error:
                log.warning("store.file_not_rewritten", cause=str(error))
            finally:
                asking.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_SECONDS * 1000}")

    def close(self) -> None:
        """Give back every connection; needed after a fork too."""
        self.engine.dispose()


def _keep_prepared(session: Session) -> None:
    """End a reader's transaction by a commit: a rollback drops all that its connection prepared.

    Each look for due messages would be planned anew, which takes longer than the look.
    """
    # What was read is known, whether or not the transaction still ends well.
    with suppress(DBAPIError):
        if session.in_transaction() and not session.connection().info.pop(WROTE, False):
            session.commit()


def _note_writing(
    connection: Connection,
    _cursor: object,
    statement: str,
    _given: object,
    context: DefaultExecutionContext,
    _many: bool,  # noqa: FBT001 - SQLAlchemy calls it so
) -> None:
    told = statement.startswith(("INSERT", "UPDATE", "DELETE"))
    if told or context.isinsert or context.isupdate or context.isdelete:
        connection.info[WROTE] = True


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        _raise_as_unavailable(error)
        raise


def _raise_as_unavailable(error: DBAPIError | PoolTimeout, *, unsure: bool = False) -> None:
    """Raise the sentence for an operator if the database can't be used; else do nothing."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        raise StoreUnavailable(database_error_text(error, unsure=unsure)) from error
