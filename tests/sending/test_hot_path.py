"""What a hundred messages cost: few statements, few commits, and plans that use their indexes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from followup.context import AppContext
from followup.delivery.overdue_receipts import chase_overdue_receipts
from followup.delivery.reconcile import abandon_sending, settle_unknown_outcomes
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.sending.stuck_messages import expire_overdue, release_leases
from tests.support.apps import EXECUTOR, clock_of, enrol_many, make_app, tick
from tests.support.people import SMS


class Counted:
    """What was asked of a database while it was watched."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.commits = 0


@contextmanager
def counting(app: AppContext) -> Iterator[Counted]:
    counted = Counted()

    def on_statement(_connection, _cursor, statement, *_rest):
        counted.statements.append(statement)

    def on_commit(connection):
        counted.commits += not connection.get_execution_options().get("reading")

    engine = app.store.engine
    event.listen(engine, "after_cursor_execute", on_statement)
    event.listen(engine, "commit", on_commit)
    try:
        yield counted
    finally:
        event.remove(engine, "after_cursor_execute", on_statement)
        event.remove(engine, "commit", on_commit)


def test_a_hundred_messages_take_fewer_than_25_statements(postgres_app: AppContext):
    enrol_many(postgres_app, 100, channels=(SMS,))

    with counting(postgres_app) as counted:
        (batch,) = claim_due(postgres_app)
        called = send_batch(postgres_app, batch.token, batch.message_ids, executor=EXECUTOR)

    # How many groups the outcomes come in is up to the threads: four statements each.
    groups = counted.commits - 2
    assert called == 100
    assert len(counted.statements) - 4 * groups < 20
    assert len(counted.statements) < 25 + 4 * max(groups - 2, 0)


def test_a_tick_with_nothing_due_asks_two_questions_and_writes_nothing(app: AppContext):
    enrol_many(app, 3)
    tick(app)

    with counting(app) as counted:
        assert claim_due(app) == []

    assert len(counted.statements) <= 2
    assert counted.commits == 0


def many_rows(app: AppContext) -> None:
    """Fill the table as years do: much that is over, much that is far ahead, little that is due."""
    enrol_many(app, 1, channels=(SMS,))
    columns = "clinic, patient_id, enrolment_id, protocol, step, template, channel, missed, zone"
    with app.store.write() as session:
        session.execute(
            text(
                f"INSERT INTO messages (id, kind, {columns}, generation, occurrence, priority,"
                " may_fall_back, superseded, receipt_wait, due_at, not_before, not_after, state,"
                " state_since, state_since_real, claimable_at, attempt_count, created_at)"
                f" SELECT gen_random_uuid(), 'reply', {columns}, 0, 1, n % 9 + 1, false, false, 0,"
                " at, at, at + interval '1 day', CASE WHEN n % 3 = 0 THEN 'planned'"
                " WHEN n % 3 = 1 THEN 'delivered' ELSE 'sent' END, at, at, at, 0, at"
                " FROM (SELECT * FROM messages LIMIT 1) one, LATERAL (SELECT n, one.due_at"
                " + n * interval '1 minute' AS at FROM generate_series(1, 30000) n) more"
            )
        )
    with app.store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE messages"))


@pytest.fixture(scope="module")
def filled(postgres_server, migrated_postgres) -> Iterator[AppContext]:
    """An app context on a database with thirty thousand messages."""
    database = postgres_server.create_database(template=migrated_postgres)
    made = make_app(postgres_server.url(database))
    many_rows(made)
    yield made
    made.close()
    postgres_server.drop_database(database)


def generic_plan(app: AppContext, statement: str) -> str:
    """Return the plan of a statement as the product sends it, for whatever parameters."""
    numbers = itertools.count(1)
    numbered = re.sub(r"%\(\w+\)s", lambda _: f"${next(numbers)}", statement)
    with app.store.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        rows = driver.execute(f"EXPLAIN (GENERIC_PLAN) {numbered}".encode()).fetchall()
    return "\n".join(row[0] for row in rows)


JOBS_AND_INDEXES: dict[str, tuple[Callable[[AppContext], object], str, str]] = {
    "claim": (claim_due, "FOR NO KEY UPDATE SKIP LOCKED", "ix_messages_claimable"),
    "lanes": (claim_due, "AS earliest", "ix_messages_claimable"),
    "in flight": (claim_due, "SELECT messages.channel, count(*)", "ix_messages_leased"),
    "expire": (expire_overdue, "SELECT messages.id", "ix_messages_unsent_not_after"),
    "release leases": (release_leases, "SELECT messages.id", "ix_messages_leased"),
    "abandon": (abandon_sending, "SELECT messages.id", "ix_messages_leased"),
    "settle unknown": (settle_unknown_outcomes, "SELECT messages.id", "ix_messages_leased"),
    "chase receipts": (chase_overdue_receipts, "SELECT messages.id", "ix_messages_receipt_due"),
}


@pytest.mark.parametrize("name", JOBS_AND_INDEXES)
def test_a_plan_for_any_parameters_uses_the_index_made_for_it(filled: AppContext, name):
    job, part, index = JOBS_AND_INDEXES[name]
    # A little more falls due each time.
    clock_of(filled).advance(timedelta(minutes=10))
    with counting(filled) as counted:
        job(filled)
    statement = next(one for one in counted.statements if part in one)

    plan = generic_plan(filled, statement)

    assert index in plan, plan
    assert "Seq Scan on messages" not in plan


def test_claiming_reads_no_more_of_a_large_table_than_it_claims(filled: AppContext):
    """By the pages that are read, which no load on the machine changes."""
    with filled.store.write() as session:
        plan = session.connection().exec_driver_sql(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM messages"
            " WHERE state = 'planned' AND priority = 1 AND channel = 'sms'"
            " AND claimable_at <= '2030-01-01'"
            " ORDER BY claimable_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED"
        )
        (top,) = plan.scalar_one()

    assert top["Plan"]["Actual Rows"] == 100
    assert top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"] < 600
