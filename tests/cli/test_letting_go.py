"""What was held for being too many, on the command line."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import closing
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from followup.cli.framework.registry import app
from tests.support.apps import MASTER_KEY, HandClock, enrol_many, make_app, tick
from tests.support.people import PROCEDURE_AT

# Commands go by the machine's time, at which the windows of what is held must not be over.
LATER = 2126


@pytest.fixture
def followup(tmp_path, monkeypatch, migrated_sqlite_url):
    """Runs a command on a database where seven messages are held."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOLLOWUP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FOLLOWUP_DATABASE_URL", migrated_sqlite_url)
    clock = HandClock(datetime(LATER, 10, 19, 14, 0, tzinfo=UTC))
    with closing(make_app(migrated_sqlite_url, clock=clock, version_per_minute=5)) as made:
        enrol_many(made, 12, procedure_at=PROCEDURE_AT.replace(year=LATER))
        tick(made)
    monkeypatch.setenv("FOLLOWUP_MASTER_KEYS", b64encode(MASTER_KEY).decode())

    def run(*args):
        result = CliRunner().invoke(app, args)
        return result.exit_code, result.output

    return run


def test_what_is_held_is_listed(followup):
    code, told = followup("let-go", "--json")

    assert code == 0
    (found,) = json.loads(told)
    assert (found["template"], found["held"]) == ("going-home", 7)
    assert "going-home" in followup("let-go")[1]


def test_what_is_held_is_let_go_by_one_s_word(followup):
    assert followup("let-go", "--template", "dressing")[1] == "0 messages go now.\n"
    assert followup("let-go", "--enrolment", "REF-12")[1] == "1 message goes now.\n"
    assert json.loads(followup("let-go", "--all", "--json")[1]) == {"let_go": 6}
    assert "Nothing is held" in followup("let-go")[1]


def test_all_means_all(followup):
    assert followup("let-go", "--all", "--template", "dressing")[0] == 2
