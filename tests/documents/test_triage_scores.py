"""The guide to replies tells how well the shipped phrases do on blind replies, as they do now."""

from __future__ import annotations

import hashlib
from functools import cache, partial
from pathlib import Path

import pytest

from followup.domain.triage.triage import sort_reply
from tests.documents import prose_of
from tests.support.apps import general_triage
from tests.triage.blind_scores import BLIND, added, scores, table

GUIDE = Path("docs/replies.md").read_text(encoding="utf-8")
FILES = sorted(BLIND.glob("*.tsv"))

# The sorting of thousands of replies goes through the same lines each time.
pytestmark = pytest.mark.uncounted


@pytest.fixture(scope="module")
def sort():
    return cache(partial(sort_reply, general_triage()))


def test_the_guide_tells_what_the_shipped_phrases_make_of_the_blind_replies(sort):
    assert table(FILES, sort) in GUIDE
    assert f"at version {sort('thanks').version.removeprefix('en/')}:" in GUIDE


def test_the_decision_tells_what_the_second_net_adds(sort):
    without = partial(sort_reply, [each.backed_by(None) for each in general_triage()])

    assert added(FILES, without, sort) in prose_of(
        "docs/decisions/0014-a-second-net-that-can-only-raise.md"
    )


def test_no_grave_reply_of_any_voice_is_judged_harmless(sort):
    assert [scores(file, sort)["grave, judged harmless"].some for file in FILES] == [0] * len(FILES)


def test_the_blind_replies_are_as_they_were_frozen():
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in FILES}

    lines = (BLIND / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert sums == {name: digest for digest, name in map(str.split, lines)}
