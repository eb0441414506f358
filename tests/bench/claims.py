"""How long it takes to claim a hundred due rows, whatever else is planned for later.

Tables are filled by the server itself: copies of a few patients' messages, due over six weeks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from statistics import median

from sqlalchemy import text

from followup.context import AppContext
from followup.sending.claim import claim_due
from followup.store.models.messages import Message
from tests.bench.crowd import add_crowd
from tests.bench.figures import Figures
from tests.bench.machinery import Machinery, stack_of

DUE = 100
TURNS = 15
WARM_UP = 3


def measure(machinery: Machinery, figures: Figures, *, sizes: Sequence[int]) -> None:
    figures.title(f"Claiming {DUE} due messages, medians of {TURNS} turns each")
    with ExitStack() as open_ones:
        apps = {size: open_ones.enter_context(filled(machinery, size)) for size in sizes}
        times: dict[int, list[float]] = {size: [] for size in sizes}
        # In turn, so that whatever else the machine does meets all sizes alike.
        for turn in range(WARM_UP + TURNS):
            for size, app in apps.items():
                seconds = _claim(app)
                if turn >= WARM_UP:
                    times[size].append(seconds)
    for size in sizes:
        figures.add(f"claim of {DUE} among {size:,} planned", 1000 * median(times[size]), "ms")
    for size in sizes[1:]:
        ratio = median(times[size]) / median(times[sizes[0]])
        figures.add(f"among {size:,} : among {sizes[0]:,}", ratio, wanted="at most 1.3")


@contextmanager
def filled(machinery: Machinery, size: int) -> Iterator[AppContext]:
    with stack_of(machinery, FOLLOWUP_BATCH_SIZE=str(DUE)) as (_, app):
        add_crowd(app, DUE, due=lambda _: app.clock.now() + timedelta(days=60))
        _copy(app, size)
        yield app


def _copy(app: AppContext, size: int) -> None:
    """Plan so many messages, with the indexes made afterwards: that takes a tenth of the time."""
    own = {"id", "generation", "due_at", "claimable_at", "not_before", "not_after"}
    same = [one.name for one in Message.__table__.c if one.name not in own]
    with app.store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text("SET statement_timeout = 0"))
        indexes = connection.execute(
            text(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'messages'"
                " AND indexname NOT LIKE 'pk_%' AND schemaname = 'public'"
            )
        ).all()
        for name, _ in indexes:
            connection.execute(text(f'DROP INDEX "{name}"'))
        copy = _COPY.format(same=", ".join(same), theirs=", ".join(f"base.{one}" for one in same))
        given = {"size": size, "due": DUE, "now": app.clock.now()}
        connection.execute(text(copy), given)
        for _, definition in indexes:
            connection.execute(text(definition.replace(":", "\\:")))
        connection.execute(text("VACUUM ANALYZE messages"))


_COPY = """
INSERT INTO messages (id, generation, due_at, claimable_at, not_before, not_after, {same})
SELECT gen_random_uuid(), 1 + n, at, at, at, at + interval '1 day', {theirs}
FROM (
    SELECT n, cast(:now AS timestamptz) + interval '1 day' * (1 + 42.0 * n / :size) AS at
    FROM generate_series(1, :size) n
) one
JOIN (SELECT row_number() OVER () AS place, * FROM messages) base ON place = 1 + n % :due
"""


def _claim(app: AppContext) -> float:
    """Let a hundred fall due, from anywhere in the table, and time their claim."""
    with app.store.write() as session:
        session.execute(
            text(
                "UPDATE messages SET claimable_at = :now, due_at = :now, not_before = :now"
                " WHERE id IN (SELECT id FROM messages WHERE state = 'planned'"
                " AND id > gen_random_uuid() ORDER BY id LIMIT :due)"
            ),
            {"now": app.clock.now(), "due": DUE},
        )
    started = time.perf_counter()
    batches = claim_due(app)
    seconds = time.perf_counter() - started
    claimed = sum(len(batch.message_ids) for batch in batches)
    if claimed != DUE:
        raise RuntimeError(f"{claimed} messages were claimed, not {DUE}")
    return seconds
