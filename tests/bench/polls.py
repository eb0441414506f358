"""How long a look for due messages takes when there are none, also after very many have left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from sqlalchemy import text

from followup.context import AppContext
from followup.sending.claim import claim_due
from tests.bench.claims import filled
from tests.bench.figures import Figures
from tests.bench.machinery import Machinery
from tests.support.rows_read import explained, rows_read

TURNS = 400
LEFT_OF_TEN = 1
"""How many of ten messages leave the queue."""


def measure(machinery: Machinery, figures: Figures, *, sizes: Sequence[int]) -> None:
    """Measure each size by itself: planned messages alone, then with a tenth of them sent."""
    figures.title(
        f"Looking for due messages where there are none, the quickest of {TURNS} looks, as other "
        "work on the machine slows the rest"
    )
    for size in sizes:
        with filled(machinery, size) as app:
            figures.add(f"among {size:,} planned", _poll(app), "ms", wanted="under 2 ms")
            left = size * LEFT_OF_TEN // 10
            _leave(app, left)
            figures.add(f"among {size:,}, the first after {left:,} left", _poll(app, 1), "ms")
            figures.add(f"among {size:,}, those that follow", _poll(app), "ms", wanted="under 2 ms")
            look = partial(claim_due, app)
            inside = [
                sum(asked["Execution Time"] for asked in explained(app, look)) for _ in range(TURNS)
            ]
            figures.add(f"among {size:,}, of these in the database", min(inside), "ms")
            figures.add(f"among {size:,}, rows looked at", rows_read(app, look))


def _poll(app: AppContext, turns: int = TURNS) -> float:
    times = []
    for _ in range(turns):
        started = time.perf_counter()
        if claim_due(app):
            raise RuntimeError("there was something due")
        times.append(time.perf_counter() - started)
    return 1000 * min(times)


def _leave(app: AppContext, left: int) -> None:
    """Have so many messages fall due and be sent, as no vacuum has noticed yet."""
    with app.store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        for change in ("claimable_at = :now", "state = 'sent', receipt_due_at = NULL"):
            connection.execute(
                text(
                    f"UPDATE messages SET {change} WHERE id IN ("
                    "SELECT id FROM messages WHERE state = 'planned'"
                    " ORDER BY priority, channel, claimable_at LIMIT :left)"
                ),
                {"now": app.clock.now(), "left": left},
            )
