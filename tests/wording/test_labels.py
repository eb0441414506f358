"""Every code that people may see has words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import followup
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.protocols.timeline import Fate, Moved
from followup.domain.triage.intent import ReplyIntent
from followup.wording import labels as wording
from followup.worklist.items import URGENCY

SOURCES = [path for path in Path(followup.__file__).parent.rglob("*.py") if "web" not in path.parts]


def literals(*names):
    """Return the texts that the product passes to arguments of these names."""
    return {
        keyword.value.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in names
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
        # A provider's explanation is a sentence of its own.
        and " " not in keyword.value.value
    }


def test_every_state_channel_and_move_has_words():
    assert set(wording.STATES) == set(State)
    assert set(wording.CHANNELS) == set(ChannelKind)
    assert set(wording.MOVED) == set(Moved)


@pytest.mark.parametrize("reason", sorted(literals("reason", "cause")))
def test_every_reason_that_the_product_gives_has_words(reason):
    assert reason in wording.REASONS


def test_reasons_that_come_from_the_domain_have_words():
    known = {fate.value for fate in Fate if fate is not Fate.PLANNED}

    assert known <= set(wording.REASONS)
    assert {meaning.value for meaning in ReplyIntent} <= set(wording.REASONS)


def test_every_kind_of_worklist_item_has_words():
    assert literals("kind") - {"advice", "reply"} <= set(wording.KINDS)
    assert set(URGENCY) <= set(wording.KINDS)


def test_a_providers_own_code_is_shown_as_it_is():
    assert wording.reason_text("30006") == "30006"
    assert wording.reason_text(None) == ""


def test_how_a_message_goes_is_said_with_its_segments():
    assert wording.channel_text("sms", 1) == "text, 1 segment"
    assert wording.channel_text("sms", 3) == "text, 3 segments"
    assert wording.channel_text("email") == "email"


def test_why_a_time_was_moved_is_said_in_order():
    assert wording.moved_text(["clock change", "sending hours"]) == (
        "another hour because the clocks change, moved into sending hours"
    )
    assert wording.moved_text(None) == ""
