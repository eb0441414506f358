"""On a database that is not what its revision makes nothing starts, and what to do is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from followup.bootstrap import require_database
from followup.settings.settings import Settings
from followup.store.engine.session import make_engine
from followup.store.schema.revisions import newest_revision
from tests.cli.conftest import SECONDS, CommandLine
from tests.support.fork_server import INTERPRETER, fork_server

APART = {
    "web": ("followup.cli", "web"),
    "worker": ("celery", "-A", "tasks", "worker"),
    "beat": ("celery", "-A", "tasks", "beat"),
}
SAID = (
    f"says that it is at schema {newest_revision()}, but it is not "
    "(missing: number_checks, attempts.account)"
)
TO_DO = "point FOLLOWUP_DATABASE_URL at an empty database"


def drift(url: str) -> None:
    """Make of a database one as an unreleased version made it: a table and a column less."""
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE number_checks"))
        connection.execute(text("ALTER TABLE attempts DROP COLUMN account"))
    engine.dispose()


@pytest.fixture
def drifted(on_both: CommandLine) -> CommandLine:
    """The command line on such a database, once on each kind."""
    drift(on_both.database_url)
    return on_both


@pytest.mark.parametrize("command", ["migrate", "check", "worklist"])
def test_every_command_refuses_it(drifted: CommandLine, command: str):
    answer = drifted(command)

    assert answer.code == 1
    told = " ".join((answer.out + answer.err).split())
    assert SAID in told
    assert TO_DO in told


@pytest.mark.parametrize("command", APART.values(), ids=APART.keys())
def test_every_process_ends_at_its_start(
    tmp_path: Path, migrated_postgres_url: str, command: tuple[str, ...]
):
    drift(migrated_postgres_url)
    followup = CommandLine(tmp_path, migrated_postgres_url)
    followup.more = {"FOLLOWUP_BROKER_URL": "redis://127.0.0.1:1/0"}

    assert_refused(followup, *command)


def test_one_that_is_away_for_now_keeps_no_worker_from_starting(tmp_path: Path):
    away = Settings(
        _env_file=None,
        data_dir=tmp_path,
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/none",
        broker_url="redis://127.0.0.1:1/0",
    )

    require_database(away)


def test_the_embedded_stack_ends_at_its_start(followup: CommandLine):
    drift(followup.database_url)

    assert_refused(followup, "followup.cli", "run")


def assert_refused(followup: CommandLine, module: str, *arguments: str) -> None:
    """Start a process, and see that it ends with the reason."""
    log = followup.folder / "log"
    process = fork_server().start(
        module,
        arguments,
        environment={**INTERPRETER, **followup.environment},
        folder=followup.folder,
        log=log,
    )
    try:
        code = process.wait(SECONDS)
    finally:
        process.kill()
    said = log.read_text("utf-8")
    assert code == 1, said
    assert SAID in " ".join(said.split())
    assert "Traceback" not in said


def test_a_backup_of_it_is_not_restored(followup: CommandLine):
    followup("backup", "sound.db")
    drift(f"sqlite:///{followup.folder / 'sound.db'}")
    with closing(sqlite3.connect(followup.folder / "sound.db")) as backup:
        backup.execute("PRAGMA journal_mode=DELETE")
    before = followup("switches").out

    answer = followup("restore", "sound.db")

    assert answer.code == 1
    assert SAID in " ".join(answer.err.split())
    assert followup("switches").out == before
