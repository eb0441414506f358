"""The document is kept, quoted word for word, and every sentence of it is weighed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from followup.domain.protocols.protocol import LeftOut
from followup.domain.safety.source_use import (
    QuotingCard,
    all_sentences_weighed,
    document_kept,
    document_sentences,
    word_for_word,
)

DOCUMENT = """After the injection

Date issued: August 2023

What should I do?

  • Rest for
    a day.

  • Ring us on 01752 437706. Eat well.

If it hurts you should either ring:

  • Your GP.
"""


@pytest.fixture
def kept(protocol):
    """A protocol of one step on a small document."""
    step = replace(protocol.step("moving"), source="Rest for a day. Eat well.")
    source = replace(
        protocol.source,
        document="small.txt",
        text=DOCUMENT,
        sha256=hashlib.sha256(DOCUMENT.encode()).hexdigest(),
    )
    left_out = (
        LeftOut("Ring us on 01752 437706.", "No room."),
        LeftOut("If it hurts you should either ring: Your GP.", "No room."),
    )
    return replace(protocol, source=source, steps=(step,), left_out=left_out)


def sentences(findings):
    return [finding.sentence for finding in findings]


def test_headings_questions_and_dates_are_no_sentences():
    assert document_sentences(DOCUMENT) == [
        "Rest for a day.",
        "Ring us on 01752 437706.",
        "Eat well.",
        "If it hurts you should either ring:",
        "Your GP.",
    ]


def test_a_sound_protocol_has_no_finding(kept):
    cards = [
        QuotingCard("moving", ("Rest for a day.",), frozenset({kept.key})),
        QuotingCard("reply-x", ("Ring us on [its number]. Eat well.",)),
        QuotingCard("elsewhere", ("Anything.",), frozenset({"another"})),
    ]

    assert [*document_kept(kept), *word_for_word([kept], cards), *all_sentences_weighed(kept)] == []


def test_a_document_that_is_not_kept_is_told_and_stops_nothing(kept):
    bare = replace(kept, source=replace(kept.source, document=None, text=None, sha256=None))

    [found] = document_kept(bare)

    assert "its source is not kept: put its text into sources" in found.sentence
    assert not found.grave
    assert list(all_sentences_weighed(bare)) == []
    assert list(word_for_word([bare], [QuotingCard("moving", ("Anything.",))])) == []


def test_a_document_that_is_missing_is_found(kept):
    [found] = document_kept(replace(kept, source=replace(kept.source, text=None)))

    assert "sources/small.txt is not there: put it back" in found.sentence


def test_one_byte_more_in_the_document_is_found(kept):
    [found] = document_kept(replace(kept, source=replace(kept.source, text=DOCUMENT + " ")))

    assert "sources/small.txt is not what the words were written from" in found.sentence
    assert "have them approved" in found.sentence


def test_a_quotation_with_another_word_is_found_in_a_step_a_list_and_a_card(kept):
    step = replace(kept.steps[0], source="Rest for a week. Eat well.")
    wrong = replace(kept, steps=(step,), left_out=(LeftOut("Drink.", "No room."),))

    cards = [QuotingCard("moving", ("Sleep [so] well.",)), QuotingCard("x", ("Run.",))]

    found = sentences(word_for_word([wrong], cards))

    assert [it.partition(" does not stand")[0] for it in found] == [
        'protocol nerve-root-block, step "moving": "Rest for a week."',
        'protocol nerve-root-block, left_out: "Drink."',
        'message moving, its card: "Sleep [so] well."',
        'message x, its card: "Run."',
    ]
    assert found[0].endswith("in sources/small.txt: quote it word for word")


def test_a_sentence_that_nobody_weighed_is_found(kept):
    [found] = all_sentences_weighed(replace(kept, left_out=kept.left_out[1:]))

    assert 'no step rests on "Ring us on 01752 437706.": use it, or list it' in found.sentence
    assert "weighed by nobody" in str(found)
