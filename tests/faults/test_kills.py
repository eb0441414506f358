"""Short runs with processes killed and frozen and servers away; `make faults` has the long ones."""

from __future__ import annotations

import pytest

from tests.faults.kills import Plan, precise_kills, precise_kills_of_bare_workers, random_kills
from tests.faults.scenes.report import Show

pytestmark = [pytest.mark.faults, pytest.mark.timeout(420)]


def test_nothing_is_lost_or_doubled_by_kills_freezes_and_outages_at_random_moments(show: Show):
    plan = Plan(seed=11, messages=640, over=24, kills=15, servers=5, freezes=1, short=True)

    result = show(random_kills(plan))
    account = result.account

    assert result.clean, account
    # What follows a failed text to the same number may find it given up, and is a person's then.
    assert account.due == account.taken + account.states["suppressed"] == 640


@pytest.mark.long
def test_nothing_is_lost_or_doubled_by_kills_as_the_provider_takes_a_text(show: Show):
    result = show(precise_kills(Plan(seed=12, messages=96, over=4, kills=8)))

    assert result.clean, result.account
    assert result.account.due == result.account.taken == 96
    assert result.injected["SIGKILL as the provider takes it"] >= 8


def test_nothing_is_lost_or_doubled_by_many_such_kills_of_workers_without_celery(show: Show):
    result = show(precise_kills_of_bare_workers(Plan(seed=13, messages=160, over=4, kills=40)))

    assert result.clean, result.account
    assert result.account.due == result.account.taken == 160
    assert result.injected["SIGKILL as the provider takes it"] >= 40
