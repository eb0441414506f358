"""Rows that PostgreSQL reads for some work: what a page costs, whatever else the machine does.

assert rows_read(app, lambda: balance(app)) < 500
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import event

from followup.context import AppContext


def rows_read(app: AppContext, work: Callable[[], object]) -> int:
    """Return how many rows, also of indexes, the statements of `work` look at on PostgreSQL."""
    return sum(_looked_at(node) for found in explained(app, work) for node in _nodes(found["Plan"]))


def explained(app: AppContext, work: Callable[[], object]) -> list[dict[str, Any]]:
    """Return what PostgreSQL says of the statements of `work`: plans, and times in milliseconds.

    They are run a second time for it: `work` is to read alone.
    """
    asked: list[tuple[str, Any]] = []

    def note(*given: Any) -> None:
        asked.append((given[2], given[3]))

    event.listen(app.store.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(app.store.engine, "before_cursor_execute", note)
    with app.store.engine.connect() as connection:
        return [
            connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given
            ).scalar_one()[0]
            for statement, given in asked
            if statement.lstrip().startswith(("SELECT", "WITH"))
        ]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _looked_at(node: dict[str, Any]) -> int:
    if "Scan" not in node["Node Type"]:
        return 0
    each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return round(each * node["Actual Loops"])
