"""The smallest fault run: if this one fails, look here before at the larger ones.

Each of its processes is a fresh Python, as an operator starts it.
"""

from __future__ import annotations

import pytest

from tests.faults.scenes.clinics import Rules
from tests.faults.scenes.scene import Scene

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]


def test_a_worker_killed_and_an_answer_lost_as_a_text_is_taken_cost_nothing():
    with Scene(seed=1, rules=Rules(steps=1), forked=False, callbacks=False) as scene:
        scene.twilio.plan("accept-kill-caller", skip=4)
        scene.twilio.plan("accept-never-answer", skip=8)
        scene.enrol(20, over=3)
        scene.start(workers=1)

        scene.wait_until_handed_over()

        account = scene.reckon()
        assert account.clean, account
        assert account.taken == account.due == 20
        assert len(scene.twilio.faults()["killed"]) == 1
        assert scene.twilio.faults()["counts"]["accept-never-answer"] == 1
