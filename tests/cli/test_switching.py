"""The kill switches on the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from followup.cli.framework.registry import app


@pytest.fixture
def followup(tmp_path, monkeypatch):
    """Runs a command on a database of its own; returns its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOLLOWUP_DATA_DIR", str(tmp_path / "data"))

    def run(*args):
        result = CliRunner().invoke(app, args)
        return result.exit_code, result.output

    return run


def listed(followup, *args):
    code, output = followup("switches", "--json", *args)
    assert code == 0
    return [json.loads(line) for line in output.splitlines()]


def test_stopping_is_listed_until_it_is_lifted(followup):
    code, told = followup("stop-sending", "--channel", "sms", "--reason", "wrong words")
    (switch,) = listed(followup)

    assert code == 0
    assert "channel sms" in told
    assert switch["id"] in told
    assert (switch["scope"], switch["value"]) == ("channel", "sms")
    assert switch["reason"] == "wrong words"
    assert followup("resume-sending", switch["id"][:13])[0] == 0
    assert listed(followup) == []
    assert len(listed(followup, "--history")) == 1


def test_stopping_twice_names_the_first(followup):
    followup("stop-sending", "--all", "--reason", "first")

    code, told = followup("stop-sending", "--all", "--reason", "second")

    assert code == 0
    assert "first" in told
    assert len(listed(followup)) == 1


@pytest.mark.parametrize("what", [(), ("--all", "--channel", "sms")], ids=["nothing", "two things"])
def test_one_thing_is_stopped_at_a_time(followup, what):
    code, _ = followup("stop-sending", *what, "--reason", "why")

    assert code == 2
    assert listed(followup) == []


def test_a_reason_is_asked_for(followup):
    assert followup("stop-sending", "--all")[0] == 2


def test_an_unknown_or_lifted_switch_is_refused(followup):
    followup("stop-sending", "--all", "--reason", "why")
    (switch,) = listed(followup)
    followup("resume-sending", switch["id"])

    assert followup("resume-sending", switch["id"])[0] == 1
    assert followup("resume-sending", "0123456789")[0] == 1
    assert followup("resume-sending", "01")[0] == 1
