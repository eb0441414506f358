"""Short runs of the embedded stack: killed, and with a disk that is full."""

from __future__ import annotations

import pytest

from tests.faults.embedded import disk_full, embedded_kills
from tests.faults.kills import Plan
from tests.faults.scenes.report import Show

pytestmark = [pytest.mark.faults, pytest.mark.timeout(420)]


def test_the_embedded_stack_goes_on_where_it_was_killed(show: Show):
    result = show(embedded_kills(Plan(seed=31, messages=80, over=10, kills=3)))

    assert result.clean, result.account
    assert result.account.due == result.account.taken == 80


@pytest.mark.long
def test_a_full_disk_loses_and_doubles_nothing_and_is_told_in_clear_words(show: Show):
    result = show(disk_full(Plan(seed=32, messages=160, over=12, servers=1)))

    assert result.clean, result.account
    assert result.account.due == result.account.taken == 160
