"""The schema: made and unmade by migrations on both databases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, delete, inspect, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from followup.audit.tree import sign_trail
from followup.audit.verify import verify_trail
from followup.context import AppContext
from followup.domain.errors import ConfigurationError, StoreUnavailable
from followup.store.engine.session import make_engine
from followup.store.models import staff as staff_tables
from followup.store.models.audit import AuditCheckpoint, AuditEvent
from followup.store.schema.app_role import let_in
from followup.store.schema.current import migrate, require_current, revision_of
from followup.store.schema.revisions import newest_revision
from tests.support.apps import clock_of, enrol_one, make_app, rows, run_until
from tests.support.people import ENROLLED_AT


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


def test_a_database_with_data_goes_down_and_up_again(database_url: str):
    with closing(make_app(database_url)) as app:
        enrol_one(app, diabetic=True)
        run_until(app, ENROLLED_AT + timedelta(days=2))
        assert rows(app, AuditEvent)

        migrate(app.store.engine, to="base")
        assert tables(app.store.engine) == set()

        migrate(app.store.engine)
        assert tables(app.store.engine) == set(staff_tables.Staff.metadata.tables)
        assert rows(app, AuditEvent) == []


def test_migrating_twice_changes_nothing(app: AppContext):
    enrol_one(app)
    before = len(rows(app, AuditEvent))

    migrate(app.store.engine)
    migrate(app.store.engine, to=newest_revision())

    assert len(rows(app, AuditEvent)) == before


def test_several_that_start_at_once_migrate_once(database_url: str):
    def start(_):
        with closing(make_app(database_url)) as app:
            return app.keyring.audit_key

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
def with_trail(app: AppContext) -> AppContext:
    """An app context with an audit trail that is sealed."""
    enrol_one(app)
    clock_of(app).advance(timedelta(hours=1))
    assert sign_trail(app) > 0
    return app


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (AuditEvent, update(AuditEvent).values(id=AuditEvent.id + 1000)),
        (AuditCheckpoint, update(AuditCheckpoint).values(note="")),
    ],
    ids=["events", "checkpoints"],
)
def test_the_audit_trail_refuses_to_be_changed(with_trail: AppContext, table, change):
    before = len(rows(with_trail, table))

    for each in (change, delete(table)):
        with (
            pytest.raises(DBAPIError, match="the audit trail is append-only"),
            with_trail.store.write() as session,
        ):
            session.execute(each)

    assert len(rows(with_trail, table)) == before


@pytest.mark.parametrize("table", ["audit_events", "audit_checkpoints"])
def test_the_audit_trail_refuses_to_be_written_over(sqlite_app: AppContext, table):
    enrol_one(sqlite_app)
    clock_of(sqlite_app).advance(timedelta(hours=1))
    assert sign_trail(sqlite_app) > 0

    for over in ("INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE"):
        with (
            pytest.raises(DBAPIError, match="never replaced"),
            sqlite_app.store.write() as session,
        ):
            session.execute(text(f"{over} INTO {table} SELECT * FROM {table} LIMIT 1"))


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_no_other_account_reads_a_database_of_ours(tmp_path: Path):
    file = tmp_path / "followup.db"
    tmp_path.chmod(0o755)
    for _ in range(2):
        engine = make_engine(f"sqlite:///{file}")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS t (a)"))
            modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
        engine.dispose()
        assert len(modes) == 3
        assert not any(mode & 0o007 for mode in modes.values()), modes
        file.chmod(0o644)


@pytest.mark.parametrize("table", ["audit_events", "audit_tiles", "audit_checkpoints"])
def test_the_audit_trail_refuses_to_be_emptied(postgres_app: AppContext, table):
    enrol_one(postgres_app)

    with (
        pytest.raises(DBAPIError, match="the audit trail is append-only"),
        postgres_app.store.write() as session,
    ):
        session.execute(text(f"TRUNCATE {table}"))


def test_a_role_that_owns_nothing_works_and_can_not_get_past_the_triggers(postgres_url: str):
    role = f"app_{uuid4().hex[:12]}"
    owner = make_engine(postgres_url)
    migrate(owner)
    with pytest.raises(ConfigurationError, match="there is no role"):
        let_in(owner, role)
    with owner.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
    try:
        let_in(owner, role)
        url = make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
        with closing(make_app(url, sandbox=True)) as app:
            enrol_one(app)
            run_until(app, ENROLLED_AT + timedelta(hours=30))
            assert verify_trail(app).checkpoints > 0
            for change in (
                "ALTER TABLE audit_events DISABLE TRIGGER ALL",
                "DROP TRIGGER audit_events_no_change ON audit_events",
                "UPDATE audit_events SET actor = 'x'",
                "DELETE FROM audit_checkpoints",
            ):
                with (
                    pytest.raises(DBAPIError, match=r"must be owner|permission denied"),
                    app.store.write() as session,
                ):
                    session.execute(text(change))
    finally:
        with owner.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
        owner.dispose()
