"""A store of a large clinic group on PostgreSQL: a hundred thousand patients, a million messages.

A hundred patients go through the real use cases, half of them to the end of their follow-up and
half up to today; then SQL copies the finished ones over the two years before, each copy with ids,
references and look-up hashes of its own. So every row is one that the product writes, and ids rise
with time as the product's do. What is sealed for its row can be read in the originals alone, and in
the texts that wait for a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, DateTime, Table, Uuid, func, select, text
from sqlalchemy.schema import CreateTable

from followup.context import AppContext
from followup.domain.roles import Role
from followup.figures.count_weeks import count_weeks
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.staff import sessions
from followup.staff.members import MemberDetails, insert_member
from followup.staff.sessions import Stage
from followup.store.engine.session import Store
from followup.store.models.base import Base
from followup.store.models.messages import InboundMessage
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import close_item, open_items
from tests.support.apps import clock_of, enrol_one, run_jobs, run_until
from tests.support.people import PROCEDURE_AT, SMS, person

TABLES = (
    "audit_events",
    "messages",
    "attempts",
    "receipts",
    "patients",
    "enrolments",
    "generations",
    "worklist_items",
    "occurrences",
    "inbound_messages",
)
"""The longest first: several are copied at once."""

FINISHED, RUNNING = 50, 50
"""How many patients are real, with a follow-up that is over and one that is under way."""
TROUBLE = {1: "+447700900111", 2: "+447700900777", 26: "+447700900222"}
"""The numbers of those whom nothing reaches, by what the sandbox does with them."""
DAYS = 720
STAFF = 100
QUESTION = "When can I drive again?"
RUNNING_COPIES = 40
AT_ONCE = 2
DAY_IN_MS = 24 * 60 * 60 * 1000

Say = Callable[[str], None]


def enrol_originals(app: AppContext) -> None:
    """Let a hundred patients be followed up in an empty store; the clock ends eight weeks on."""
    _enrol(app, range(1, FINISHED + 1), at=PROCEDURE_AT)
    later = PROCEDURE_AT + timedelta(days=48)
    run_until(app, later + timedelta(minutes=30))
    _write(app, range(1, FINISHED + 1))
    run_jobs(app)
    for item in open_items_of(app):
        close_item(app, item, outcome="told", actor="web:staff@example.com", note="Rang.")
    _sample(app.store, "finished")
    _enrol(app, range(FINISHED + 1, FINISHED + RUNNING + 1), at=later)
    run_until(app, later + timedelta(days=8))
    _write(app, range(FINISHED + 1, FINISHED + RUNNING + 1))
    run_until(app, later + timedelta(days=8, hours=1))
    count_all_weeks(app)
    _sample(app.store, "running")


def multiply(app: AppContext, patients: int, *, say: Say) -> None:
    """Copy the originals until there are so many patients, and note that it is done."""
    rest = patients - FINISHED - RUNNING * (1 + RUNNING_COPIES)
    jobs = [
        (Base.metadata.tables[name], sample, copies, days)
        for name in TABLES
        for sample, copies, days in (
            ("finished", max(0, rest // FINISHED), DAYS),
            ("running", RUNNING_COPIES, 1),
        )
    ]
    tables = [Base.metadata.tables[name] for name in TABLES]
    with app.store.engine.begin() as connection:
        # Made anew at the end: that takes a fraction of keeping them up to date row by row.
        for index in (each for table in tables for each in table.indexes):
            index.drop(connection)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name in pool.map(lambda job: _copy(app.store, *job), jobs):
            say(f"copied {name}")
        list(pool.map(lambda table: _make_indexes(app.store, table), tables))
    say("made the indexes")
    _hire(app)
    _seal_texts(app)
    weeks = count_all_weeks(app)
    say(f"counted {weeks} weeks")
    with app.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
        connection.execute(
            text("CREATE TABLE filled AS SELECT :shape AS shape, :patients AS patients, "
                 "CAST(:at AS timestamptz) AS at"),
            {"shape": _shape(), "patients": patients, "at": app.clock.now()},
        )  # fmt: skip


def count_all_weeks(app: AppContext) -> int:
    """Count every week, as the job does in its first runs; return how many there are."""
    weeks = 0
    while count_weeks(app):
        weeks += 1
    return weeks


def _hire(app: AppContext) -> None:
    with app.store.write() as session:
        for number in range(STAFF):
            who = MemberDetails(
                email=f"colleague{number}@example.com",
                name=f"Colleague {number}",
                roles=tuple(Role),
                clinics=None,
            )
            staff = insert_member(session, app.by("cli:test"), who, password_hash=None)
            sessions.begin_session(session, app, staff, stage=Stage.FULL, browser="Chrome on Linux")


def _seal_texts(app: AppContext) -> None:
    """Seal what copied patients wrote for the copy, where it waits for a person."""
    with app.store.write() as session:
        waiting = session.execute(
            select(InboundMessage, Patient)
            .join(WorklistItem, WorklistItem.inbound_id == InboundMessage.id)
            .join(Patient, Patient.id == InboundMessage.patient_id)
            .where(WorklistItem.state != "closed")
        )
        for inbound, patient in waiting:
            sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
            assert sealer is not None
            for name, words in (("body", QUESTION), ("address", person(1).mobile)):
                sealed = sealer.seal(str(words), column=f"inbound_messages.{name}", row=inbound.id)
                setattr(inbound, f"{name}_sealed", sealed)


def _shape() -> str:
    """Return what stands for the tables as the models have them now."""
    tables = Base.metadata.sorted_tables
    indexes = sorted(str(index.name) for table in tables for index in table.indexes)
    told = "".join([*(str(CreateTable(table)) for table in tables), *indexes])
    return hashlib.sha256(told.encode()).hexdigest()


def filled_until(store: Store, patients: int) -> datetime | None:
    """Return up to when a store was filled with so many patients; None where it has to be anew."""
    with store.engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('filled')")) is None:
            return None
        row = connection.execute(text("SELECT shape, patients, at FROM filled")).one()
    if (row.shape, int(row.patients)) != (_shape(), patients):
        return None
    at: datetime = row.at
    return at.astimezone(UTC)


def counted(store: Store) -> dict[str, int]:
    """Return how many rows each of the copied tables has."""
    with store.engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(Base.metadata.tables[name]))
            or 0
            for name in sorted(TABLES)
        }


def _enrol(app: AppContext, serials: range, *, at: datetime) -> None:
    clock_of(app).advance_to(at + timedelta(minutes=30))
    for serial in serials:
        troubled = TROUBLE.get(serial % FINISHED)
        given: dict[str, Any] = (
            {"mobile": troubled, "email": None, "channels": (SMS,)} if troubled else {}
        )
        enrol_one(app, serial, diabetic=serial % 3 == 0, procedure_at=at, **given)


def _write(app: AppContext, serials: range) -> None:
    """Let every tenth patient write something that a person must read."""
    for serial in serials:
        if serial % 10 == 3:
            text = InboundText(
                provider_id=f"SM{serial:032d}",
                from_=str(person(serial).mobile),
                to="+447700900500",
                body=QUESTION,
                media_count=0,
                opt_out_type=None,
            )
            take_inbound(app, text)


def open_items_of(app: AppContext) -> list[UUID]:
    """Return what waits for a person."""
    with app.store.read() as session:
        return [item.id for item in open_items(session)]


def _sample(store: Store, name: str) -> None:
    """Remember which patients are there now and were not in an earlier sample."""
    with store.engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE sample_{name} AS SELECT id FROM patients"))
        if name != "finished":
            earlier = f"DELETE FROM sample_{name} WHERE id IN (SELECT id FROM sample_finished)"
            connection.execute(text(earlier))


def _copy(store: Store, table: Table, sample: str, copies: int, days: int) -> str:
    with store.engine.begin() as connection:
        # No foreign key is checked, and none needs to be: everything is copied alike.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        _copy_table(connection, table, sample, (1, copies), days)
    return f"{table.name}, {sample}"


def _make_indexes(store: Store, table: Table) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        for index in table.indexes:
            index.create(connection)


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
    if table.name in {"attempts", "occurrences"}:
        return f"t.message_id IN {messages}"
    attempts = f"(SELECT id FROM attempts WHERE message_id IN {messages})"
    return f"t.attempt_id IN {attempts}"


def _value(sample: str, column: Column[object], days: int) -> str:
    """Return the SQL of a copied value: its own where it must differ, the same otherwise."""
    name = f"t.{column.name}"
    salt = f"'-{sample}-' || n"
    if isinstance(column.type, Uuid):
        # The time in front, as `new_id` writes it, and then what makes it another one.
        hexed = f"replace({name}::text, '-', '')"
        ms = f"('x' || lpad(substr({hexed}, 1, 12), 16, '0'))::bit(64)::bigint"
        earlier = f"lpad(to_hex({ms} - (n % {days}) * {DAY_IN_MS}::bigint), 12, '0')"
        return f"({earlier} || substr(md5({name}::text || {salt}), 13))::uuid"
    if isinstance(column.type, DateTime) or "Date" in type(column.type).__name__:
        return f"{name} - (n % {days}) * interval '1 day'"
    if column.name.endswith("_index"):
        return f"decode(md5(encode({name}, 'hex') || {salt}), 'hex')"
    if column.name in {"reference", "provider_id", "subject"}:
        return f"{name} || {salt}"
    return name


def _is_serial(table: Table, column: Column[object]) -> bool:
    return table.name == "audit_events" and column.name == "id"
