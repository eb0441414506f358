"""The list of commands: whole, grouped, and true to the commands themselves."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest
import typer

from followup.cli.framework.registry import COMMANDS, ENTRIES, load


def function_of(entry):
    """Return the function behind a command; of a group with one, its callback."""
    module, _, name = entry.place.partition(":")
    found = getattr(import_module(f"followup.cli.{module}"), name)
    if isinstance(found, typer.Typer):
        callback = found.registered_callback
        return callback.callback if callback else found
    return found


@pytest.mark.parametrize("name", ENTRIES)
def test_each_command_is_there_and_explains_itself(followup, name):
    answer = followup(name, "--help")

    assert answer.code == 0
    assert "Usage: " in answer.out


@pytest.mark.parametrize("name", ENTRIES)
def test_the_list_says_of_a_command_what_it_says_of_itself(name):
    entry = ENTRIES[name]
    function = function_of(entry)
    doc = function.info.help if isinstance(function, typer.Typer) else inspect.getdoc(function)

    assert doc.partition("\n")[0] == entry.summary
    assert len(entry.summary) <= 60


def test_help_lists_every_command_under_a_heading(followup):
    told = followup("--help").out

    for heading, entries in COMMANDS.items():
        assert f"\n{heading}:\n" in told
        for name, entry in entries.items():
            assert f"  {name}" in told
            assert entry.summary in told


def test_an_unknown_command_is_a_wrong_use_with_a_suggestion(followup):
    answer = followup("preveiw")

    assert answer.code == 2
    assert "There is no command 'preveiw'. Did you mean preview?" in answer.err
    assert followup("xyzzy").code == 2


def test_without_a_command_it_shows_its_help_as_a_wrong_use(followup):
    answer = followup()

    assert answer.code == 2
    assert "Patients:" in answer.out + answer.err


@pytest.mark.parametrize("args", [("--version",), ("version",)])
def test_the_version_is_told(followup, args):
    answer = followup(*args)

    assert answer.code == 0
    assert answer.out.startswith("followup ")
    assert followup("version", "--json").json["version"] == answer.out.split()[1]


def test_loading_names_a_command_as_it_is_called():
    assert load("import", ENTRIES["import"]).name == "import"
