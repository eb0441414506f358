"""How long after a burst fell due its first text is out, on a stack that had nothing to do."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median

from followup.context import AppContext
from tests.bench.crowd import add_crowd
from tests.bench.figures import Figures
from tests.bench.machinery import Machinery, embedded_of, stack_of, wait_until_sent
from tests.bench.timeline import STEPS, first_of
from tests.support.servers import free_port

ANSWERED = "answered by the provider"
BURST = 200
IDLE = timedelta(seconds=2.5)
PHASE = timedelta(seconds=0.23)
"""By how much each turn is later than the last within beat's second."""


def measure(machinery: Machinery, figures: Figures, *, turns: int) -> None:
    """Let bursts fall due; the provider counts a text once it has answered, the database after."""
    with stack_of(machinery) as (stack, app):
        for _ in range(2):
            stack.worker()
        stack.beat()
        _measure(machinery, figures, app, turns=turns, of="two workers")
    with embedded_of(machinery) as (stack, app):
        stack.embedded("--port", str(free_port()))
        _measure(machinery, figures, app, turns=turns, of="one process on SQLite")


def _measure(
    machinery: Machinery, figures: Figures, app: AppContext, *, turns: int, of: str
) -> None:
    figures.title(f"The first text of {BURST} due at once when idle, {turns} turns, {of}")
    add_crowd(app, BURST, due=lambda _: app.clock.now())
    wait_until_sent(app, seconds=60)
    found = [_turn(machinery, app, turn) for turn in range(turns)]
    for name in found[0]:
        late = [one[name] for one in found]
        wanted = "0.3" if name == ANSWERED else ""
        figures.add(f"the first {name}, half within", median(late), "s after due", wanted=wanted)
        figures.add(f"the first {name}, the quickest", min(late), "s after due")


def _turn(machinery: Machinery, app: AppContext, turn: int) -> dict[str, float]:
    due = app.clock.now() + IDLE + turn * PHASE
    before = machinery.twilio.taken()
    add_crowd(app, BURST, due=lambda _: due)
    time.sleep(max((due - app.clock.now()).total_seconds() - 0.1, 0))
    while machinery.twilio.taken() == before:
        time.sleep(0.005)
    answered = (app.clock.now() - due).total_seconds()
    wait_until_sent(app, seconds=60)
    # The clock runs at the speed of time here.
    due_real = app.clock.real_now() - (app.clock.now() - due)
    steps = {step: first_of(app, action, due_real) for action, step in STEPS.items()}
    return {
        "claimed": steps["claimed"],
        "begun": steps["begun"],
        ANSWERED: answered,
        "recorded as taken": steps["taken"],
    }
