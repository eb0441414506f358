"""A soak in little, and whether what grows would be noticed."""

from __future__ import annotations

import pytest

from tests.faults.kills import Plan
from tests.faults.soak import grown, soak


@pytest.mark.long
@pytest.mark.faults
@pytest.mark.timeout(240)
def test_in_a_short_soak_nothing_grows_but_what_was_sent():
    result = soak(Plan(seed=7, messages=320, over=40))

    assert result.clean, str(result.account)
    assert result.account.due == 320


def test_what_grows_is_noticed():
    steady = {"MiB of web": 100.0, "handles of web": 20.0, "rows of sweeps": 10.0}
    looks = [{**steady, "handles of web": 20.0 + place} for place in range(60)]

    assert grown([steady] * 60) == []
    assert grown(looks) == ["handles of web grew from 42 to 72"]
    assert len(grown([{**steady, "MiB of web": 100.0 + 2 * each} for each in range(60)])) == 1
