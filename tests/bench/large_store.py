"""A store of a large clinic group on PostgreSQL: a hundred thousand patients, a million messages.

A few hundred patients go through the real use cases, half of them to the end of their follow-up
and half up to today; then SQL copies the finished ones over the two years before, each copy with
ids, references and look-up hashes of its own. So every row is one that the product writes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, DateTime, Table, Uuid, func, select, text

from followup.kit import Kit
from followup.store.models import Base, Patient
from followup.store.session import Store
from tests.kits import clock_of, enrol_one, run_until
from tests.people import PROCEDURE_AT

TABLES = (
    "patients",
    "enrolments",
    "generations",
    "messages",
    "attempts",
    "receipts",
    "worklist_items",
    "audit_events",
)
"""In the order in which their rows refer to each other."""

FINISHED, RUNNING = 50, 50
"""How many patients are real, with a follow-up that is over and one that is under way."""
DAYS = 720
RUNNING_COPIES = 40
AT_ONCE = 50


def fill(kit: Kit, patients: int, *, say: bool = True) -> None:
    """Fill an empty store with so many patients; the kit's clock ends eight weeks on."""
    _enrol(kit, range(1, FINISHED + 1), at=PROCEDURE_AT)
    later = PROCEDURE_AT + timedelta(days=48)
    run_until(kit, later + timedelta(minutes=30))
    _sample(kit.store, "finished")
    _enrol(kit, range(FINISHED + 1, FINISHED + RUNNING + 1), at=later)
    run_until(kit, later + timedelta(days=8, hours=1))
    _sample(kit.store, "running")
    _copy(kit.store, "running", RUNNING_COPIES, days=1, say=say)
    rest = patients - FINISHED - RUNNING * (1 + RUNNING_COPIES)
    _copy(kit.store, "finished", max(0, rest // FINISHED), days=DAYS, say=say)
    with kit.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def counted(store: Store) -> dict[str, int]:
    """Return how many rows each of the copied tables has."""
    with store.engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(Base.metadata.tables[name]))
            or 0
            for name in TABLES
        }


def _enrol(kit: Kit, serials: range, *, at: datetime) -> None:
    clock_of(kit).advance_to(at + timedelta(minutes=30))
    for serial in serials:
        enrol_one(kit, serial, diabetic=serial % 3 == 0, procedure_at=at)


def _sample(store: Store, name: str) -> None:
    """Remember which patients are there now and were not in an earlier sample."""
    with store.engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE sample_{name} AS SELECT id FROM patients"))
        if name != "finished":
            earlier = f"DELETE FROM sample_{name} WHERE id IN (SELECT id FROM sample_finished)"
            connection.execute(text(earlier))


def _copy(store: Store, sample: str, copies: int, *, days: int, say: bool) -> None:
    for first in range(1, copies + 1, AT_ONCE):
        numbers = (first, min(first + AT_ONCE - 1, copies))
        with store.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for name in TABLES:
                _copy_table(connection, Base.metadata.tables[name], sample, numbers, days)
        if say:
            print(f"  {sample}: copy {numbers[1]} of {copies}", flush=True)  # noqa: T201


def _copy_table(
    connection: Connection, table: Table, sample: str, numbers: tuple[int, int], days: int
) -> None:
    columns = [each for each in table.columns if not _is_serial(table, each)]
    names = ", ".join(each.name for each in columns)
    values = ", ".join(_value(sample, each, days) for each in columns)
    connection.execute(
        text(
            f"INSERT INTO {table.name} ({names}) SELECT {values} "
            f"FROM {table.name} AS t CROSS JOIN "
            "generate_series(CAST(:first AS int), CAST(:last AS int)) AS n "
            f"WHERE {_whose(table, sample)}"
        ),
        {"first": numbers[0], "last": numbers[1]},
    )


def _whose(table: Table, sample: str) -> str:
    patients = f"(SELECT id FROM sample_{sample})"
    if table.name == Patient.__tablename__:
        return f"t.id IN {patients}"
    if "patient_id" in table.columns:
        return f"t.patient_id IN {patients}"
    if table.name == "generations":
        return f"t.enrolment_id IN (SELECT id FROM enrolments WHERE patient_id IN {patients})"
    messages = f"(SELECT id FROM messages WHERE patient_id IN {patients})"
    if table.name == "attempts":
        return f"t.message_id IN {messages}"
    attempts = f"(SELECT id FROM attempts WHERE message_id IN {messages})"
    return f"t.attempt_id IN {attempts}"


def _value(sample: str, column: Column[object], days: int) -> str:
    """Return the SQL of a copied value: its own where it must differ, the same otherwise."""
    name = f"t.{column.name}"
    salt = f"'-{sample}-' || n"
    if isinstance(column.type, Uuid):
        return f"md5({name}::text || {salt})::uuid"
    if isinstance(column.type, DateTime) or "Date" in type(column.type).__name__:
        return f"{name} - (n % {days}) * interval '1 day'"
    if column.name.endswith("_index"):
        return f"decode(md5(encode({name}, 'hex') || {salt}), 'hex')"
    if column.name in {"reference", "provider_id", "subject"}:
        return f"{name} || {salt}"
    return name


def _is_serial(table: Table, column: Column[object]) -> bool:
    return table.name == "audit_events" and column.name == "id"
