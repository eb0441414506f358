"""Closing days: each is counted whole once it is over for long, and counted again now and then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import partial

import structlog
from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from followup.balance.tally import STRAY, Limits, day_bounds, tally, tally_ledger, unsettled
from followup.context import AppContext
from followup.store.closed_days import CLOSED_AFTER, Figures, figures_of, lock_day, set_figures
from followup.store.engine.upsert import insert_new
from followup.store.models.balance import BalanceDay
from followup.store.models.enrolments import Generation
from followup.store.models.messages import Message

CHECKED_AT_ONCE = 4
"""How many days a run counts again: five years of days are through within eight hours."""

log = structlog.get_logger()


def close_days(app: AppContext) -> int:
    """Close the next day that is over for long, or count some closed ones again; 0 is the end.

    A day in which something may still change, or which has a message that nothing takes care of,
    stays open: it is counted each time.
    """
    if app.store.transact(lambda session: _close_next(session, app)):
        return 1
    for day in _to_check(app):
        app.store.transact(partial(_count_again, app=app, day=day))
    return 0


def _close_next(session: Session, app: AppContext) -> bool:
    day = _next_day(session, app.clock.now() - CLOSED_AFTER)
    if day is None:
        return False
    row = {"day": day, "is_open": True, "checked_real_at": app.clock.real_now()}
    # Beaten to it, there may be another day.
    if insert_new(session, BalanceDay, row):
        set_figures(session, day, _count(session, app, day))
    return True


def _next_day(session: Session, until: datetime) -> date | None:
    """Return the first day after the last one closed that has messages or timelines, if over."""
    last = session.scalar(select(func.max(BalanceDay.day)))
    since = day_bounds(last)[1] if last is not None else None
    firsts = [
        session.scalar(select(func.min(column)).where(*([column >= since] if since else [])))
        for column in (Message.due_at, Generation.created_at)
    ]
    days = [first.date() for first in firsts if first is not None]
    return min((day for day in days if day_bounds(day)[1] <= until), default=None)


def _to_check(app: AppContext) -> list[date]:
    with app.store.read() as session:
        rows = session.scalars(
            select(BalanceDay.day).order_by(BalanceDay.checked_real_at).limit(CHECKED_AT_ONCE)
        )
        return list(rows)


def _count_again(session: Session, *, app: AppContext, day: date) -> None:
    row = lock_day(session, day)
    if row is None:
        return
    before, after = figures_of(session, day), _count(session, app, day)
    if row.is_open is not (after is None) or before != (after or {}):
        if not row.is_open:
            # Settled, and changed all the same: a late report, or something behind our back.
            log.warning("balance.day_changed", day=day.isoformat(), stays_closed=after is not None)
        set_figures(session, day, after)
    session.execute(
        update(BalanceDay).where(BalanceDay.day == day).values(checked_real_at=app.clock.real_now())
    )


def _count(session: Session, app: AppContext, day: date) -> Figures | None:
    """Count a day; return None where it has to stay open."""
    begin, end = day_bounds(day)
    of_day = (Message.due_at >= begin, Message.due_at < end)
    going_on = select(Message.id).where(*of_day, or_(*unsettled())).limit(1)
    if session.scalar(going_on) is not None:
        return None
    figures = tally(session, Limits.of(app), *of_day)
    if any(figure == STRAY for _, _, figure in figures):
        return None
    figures += tally_ledger(session, Generation.created_at >= begin, Generation.created_at < end)
    return figures


class Books:
    """Which days are closed as of now: what is not in them is to be counted.

    `cut` are days of which only a part is asked for. Counts of the same transaction fit, where that
    sees the database at one moment.
    """

    def __init__(self, session: Session, *, cut: Iterable[date] = ()) -> None:
        self._session = session
        last = session.scalar(select(func.max(BalanceDay.day)))
        self.until = day_bounds(last)[1] if last is not None else None
        self.open: frozenset[date] = frozenset()
        if self.until is not None:
            open_days = session.scalars(select(BalanceDay.day).where(BalanceDay.is_open.is_(True)))
            self.open = frozenset(open_days) | self._touched(self.until) | {*cut}

    def _touched(self, until: datetime) -> set[date]:
        """Return the days in which something is under way again that was settled."""
        return {
            moment.date()
            for condition in unsettled()
            for moment in self._session.scalars(
                select(Message.due_at).where(Message.due_at < until, condition).distinct()
            )
        }

    def outside(self, column: InstrumentedAttribute[datetime]) -> ColumnElement[bool] | None:
        """Return the condition that a moment is in no closed day; None where none is closed."""
        if self.until is None:
            return None
        parts = [column >= self.until]
        for day in sorted(self.open):
            begin, end = day_bounds(day)
            parts.append((column >= begin) & (column < end))
        return or_(*parts)
