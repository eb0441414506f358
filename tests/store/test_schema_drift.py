"""A database that is not what its revision makes is refused, wherever it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import copytree

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text

from followup.domain.errors import ConfigurationError
from followup.store.engine.session import make_engine
from followup.store.models.staff import Staff
from followup.store.schema import run_migrations
from followup.store.schema.current import migrate, require_current, revision_of
from followup.store.schema.revisions import known_revisions, newest_revision

MIGRATIONS = Path(__file__).parents[2] / "followup/store/schema/migrations"
FIRST = "versions/0001_make_the_first_tables.py"
LAST_STEP = "    for table in APPEND_ONLY:\n        _refuse_changes(table)\n"

COLOURED_CALLS = (
    'with op.batch_alter_table("calls", recreate="always") as calls: '
    'calls.add_column(sa.Column("colour", sa.Text(), nullable=False))'
)
OTHER = {
    "a-table-less": ('op.drop_table("number_checks")', "missing: number_checks"),
    "a-column-less": (
        'op.drop_column("attempts", "account")',
        "missing: attempts.account",
    ),
    "a-column-of-another-name": (
        'op.alter_column("objections", "lodged_by", new_column_name="lodger")',
        "missing: objections.lodged_by; must be filled and is unknown here: objections.lodger",
    ),
    "a-column-that-must-be-filled": (
        COLOURED_CALLS,
        "must be filled and is unknown here: calls.colour",
    ),
}
"""What an altered first revision does besides, and what is said of the database that it made."""

HARMLESS = (
    'op.create_table("rota", sa.Column("day", sa.Date(), nullable=False))',
    'op.create_index("ix_of_ours", "messages", ["state", "due_at"])',
    'op.drop_index("ix_enrolments_procedure_at_id", "enrolments")',
    'op.add_column("calls", sa.Column("colour", sa.Text()))',
    'op.add_column("calls", sa.Column("shade", sa.Text(), nullable=False, server_default=""))',
)
"""A table of somebody else, an index more and one less, columns that need no value from us."""


def make_database(engine: Engine, folder: Path, *, step: str) -> None:
    """Make a database as a first revision with one more step would have made it."""
    copy = copytree(MIGRATIONS, folder / "migrations")
    source = (copy / FIRST).read_text("utf-8")
    assert source.count(LAST_STEP) == 1
    (copy / FIRST).write_text(source.replace(LAST_STEP, f"{LAST_STEP}    {step}\n"), "utf-8")
    config = Config()
    config.set_main_option("script_location", str(copy))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


build_shape_once = cache(run_migrations.build_shape)
"""A revision makes the same every time: here it is asked for again and again."""


@contextmanager
def engine_on(url: str) -> Iterator[Engine]:
    made = make_engine(url)
    try:
        yield made
    finally:
        made.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty database."""
    with engine_on(database_url) as made:
        yield made


def columns(engine: Engine) -> dict[str, set[str]]:
    found = inspect(engine).get_multi_columns()
    return {table: {column["name"] for column in found[_, table]} for _, table in found}


@pytest.mark.parametrize(("step", "said"), OTHER.values(), ids=OTHER.keys())
def test_a_database_that_an_altered_revision_made_is_refused(
    engine: Engine, tmp_path: Path, step: str, said: str
):
    make_database(engine, tmp_path, step=step)
    before = columns(engine)

    for opened in (migrate, require_current):
        with pytest.raises(ConfigurationError) as refusal:
            opened(engine)
        claim = f"says that it is at schema {newest_revision()}, but it is not ({said})"
        assert claim in str(refusal.value)
        assert "followup migrate" in str(refusal.value)

    assert columns(engine) == before


def test_what_stands_in_nobodys_way_is_let_be(engine: Engine, tmp_path: Path):
    make_database(engine, tmp_path, step="; ".join(HARMLESS))

    migrate(engine)

    require_current(engine)


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.long)])
def test_every_revision_is_known_by_its_tables(
    engine: Engine, every: int, monkeypatch: pytest.MonkeyPatch
):
    """Also one that is to be brought up: the steps from there would be made on other tables."""
    monkeypatch.setattr(run_migrations, "build_shape", build_shape_once)
    *earlier, newest = sorted(known_revisions())
    for revision in [*earlier[::every], newest]:
        migrate(engine, to=revision)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE attempts RENAME TO tries"))

        for to in ("head", "base"):
            with pytest.raises(ConfigurationError, match="missing: attempts"):
                migrate(engine, to=to)

        assert revision_of(engine) == revision
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE tries RENAME TO attempts"))


def test_tables_of_ours_in_a_database_that_claims_nothing_are_refused(engine: Engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE patients (id INTEGER)"))

    with pytest.raises(ConfigurationError, match=r"says of no schema.*there too early: patients"):
        migrate(engine)

    assert columns(engine) == {"patients": {"id"}}


def test_a_long_list_is_cut_short(engine: Engine):
    migrate(engine)
    with engine.begin() as connection:
        for table in reversed(Staff.metadata.sorted_tables):
            connection.execute(text(f"DROP TABLE {table.name}"))

    with pytest.raises(ConfigurationError) as refusal:
        require_current(engine)

    more = len(Staff.metadata.tables) - 6
    named = "missing: alarms, api_keys, attempts, audit_checkpoints, audit_events, audit_seals"
    assert f"{named} and {more} more" in str(refusal.value)


def test_a_revision_that_is_not_known_says_which_version_to_run(engine: Engine):
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigurationError, match=r"at schema 9999.*with the newer version"):
        migrate(engine)


def test_only_the_schema_that_is_worked_in_counts(postgres_url: str):
    """PostgreSQL: tables of the same names may stand in another schema of the database."""
    with engine_on(postgres_url) as engine, engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA clinic"))
        connection.execute(text("CREATE TABLE public.attempts (id integer)"))
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f'ALTER DATABASE "{name}" SET search_path = clinic, public'))

    with engine_on(postgres_url) as engine:
        migrate(engine)
        require_current(engine)
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE clinic.attempts CASCADE"))
        with pytest.raises(ConfigurationError, match=r"missing: attempts\.account"):
            require_current(engine)
