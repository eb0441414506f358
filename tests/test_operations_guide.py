"""The guide for whoever runs it: its commands run as they stand, and it leaves no alarm out."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from followup.settings.settings import Settings
from tests.cli.conftest import CommandLine, enrolled
from tests.support.apps import make_app
from tests.support.servers import HOST, PostgresServer

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", GUIDE, flags=re.DOTALL)
    for line in block.splitlines()
]
AFTER_PG_RESTORE = "followup after-restore --backup-taken-at"
OURS = [
    command
    for command in COMMANDS
    if command.startswith("followup") and not command.startswith(AFTER_PG_RESTORE)
]
FINDS_SOMETHING = {"followup watch --once"}
"""Commands that end with 1 where nothing runs."""


def sources() -> Iterator[ast.Module]:
    for folder in ("followup", "tasks"):
        for path in (ROOT / folder).rglob("*.py"):
            yield ast.parse(path.read_text(encoding="utf-8"))


def calls_of(name: str) -> Iterator[ast.Call]:
    for tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                yield node


@pytest.mark.slow
def test_every_command_of_ours_runs_as_it_stands(tmp_path, monkeypatch, migrated_sqlite_url):
    monkeypatch.chdir(tmp_path)
    followup = CommandLine(tmp_path, migrated_sqlite_url)
    enrolled(followup)
    ran = 0

    for command in OURS:
        given = command
        if "SWITCH" in command:
            given = command.replace("SWITCH", followup("switches", "--json").lines[0]["id"])
        answer = followup(*shlex.split(given)[1:])
        expected = 1 if command in FINDS_SOMETHING else 0
        assert answer.code == expected, (command, answer.out, answer.err)
        ran += 1

    assert ran == len(OURS) >= 20
    while switches := followup("switches", "--json").lines:
        followup("resume-sending", switches[0]["id"])


@pytest.mark.slow
def test_the_commands_for_postgresql_run_as_they_stand(
    tmp_path, monkeypatch, postgres_server: PostgresServer
):
    monkeypatch.chdir(tmp_path)
    environment = {
        **os.environ,
        "PATH": f"{postgres_server._programs}:{os.defpath}",
        "PGHOST": HOST,
        "PGPORT": str(postgres_server.port),
        "PGUSER": "postgres",
    }
    theirs = [command for command in COMMANDS if not command.startswith("followup")]
    assert [command.split()[0] for command in theirs] == ["pg_dump", "createdb", "pg_restore"]
    subprocess.run(["createdb", "followup"], env=environment, check=True)
    make_app(postgres_server.url("followup")).close()
    try:
        for command in theirs:
            subprocess.run(shlex.split(command), env=environment, check=True)
        followup = CommandLine(tmp_path, postgres_server.url("followup_restored"))
        [command] = [each for each in COMMANDS if each.startswith(AFTER_PG_RESTORE)]
        monkeypatch.setattr("followup.cli.service.restore._rest", lambda _: None)
        answer = followup(*shlex.split(command)[1:])
        assert answer.code == 0, answer.err
        assert followup("switches", "--json").lines[0]["scope"] == "all"
    finally:
        for database in ("followup", "followup_restored"):
            postgres_server.drop_database(database)


def test_no_alarm_is_left_out():
    codes = set()
    for call in calls_of("HealthProblem"):
        for keyword in call.keywords:
            # What is passed on from an alarm that was raised before is no code of its own.
            if keyword.arg == "code" and not isinstance(keyword.value, ast.Attribute):
                codes.add(ast.unparse(keyword.value).removeprefix("f").strip("'"))
    told = re.findall(r"^\| `([^`]+)` \|", GUIDE, flags=re.MULTILINE)

    assert len(codes) > 10
    for code in codes:
        assert re.sub(r"\{.*?\}", "…", code) in told, code


def test_no_event_of_the_log_is_left_out():
    events = {
        node.args[0].value
        for tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") in {"warning", "error", "exception"}
        and getattr(getattr(node.func, "value", None), "id", "") == "log"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }

    assert len(events) > 10
    for event in events:
        assert f"`{event}`" in GUIDE, event


def test_every_setting_that_is_named_is_one():
    known = {f"FOLLOWUP_{name.upper()}" for name in Settings.model_fields}

    assert set(re.findall(r"FOLLOWUP_[A-Z_]+", GUIDE)) <= known


def test_every_file_that_is_linked_is_there():
    for target in re.findall(r"\]\(([^)#]+)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
