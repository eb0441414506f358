"""Every kind of thing that waits for a person has words in the console, and what to do."""

from __future__ import annotations

import pytest

from followup.web.console.words import labels as words
from followup.worklist.items import URGENCY


@pytest.mark.parametrize("kind", sorted(URGENCY))
def test_every_kind_of_item_has_words_of_its_own_and_what_to_do(kind):
    assert words.kind(kind) != kind
    assert words.advice(kind)
