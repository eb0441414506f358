"""A short run of kills between receiving, keeping and acknowledging the messages of a feed."""

from __future__ import annotations

import pytest

from tests.faults.feeds import feed_kills
from tests.faults.kills import Plan
from tests.faults.scenes.report import Show

pytestmark = [pytest.mark.faults, pytest.mark.timeout(420)]


def test_no_message_of_a_feed_is_lost_or_enrolled_twice_by_kills(show: Show):
    result = show(feed_kills(Plan(seed=41, messages=0, over=0, kills=40)))

    assert result.clean, result.account
    assert result.account.taken > 0
    assert result.injected["sent again"] > 0
