"""Short runs with processes killed and frozen and servers away; `make faults` has the long ones."""

from __future__ import annotations

import pytest

from tests.faults.kills import Plan, precise_kills, random_kills
from tests.faults.report import Show

pytestmark = [pytest.mark.faults, pytest.mark.timeout(420)]


def test_nothing_is_lost_or_doubled_by_kills_freezes_and_outages_at_random_moments(show: Show):
    plan = Plan(seed=11, messages=640, over=24, kills=15, servers=5, freezes=1, short=True)

    result = show(random_kills(plan))

    assert result.clean, result.account
    assert result.account.due == result.account.taken == 640


def test_nothing_is_lost_or_doubled_by_kills_as_the_provider_takes_a_text(show: Show):
    result = show(precise_kills(Plan(seed=12, messages=240, over=8, kills=24)))

    assert result.clean, result.account
    assert result.account.due == result.account.taken == 240
    assert result.injected["SIGKILL as the provider takes it"] >= 24
