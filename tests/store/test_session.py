"""Transactions: kept or undone as a whole, run again where that is safe, refused in a sentence."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from followup.context import AppContext
from followup.domain.errors import StoreUnavailable
from followup.store.engine import session as store_session
from followup.store.engine.session import Store, make_engine
from followup.store.engine.types import new_id
from followup.store.models.operations import Switch
from tests.support.people import ENROLLED_AT

PREPARED_AFTER = 5
"""How often psycopg sends a statement before it has the server prepare it."""


@pytest.fixture
def store(app: AppContext) -> Store:
    return app.store


def a_switch_row() -> dict[str, object]:
    return {
        "id": new_id(ENROLLED_AT),
        "scope": "all",
        "reason": "test",
        "thrown_at": ENROLLED_AT,
        "thrown_by": "cli:test",
    }


def a_switch(**columns) -> Switch:
    return Switch(**{**a_switch_row(), **columns})


def count(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(Switch)) or 0


def test_work_is_committed_as_a_whole(store: Store):
    store.transact(lambda session: session.add_all([a_switch(), a_switch()]))

    assert count(store) == 2


def test_what_fails_leaves_nothing_half_done(store: Store):
    def work(session):
        session.add(a_switch())
        session.flush()
        raise ValueError("the second half failed")

    with pytest.raises(ValueError, match="second half"):
        store.transact(work)

    assert count(store) == 0


def test_a_reader_saves_nothing(store: Store):
    with store.read() as session:
        session.add(a_switch())

    assert count(store) == 0


@pytest.mark.parametrize("by", ["flush", "statement"])
def test_what_a_reader_wrote_is_dropped(store: Store, by):
    with store.read() as session:
        if by == "flush":
            session.add(a_switch())
            session.flush()
        else:
            session.execute(insert(Switch).values(a_switch_row()))

    assert count(store) == 0


def test_readers_leave_what_a_connection_has_prepared_to_those_who_come_after(
    postgres_app: AppContext,
):
    prepared = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE :of")
    for _ in range(2 * PREPARED_AFTER):
        with postgres_app.store.read() as session:
            session.execute(select(func.count()).select_from(Switch)).one()

    with postgres_app.store.read() as session:
        assert session.scalar(prepared, {"of": "%FROM switches%"}) == 1


def test_a_lost_race_for_a_key_is_run_again_once(store: Store):
    id_, runs = new_id(ENROLLED_AT), []
    store.transact(lambda session: session.add(a_switch(id=id_)))

    def work(session):
        runs.append(1)
        session.add(a_switch(id=id_) if len(runs) == 1 else a_switch())

    store.transact(work)

    assert len(runs) == 2
    assert count(store) == 2


def test_a_key_that_is_always_taken_is_an_error(store: Store):
    id_, runs = new_id(ENROLLED_AT), []
    store.transact(lambda session: session.add(a_switch(id=id_)))

    def work(session):
        runs.append(1)
        session.add(a_switch(id=id_))

    with pytest.raises(IntegrityError):
        store.transact(work)
    assert len(runs) == 2


def test_two_that_lock_each_other_out_both_get_through(postgres_app: AppContext):
    store = postgres_app.store
    ids = sorted(new_id(ENROLLED_AT) for _ in range(2))
    store.transact(lambda session: session.add_all([a_switch(id=id_) for id_ in ids]))
    both_hold_one, runs, through = threading.Barrier(2), [], []

    def crossing(order):
        def work(session):
            runs.append(1)
            for n, id_ in enumerate(order):
                session.get_one(Switch, id_, with_for_update=True).reason = f"{order[0]}"
                session.flush()
                if n == 0 and len(runs) <= 2:
                    both_hold_one.wait(10)

        store.transact(work)
        through.append(order)

    threads = [threading.Thread(target=crossing, args=(order,)) for order in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(through) == 2
    # Undone once at least. Where the machine is busy, the second may be back before the first.
    assert len(runs) >= 3


def test_a_connection_cut_off_before_the_commit_costs_nothing(postgres_app: AppContext):
    store, runs = postgres_app.store, []

    def work(session):
        runs.append(1)
        session.add(a_switch())
        session.flush()
        if len(runs) == 1:
            _kill_others(store, session.scalar(text("SELECT pg_backend_pid()")))
            session.execute(text("SELECT 1"))

    store.transact(work)

    assert len(runs) == 2
    assert count(store) == 1


def test_where_the_commit_is_in_doubt_only_idempotent_work_is_run_again(
    postgres_app: AppContext, monkeypatch
):
    monkeypatch.setattr(Store, "_pause", _quick(Store._pause))
    store = postgres_app.store

    def killing(runs):
        def work(session):
            runs.append(1)
            if len(runs) == 1:
                # Ends the connection between the last statement and the commit.
                _kill_others(store, session.scalar(text("SELECT pg_backend_pid()")))

        return work

    unsure: list[int] = []
    sure: list[int] = []
    with pytest.raises(StoreUnavailable, match="look whether the change was kept"):
        store.transact(killing(unsure))
    store.transact(killing(sure), idempotent=True)

    assert (len(unsure), len(sure)) == (1, 2)


def test_a_database_that_does_not_come_back_is_told_of_in_a_sentence(monkeypatch):
    monkeypatch.setattr(Store, "_pause", _quick(Store._pause))
    with closing(Store(make_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"))) as store:
        runs = []

        def work(session):
            runs.append(1)
            session.execute(text("SELECT 1"))

        with pytest.raises(StoreUnavailable, match="check FOLLOWUP_DATABASE_URL") as refusal:
            store.transact(work)
        with pytest.raises(StoreUnavailable):
            store.ping()

    assert len(runs) == 5
    assert "\n" not in str(refusal.value)


def test_a_full_pool_is_told_of_in_a_sentence(migrated_postgres_url: str):
    engine = make_engine(migrated_postgres_url, pool_size=1)
    engine.pool._timeout = 0.01  # type: ignore[attr-defined]
    store = Store(engine)

    with closing(store), store.read() as first, store.read() as second:
        first.execute(text("SELECT 1"))
        second.execute(text("SELECT 1"))
        with pytest.raises(StoreUnavailable, match="all its connections are in use"):
            store.ping()
        with pytest.raises(StoreUnavailable, match="all its connections are in use"):
            store.transact(lambda session: session.execute(text("SELECT 1")))


def test_the_sentence_never_quotes_a_statement_or_its_values(sqlite_app: AppContext):
    with pytest.raises(StoreUnavailable) as refusal, sqlite_app.store.write() as session:
        session.execute(text("SELECT :secret FROM nowhere"), {"secret": "Ada Lovelace"})

    assert "no such table" in str(refusal.value)
    assert "Ada" not in str(refusal.value)


def test_sqlite_keeps_what_was_committed_through_a_power_cut(sqlite_app: AppContext):
    with sqlite_app.store.read() as session:
        pragmas = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_writer_of_sqlite_holds_the_lock_from_the_start(sqlite_app: AppContext, monkeypatch):
    monkeypatch.setattr(store_session, "SQLITE_BUSY_SECONDS", 0.05)
    url = sqlite_app.store.engine.url.render_as_string(hide_password=False)

    with closing(Store(make_engine(url))) as rival, sqlite_app.store.write() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(StoreUnavailable, match=r"locked.*look for a second stack"):
            rival.transact(lambda other: other.execute(text("SELECT 1")))
        # Readers are never in the way.
        rival.ping()


def test_a_full_disk_leaves_nothing_half_done(sqlite_app: AppContext):
    def work(session):
        session.execute(text("PRAGMA max_page_count = 1"))
        for _ in range(200):
            session.add(a_switch(reason="x" * 200))
        session.flush()

    with pytest.raises(StoreUnavailable) as refusal:
        sqlite_app.store.transact(work)

    assert "(database or disk is full); nothing was changed: make room" in str(refusal.value)
    assert "goes by itself as soon as that is done" in str(refusal.value)
    assert count(sqlite_app.store) == 0


def test_a_disk_that_is_full_at_the_very_end_has_changed_nothing(sqlite_app: AppContext):
    def full_at_commit(_connection):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise OperationalError("COMMIT", {}, error)

    event.listen(sqlite_app.store.engine, "commit", full_at_commit)
    try:
        with pytest.raises(StoreUnavailable, match="nothing was changed"):
            sqlite_app.store.transact(lambda session: session.add(a_switch()))
    finally:
        event.remove(sqlite_app.store.engine, "commit", full_at_commit)

    assert count(sqlite_app.store) == 0


def test_postgres_sessions_are_in_utc_and_give_up_in_bounded_time(postgres_app: AppContext):
    with postgres_app.store.read() as session:
        settings = {
            name: session.scalar(text(f"SHOW {name}"))
            for name in ("timezone", "lock_timeout", "statement_timeout")
        }

    assert settings == {"timezone": "UTC", "lock_timeout": "10s", "statement_timeout": "1min"}


def test_times_come_back_in_utc(app: AppContext):
    summer = ENROLLED_AT + timedelta(microseconds=123)
    app.store.transact(lambda session: session.add(a_switch(thrown_at=summer)))

    with app.store.read() as session:
        found = session.scalars(select(Switch.thrown_at)).one()

    assert found == summer
    assert found.utcoffset() == timedelta()


def test_a_time_without_an_offset_is_refused(app: AppContext):
    naive = ENROLLED_AT.replace(tzinfo=None)

    with pytest.raises(Exception, match="a time without an offset"):
        app.store.transact(lambda session: session.add(a_switch(thrown_at=naive)))


def _kill_others(store: Store, pid: object) -> None:
    """End one server process, as an administrator or a restart does."""
    url = store.engine.url
    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, dbname=url.database, autocommit=True
    ) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def _quick(pause):
    """Return the decision that a pause is, without its length."""
    return lambda self, error, **known: None if pause(self, error, **known) is None else 0.0
