"""The state machine of `tests/test_state_machine.py` as a long run: events in any order."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter

from tests.faults.kills import Plan
from tests.faults.scenes.reckoning import Reckoning
from tests.faults.scenes.report import Result
from tests.support.fork_server import ROOT

STEPS = 60
"""Events in one history, at most."""


def model(plan: Plan) -> Result:
    """Drive the use cases through `plan.messages` histories on each database."""
    began = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"),
            *("tests/test_state_machine.py", f"--hypothesis-seed={plan.seed}"),
        ],
        env=os.environ | {"MODEL_EXAMPLES": str(plan.messages), "MODEL_STEPS": str(STEPS)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [] if done.returncode == 0 else [done.stdout[-4000:]]
    account = Reckoning(due=0, taken=0, states={}, remainder=0, wrong=wrong)
    return Result(
        name="any order of events",
        seed=plan.seed,
        seconds=time.monotonic() - began,
        injected=Counter({"histories of the model": plan.messages}),
        account=account,
    )
