"""Many rows in one statement: the same outcome on both databases, and the same text each time."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select
from sqlalchemy.dialects import postgresql, sqlite

from followup.context import AppContext
from followup.store.engine.bulk import (
    insert_many,
    insert_objects,
    insert_tuples,
    is_among,
    update_many,
)
from followup.store.models.messages import Receipt
from followup.store.models.operations import Heartbeat
from followup.store.models.patients import Patient
from tests.support.apps import rows

AT = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
SENT = Receipt.status == "sent"


def receipt(provider_id: str, **changes: object) -> dict[str, object]:
    given = {
        "id": uuid4(),
        "provider": "twilio",
        "provider_id": provider_id,
        "status": "sent",
        "code": "",
        "reason": None,
        "recipient": False,
        "opted_out": False,
        "attempt_id": None,
        "received_at": AT,
        "received_real_at": AT,
    }
    return given | changes


def kept(app: AppContext) -> dict[str, Receipt]:
    return {one.provider_id: one for one in rows(app, Receipt)}


def listen(app: AppContext) -> list[str]:
    """Return a list that every statement from now on is added to."""
    told: list[str] = []

    @event.listens_for(app.store.engine, "before_cursor_execute")
    def _note(_connection, _cursor, statement, *_):
        told.append(statement)

    return told


def test_rows_are_inserted_with_all_their_values(app: AppContext):
    given = [receipt("a", reason="quotes ' and \"", recipient=True), receipt("b", code="{30003}")]
    given[1] = dict(reversed(given[1].items()))

    app.store.transact(lambda session: insert_many(session, Receipt, given))

    found = kept(app)
    assert [{name: getattr(found[key], name) for name in given[0]} for key in ("a", "b")] == given


def test_what_rows_have_alike_is_given_once(app: AppContext):
    names, alike = ("id", "provider_id"), receipt("")
    given = [(uuid4(), f"text {number}") for number in range(3)]
    for name in names:
        del alike[name]

    app.store.transact(lambda session: insert_tuples(session, Receipt, names, given, alike=alike))

    found = {(one.id, key): one for key, one in kept(app).items()}
    assert set(found) == set(given)
    for one in found.values():
        assert {name: getattr(one, name) for name in alike} == alike


def test_rows_are_changed_each_to_its_own_values_where_the_condition_holds(app: AppContext):
    given = [receipt("a"), receipt("b"), receipt("c", status="failed")]
    changes = [{"id": one["id"], "reason": f"new {one['provider_id']}"} for one in given]
    app.store.transact(lambda session: insert_many(session, Receipt, given))

    app.store.transact(lambda session: update_many(session, Receipt, changes[::2], only=SENT))

    assert {key: one.reason for key, one in kept(app).items()} == {
        "a": "new a",
        "b": None,
        "c": None,
    }


def test_the_rows_of_some_ids_are_found_and_no_others(app: AppContext):
    given = [receipt("a"), receipt("b"), receipt("c")]
    app.store.transact(lambda session: insert_many(session, Receipt, given))

    def found(*ids: UUID) -> set[str]:
        with app.store.read() as session:
            query = select(Receipt.provider_id).where(is_among(Receipt.id, ids), SENT)
            return set(session.scalars(query))

    assert found(given[0]["id"], given[2]["id"], uuid4()) == {"a", "c"}
    assert found() == set()


@pytest.mark.parametrize(
    ("column", "of"),
    [(Patient.person_index, lambda serial: bytes([serial] * 16)), (Patient.language, str)],
    ids=["bytes", "text"],
)
def test_bytes_and_text_are_looked_up_like_ids(app: AppContext, column, of):
    given = [
        Patient(
            id=uuid4(), clinic="north", language=str(serial), indexed_by=1, created_at=AT,
            person_index=bytes([serial] * 16),
        )
        for serial in (1, 2, 3)
    ]  # fmt: skip
    app.store.transact(lambda session: insert_objects(session, Patient, given))

    with app.store.read() as session:
        query = select(Patient.id).where(is_among(column, [of(1), of(3), of(7)]))
        assert set(session.scalars(query)) == {given[0].id, given[2].id}


def test_sqlite_looks_up_bytes_by_the_index_of_their_column(sqlite_app: AppContext):
    wanted = select(Patient.id).where(is_among(Patient.person_index, [b"0" * 16]))

    with sqlite_app.store.read() as session:
        compiled = wanted.compile(session.get_bind(), compile_kwargs={"literal_binds": False})
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", ("[]",)).all()

    assert any("ix_patients_person_index" in row[-1] for row in plan)


def test_one_text_serves_any_number_of_rows(postgres_app: AppContext):
    statements = listen(postgres_app)

    for count in (1, 2, 50):
        some = [receipt(f"{count}-{serial}") for serial in range(count)]
        with postgres_app.store.write() as session:
            insert_many(session, Receipt, some)

    assert len(statements) == 3
    assert len(set(statements)) == 1


def test_of_no_rows_the_database_hears_nothing(app: AppContext):
    statements = listen(app)

    app.store.transact(lambda session: insert_many(session, Heartbeat, []))
    app.store.transact(lambda session: update_many(session, Receipt, [], only=SENT))

    assert statements == []


@pytest.mark.parametrize(
    "dialect", [postgresql.psycopg.dialect(), sqlite.dialect()], ids=["postgres", "sqlite"]
)
def test_the_condition_leaves_the_column_as_an_index_has_it(dialect):
    text = str(select(Receipt.id).where(is_among(Receipt.id, [uuid4()])).compile(dialect=dialect))

    assert "WHERE (receipts.id = ANY" in text or "WHERE (receipts.id IN (SELECT" in text
    assert "= 1" not in text
