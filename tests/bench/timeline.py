"""A run on a time line: what was claimed, begun and taken in each tenth of a second, and how busy.

    due +0.0 s   claimed   500   begun     0   taken     0   cores 1.12

By the audit trail, whose events have the time at which their transaction began; the cores are those
of the whole machine, with whatever else it does.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Self

import psutil
from sqlalchemy import select

from followup.context import AppContext
from followup.sending.throttle import LONGEST_AHEAD
from followup.store.models.audit import AuditEvent
from tests.bench.figures import Figures

SLOT = 0.1
STEPS = {"message.claimed": "claimed", "message.sending": "begun", "message.sent": "taken"}


class BusyCores:
    """How many cores are busy, slot by slot, from when it is entered to when it is left."""

    def __init__(self) -> None:
        self.slots: list[float] = []
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        psutil.cpu_percent()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._over.wait(began + SLOT * (len(self.slots) + 1) - time.monotonic()):
            self.slots.append(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1))


def show(figures: Figures, app: AppContext, busy: BusyCores, *, due: datetime) -> None:
    """Show what became of the messages that fell due then (real time)."""
    slots = _slots(app, due)
    figures.title("The time line of the last turn")
    for number, cores in enumerate(busy.slots):
        told = "   ".join(f"{step} {slots[step, number]:5}" for step in STEPS.values())
        figures.say(f"due +{number * SLOT:.1f} s   {told}   cores {cores:.2f}")
    figures.add("cores busy", sum(busy.slots) / max(len(busy.slots), 1), "of the machine's")
    firsts = [first_of(app, action, due) for action in STEPS]
    for step, late in zip(STEPS.values(), firsts, strict=True):
        figures.add(f"the first {step}", late, "s after due")


def _slots(app: AppContext, due: datetime) -> Counter[tuple[str, int]]:
    """Return how many messages took each step in each slot."""
    query = select(AuditEvent.action, AuditEvent.real_at).where(
        AuditEvent.real_at >= due, AuditEvent.action.in_(STEPS)
    )
    with app.store.read() as session:
        return Counter(
            (STEPS[action], int((at - due) / timedelta(seconds=SLOT)))
            for action, at in session.execute(query)
        )


def first_of(app: AppContext, action: str, due: datetime) -> float:
    """Return how many seconds after `due` (real time) a step was first taken; before is below 0."""
    since = due - LONGEST_AHEAD
    query = select(AuditEvent.real_at).where(
        AuditEvent.real_at >= since, AuditEvent.action == action
    )
    with app.store.read() as session:
        first = session.scalar(query.order_by(AuditEvent.real_at).limit(1))
    return (first - due).total_seconds() if first else float("nan")
