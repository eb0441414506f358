"""Closed days: sums of the balance that stand, and what takes a day out of them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from followup.store.engine.upsert import insert_new
from followup.store.models.balance import BalanceDay, BalanceFigure, BalanceTotal

CLOSED_AFTER = timedelta(days=14)
"""How long a day is over (service time) before it is closed: receipts and windows have ended."""

Key = tuple[str, str, str]
"""A clinic, a protocol (empty: none), and what is counted."""
Figures = Counter[Key]


def reopen_days(session: Session, moments: Iterable[datetime], *, at_real: datetime) -> None:
    """Count the days of these moments anew from now on: rows are added to them.

    For whoever writes rows of the past. Days that are not over for long are left as they are.
    """
    days = {moment.astimezone(UTC).date() for moment in moments}
    last = session.scalar(select(func.max(BalanceDay.day)))
    for day in sorted(each for each in days if last is not None and each <= last):
        row = {"day": day, "is_open": True, "checked_real_at": at_real}
        if not insert_new(session, BalanceDay, row):
            lock_day(session, day)
        set_figures(session, day, None)


def lock_day(session: Session, day: date) -> BalanceDay | None:
    """Return a day, locked: its figures change only with it."""
    return session.scalar(select(BalanceDay).where(BalanceDay.day == day).with_for_update())


def figures_of(session: Session, day: date) -> Figures:
    """Return the figures of one closed day."""
    rows = session.scalars(select(BalanceFigure).where(BalanceFigure.day == day))
    return Counter({(row.clinic, row.protocol, row.figure): row.count for row in rows})


def set_figures(session: Session, day: date, figures: Mapping[Key, int] | None) -> None:
    """Write what was counted in a day, which the caller has locked; None opens it.

    The sums of all days follow in the same transaction.
    """
    before, after = figures_of(session, day), Counter(figures or {})
    session.execute(delete(BalanceFigure).where(BalanceFigure.day == day))
    if after:
        session.execute(
            BalanceFigure.__table__.insert(),  # type: ignore[attr-defined]
            [_row(key, count) | {"day": day} for key, count in after.items()],
        )
    after.subtract(before)
    _add(session, {key: change for key, change in after.items() if change})
    session.execute(update(BalanceDay).where(BalanceDay.day == day).values(is_open=figures is None))


def _add(session: Session, changes: Mapping[Key, int]) -> None:
    if not changes:
        return
    insert = (sqlite.insert if _is_sqlite(session) else postgresql.insert)(BalanceTotal)
    # In order, so that two that add at once wait for each other and not in a ring.
    session.execute(
        insert.values(
            [_row(key, change) for key, change in sorted(changes.items())]
        ).on_conflict_do_update(
            index_elements=["clinic", "protocol", "figure"],
            set_={"count": BalanceTotal.count + insert.excluded.count},
        )
    )


def _row(key: Key, count: int) -> dict[str, object]:
    return dict(zip(("clinic", "protocol", "figure"), key, strict=True)) | {"count": count}


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
