"""What a document names is there: settings, and commands with their options."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.main import get_command

from followup.cli.framework.registry import app
from followup.settings.settings import Settings
from tests.documents import NAMES, prose_of, read

SETTINGS = {f"FOLLOWUP_{name.upper()}" for name in Settings.model_fields}
OF_THE_TESTS = {"FOLLOWUP_TEST_REPLIES"}


@pytest.mark.parametrize("document", NAMES)
def test_every_setting_that_is_named_is_one(document: str):
    named = set(re.findall(r"FOLLOWUP_[A-Z0-9_]*[A-Z](?!_?…)", read(document)))

    assert named - SETTINGS - OF_THE_TESTS == set()


@pytest.mark.parametrize("document", NAMES)
def test_every_command_that_is_named_has_the_options_it_is_named_with(document: str):
    for quoted in re.findall(r"`followup ([^`]+)`", prose_of(document)):
        words = shlex.split(quoted.replace("…", ""))
        command = get_command(app)
        while words and hasattr(command, "list_commands") and not words[0].startswith("-"):
            name = words.pop(0)
            assert name in command.list_commands(None), quoted
            command = command.get_command(None, name)
        known = {"--help", *(option for each in command.params for option in each.opts)}
        assert {word for word in words if word.startswith("--")} <= known, quoted
