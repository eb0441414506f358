"""Backups of the embedded database: whole, checked, and refused where they would do harm."""

from __future__ import annotations

import base64
import os
import pwd
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.engine import make_url

from tests.cli.conftest import CommandLine, enrolled


@pytest.fixture
def database(followup: CommandLine) -> Path:
    return Path(make_url(followup.database_url).database)


@pytest.fixture
def taken(followup: CommandLine, tmp_path: Path) -> Path:
    """A backup with one patient in it."""
    enrolled(followup)
    assert followup("backup", tmp_path / "backup.db").code == 0
    return tmp_path / "backup.db"


def count_of(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_backup_is_one_file_for_this_account_alone(followup, taken):
    assert count_of(taken, "patients") == 1
    assert taken.stat().st_mode & 0o077 == 0
    assert left_behind(taken.parent) == []
    assert b"Test Patient" not in taken.read_bytes()


def test_a_backup_is_taken_while_the_database_is_written_to(followup, database, tmp_path):
    enrolled(followup)
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM sweeps")

        answer = followup("backup", "--json", tmp_path / "backup.db")

    assert answer.code == 0, answer.err
    assert answer.json["patients"] == 1
    assert answer.json["master_keys_in"] == "FOLLOWUP_MASTER_KEYS"


def test_a_backup_overwrites_nothing(followup, taken):
    before = taken.read_bytes()

    answer = followup("backup", taken)

    assert answer.code == 1
    assert "is there already" in answer.err
    assert taken.read_bytes() == before
    assert left_behind(taken.parent) == []


def test_what_came_after_the_backup_is_gone_and_kept_aside(followup, taken, database):
    enrolled(followup, 2)

    answer = followup("restore", "--json", taken)

    assert answer.code == 0, answer.err
    assert answer.json["in_doubt"] == 1
    assert count_of(database, "patients") == 1
    assert count_of(Path(answer.json["kept"]), "patients") == 2
    assert left_behind(taken.parent) == []
    stops = [line["scope"] for line in followup("switches", "--json").lines]
    assert stops == ["all"]


def test_after_a_restore_a_person_is_told_what_to_do(followup, taken):
    said = followup("restore", taken)
    after = followup("after-restore")

    assert "followup after-restore" in said.out
    assert after.code == 0, after.err
    switch = followup("switches", "--json").lines[0]["id"]
    assert f"followup resume-sending {switch}" in after.out
    assert "1 item on the worklist" in after.out


def test_a_backup_is_restored_where_no_database_is(followup, taken, database):
    database.unlink()

    answer = followup("restore", taken)

    assert answer.code == 0, answer.err
    assert "is kept in" not in answer.out
    assert count_of(database, "patients") == 1


def test_a_damaged_database_is_moved_away_and_replaced(followup, taken, database):
    database.write_bytes(b"SQLite format 3\0" + os.urandom(5000))

    answer = followup("restore", "--json", taken)

    assert answer.code == 0, answer.err
    assert Path(answer.json["kept"]).read_bytes().startswith(b"SQLite format 3\0")
    assert count_of(database, "patients") == 1


def test_nothing_is_restored_under_a_stack_that_runs(followup, taken, database):
    with followup.app() as app:
        with app.store.read() as session:
            session.connection()

        answer = followup("restore", taken)

    assert answer.code == 1
    assert "is in use" in answer.err
    assert count_of(database, "restores") == 0


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "there is no file"),
        (lambda path: path.write_text("name,mobile\n"), "is no database of followup"),
        (lambda path: sqlite3.connect(path).execute("CREATE TABLE x (y)"), "none of its tables"),
    ],
    ids=["missing", "another file", "another database"],
)
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_a_foreign_file_is_refused(followup, database, tmp_path, make, told):
    make(tmp_path / "foreign.db")

    answer = followup("restore", tmp_path / "foreign.db")

    assert answer.code == 1
    assert told in answer.err


def test_a_newer_backup_is_refused(followup, taken, database):
    with closing(sqlite3.connect(taken)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    answer = followup("restore", taken)

    assert answer.code == 1
    assert "9999, which this version does not know" in answer.err
    assert count_of(database, "restores") == 0


def test_a_damaged_backup_is_refused(followup, taken, database):
    whole = bytearray(taken.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 20_000] = os.urandom(20_000)
    taken.write_bytes(whole)

    answer = followup("restore", taken)

    assert answer.code == 1
    assert "damaged" in answer.err or "no database of followup" in answer.err
    assert count_of(database, "restores") == 0


def test_a_backup_that_other_master_keys_sealed_is_refused(followup, taken, database):
    followup.more = {"FOLLOWUP_MASTER_KEYS": base64.b64encode(bytes(range(1, 33))).decode()}

    answer = followup("restore", taken)

    assert answer.code == 1
    assert "was sealed with master key" in answer.err
    assert count_of(database, "restores") == 0
    assert left_behind(taken.parent) == []


def test_a_backup_put_in_place_by_hand_is_noticed(followup, taken, database):
    database.write_bytes(taken.read_bytes())

    refused = followup("balance")
    after = followup("after-restore")

    assert refused.code == 1
    assert "followup after-restore" in refused.err
    assert after.code == 0, after.err
    assert followup("balance").code == 0


def test_a_disk_without_room_leaves_nothing_behind(followup, taken, tmp_path, monkeypatch):
    # A module that is first imported now would leave half of its compiled self for good.
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        answer = followup("backup", tmp_path / "second.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert answer.code == 1
    assert "look whether the disk has room" in answer.err
    assert not (tmp_path / "second.db").exists()
    assert left_behind(tmp_path) == []


def test_a_server_is_backed_up_by_its_own_tools(followup):
    followup.database_url = "postgresql+psycopg://nobody@127.0.0.1:1/none"

    for command in ("backup", "restore"):
        answer = followup(command, "file")
        assert answer.code == 1
        assert "pg_dump" in answer.err


def test_when_a_backup_was_taken_is_said_with_an_offset(followup, taken):
    answer = followup("after-restore", "--backup-taken-at", "yesterday")

    assert answer.code == 1
    assert "such as 2026-11-22T02:00Z" in answer.err


def test_a_database_that_was_never_restored_is_left_alone(followup):
    answer = followup("after-restore")

    assert answer.code == 1
    assert "never restored" in answer.err
    assert followup("switches", "--json").out == ""


def test_whoever_was_erased_since_the_backup_stays_erased(followup, taken, database, monkeypatch):
    asked = followup("erasure", "propose", "REF-1", "--ground", "asked", "--json").json["request"]
    refused = followup("erasure", "decide", asked, "--erase")
    assert (refused.code, "ask somebody else" in refused.err) == (1, True)
    assert followup("erasure", "decide", asked).code == 2
    another = pwd.struct_passwd(("another", "x", 1, 1, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: another)
    assert asked in followup("erasure", "list").out
    assert "Erased." in followup("erasure", "decide", asked, "--erase").out
    assert followup("erasure", "list", "--all", "--json").json[0]["decision"] == "erased"

    answer = followup("restore", "--json", taken)

    assert answer.json["erased"] == 1
    assert "(data was erased)" in followup("audit", answer_id(database)).out
    assert b"REF-1" not in database.read_bytes()


def answer_id(database: Path) -> str:
    with sqlite3.connect(database) as connection:
        (found,) = connection.execute("SELECT id FROM enrolments").fetchone()
    connection.close()
    return str(UUID(found) if isinstance(found, str) else UUID(bytes=found))
