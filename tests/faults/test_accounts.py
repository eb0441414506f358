"""A short run in which the first of two SMS accounts goes away and comes back."""

from __future__ import annotations

import pytest

from tests.faults.accounts import SUSPENDED, TROUBLES, accounts
from tests.faults.kills import Plan
from tests.faults.scenes.report import Show

pytestmark = [pytest.mark.faults, pytest.mark.timeout(420)]


@pytest.mark.long
def test_nothing_is_lost_or_doubled_across_two_accounts(show: Show):
    result = show(accounts(Plan(seed=24, messages=240, over=45, kills=3, servers=4, short=True)))

    assert result.clean, result.account
    assert {*TROUBLES, SUSPENDED} <= set(result.injected)
