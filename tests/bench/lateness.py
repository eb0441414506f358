"""How late messages are that fall due one after the other, by the time of the database's rows."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import quantiles

from sqlalchemy import select

from followup.context import AppContext
from followup.store.models.messages import Attempt, Message
from tests.bench.crowd import add_crowd
from tests.bench.figures import Figures
from tests.bench.machinery import Machinery, stack_of, wait_until_sent

A_SECOND = 50


def measure(machinery: Machinery, figures: Figures, *, seconds: int) -> None:
    figures.title(f"Lateness at {A_SECOND} messages a second for {seconds} s, due to accepted")
    with stack_of(machinery) as (stack, app):
        for _ in range(2):
            stack.worker()
        stack.beat()
        add_crowd(app, A_SECOND, due=lambda _: app.clock.now())
        wait_until_sent(app, seconds=60)
        start = app.clock.now() + timedelta(seconds=3)
        count = A_SECOND * seconds
        add_crowd(app, count, due=lambda serial: start + timedelta(seconds=serial / A_SECOND))
        time.sleep(max((start - app.clock.now()).total_seconds() + seconds, 0))
        wait_until_sent(app, seconds=120)
        late = _late(app, count)
    cuts = quantiles(late, n=100)
    figures.add("half of the messages within", cuts[49], "s")
    figures.add("99 of 100 within", cuts[98], "s", wanted="less than 3")
    figures.add("the last within", max(late), "s")


def _late(app: AppContext, count: int) -> list[float]:
    """Return by how many seconds each was late; the clock runs at the speed of time here."""
    with app.store.read() as session:
        rows = session.execute(
            select(Message.due_at, Attempt.finished_at)
            .join(Attempt, Attempt.message_id == Message.id)
            .order_by(Message.due_at.desc())
            .limit(count)
        ).all()
    return [(row.finished_at - row.due_at).total_seconds() for row in rows]
