"""The shipped tables are those that the replies in this folder make, and none that judges them."""

from __future__ import annotations

import pytest

from followup.replies.triage_evaluation import read_corpus
from scripts.train_second_net import TABLE, digest_of, practice, tables_text
from tests.triage import HELD_OUT


# Training goes through the same few lines thousands of times.
@pytest.mark.uncounted
@pytest.mark.long
def test_the_shipped_tables_are_what_training_makes():
    assert TABLE.read_text(encoding="utf-8") == tables_text()


def test_the_shipped_tables_were_made_from_the_replies_that_are_here():
    assert f" {digest_of(practice())}.\n" in TABLE.read_text(encoding="utf-8")


def test_no_reply_that_was_held_out_is_trained_on():
    trained = {text for text, _ in practice()}

    assert trained.isdisjoint(reply.text for reply in read_corpus(HELD_OUT))
    assert len(trained) > 4000
