"""The schema: made and unmade by migrations on both databases, and the same as the models say."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, delete, inspect, text, update
from sqlalchemy.exc import DBAPIError

from followup.audit import seal_trail
from followup.domain.errors import ConfigurationError, StoreUnavailable
from followup.kit import Kit
from followup.store import staff_tables
from followup.store.models import AuditEvent, AuditSeal
from followup.store.revisions import newest_revision
from followup.store.schema import migrate, require_current, revision_of
from followup.store.session import make_engine
from tests.kits import clock_of, enrol_one, make_kit, rows, run_until
from tests.people import ENROLLED_AT


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(database_url)
    yield made
    made.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_migrations_make_every_table_of_the_models(engine: Engine):
    migrate(engine)

    assert tables(engine) == set(staff_tables.Staff.metadata.tables)
    assert revision_of(engine) == newest_revision()


def test_models_and_migrations_agree(engine: Engine):
    migrate(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, staff_tables.Staff.metadata)

    assert differences == []


def test_a_database_with_data_goes_down_and_up_again(database_url: str):
    with closing(make_kit(database_url)) as kit:
        enrol_one(kit, diabetic=True)
        run_until(kit, ENROLLED_AT + timedelta(days=2))
        assert rows(kit, AuditEvent)

        migrate(kit.store.engine, to="base")
        assert tables(kit.store.engine) == set()

        migrate(kit.store.engine)
        assert tables(kit.store.engine) == set(staff_tables.Staff.metadata.tables)
        assert rows(kit, AuditEvent) == []


def test_migrating_twice_changes_nothing(kit: Kit):
    enrol_one(kit)
    before = len(rows(kit, AuditEvent))

    migrate(kit.store.engine)
    migrate(kit.store.engine, to="0001")

    assert len(rows(kit, AuditEvent)) == before


def test_several_that_start_at_once_migrate_once(database_url: str):
    def start(_):
        with closing(make_kit(database_url)) as kit:
            return kit.keyring.audit_key

    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(start, range(4)))

    assert len(keys) == 1


def test_an_empty_database_says_how_to_make_its_tables(engine: Engine):
    with pytest.raises(ConfigurationError, match="followup migrate"):
        require_current(engine)


def test_a_database_of_another_version_says_so(engine: Engine):
    migrate(engine)
    require_current(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigurationError, match="at schema 9999"):
        require_current(engine)


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://nobody@127.0.0.1:1/none", "sqlite:////no/such/folder/followup.db"],
    ids=["postgres", "sqlite"],
)
def test_a_database_that_cannot_be_reached_says_what_to_check(url: str):
    engine = make_engine(url)

    for act in (migrate, require_current):
        with pytest.raises(StoreUnavailable, match="check FOLLOWUP_DATABASE_URL"):
            act(engine)


# ----------------------------------------------------------------- append-only, by triggers


@pytest.fixture
def with_trail(kit: Kit) -> Kit:
    """A kit with an audit trail that is sealed."""
    enrol_one(kit)
    clock_of(kit).advance(timedelta(hours=1))
    assert seal_trail(kit) > 0
    return kit


@pytest.mark.parametrize("table", [AuditEvent, AuditSeal], ids=lambda model: model.__tablename__)
def test_the_audit_trail_refuses_to_be_changed(with_trail: Kit, table):
    before = len(rows(with_trail, table))

    for change in (update(table).values(id=table.id + 1000), delete(table)):
        with (
            pytest.raises(DBAPIError, match="the audit trail is append-only"),
            with_trail.store.write() as session,
        ):
            session.execute(change)

    assert len(rows(with_trail, table)) == before


@pytest.mark.parametrize("table", ["audit_events", "audit_seals"])
def test_the_audit_trail_refuses_to_be_emptied(postgres_kit: Kit, table):
    enrol_one(postgres_kit)

    with (
        pytest.raises(DBAPIError, match="the audit trail is append-only"),
        postgres_kit.store.write() as session,
    ):
        session.execute(text(f"TRUNCATE {table}"))
