"""Short runs with a stopped dispatcher, a wrong clock, and a Redis whose master is killed."""

from __future__ import annotations

import pytest

from tests.faults.failover import master_killed
from tests.faults.kills import Plan
from tests.faults.outages import dispatcher_stopped, skewed_worker
from tests.faults.scenes.report import Show

pytestmark = [pytest.mark.faults, pytest.mark.timeout(420)]


@pytest.mark.long
def test_after_an_hour_without_a_dispatcher_the_useful_goes_and_the_rest_is_told(show: Show):
    result = show(dispatcher_stopped(Plan(seed=22, messages=160, over=12)))

    assert result.clean, result.account
    assert result.account.states["expired"] > 0


@pytest.mark.long
def test_a_worker_whose_clock_is_minutes_wrong_sends_nothing_twice(show: Show):
    result = show(skewed_worker(Plan(seed=23, messages=96, over=8)))

    assert result.clean, result.account
    assert result.account.due == result.account.taken == 96


@pytest.mark.long
def test_nothing_is_lost_when_sentinels_choose_another_master_and_all_goes_in_time(show: Show):
    result = show(master_killed(Plan(seed=25, messages=160, over=5, servers=1, short=True)))

    assert result.clean, result.account
    assert result.account.due == result.account.taken == 160
