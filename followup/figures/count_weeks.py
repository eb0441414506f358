"""The job that counts weeks: the running one again and again, those that are over till they settle.

A page would have to look at every message of half a year; these tables hold a few hundred rows for
each week instead. A week that is over is counted again each day for five weeks, for receipts come
late and items are closed late, and then once in a quarter, as a check against what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import RowMapping, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.clinics.clinic import Clinic
from followup.domain.figures.weeks import WEEK, bounds_of, week_of, weeks_between
from followup.figures.count_messages import ClinicWeek, count_messages
from followup.figures.count_times import count_times
from followup.store.models.figures import WeekCount, WeekCounted, WeekTimes
from followup.store.models.messages import Message

RUNNING_AGAIN = timedelta(minutes=10)
SETTLING = 5 * WEEK
SETTLING_AGAIN = timedelta(days=1)
SETTLED_AGAIN = timedelta(days=91)
"""After how long a week is counted again: while it runs, in the weeks after it, and later."""
MOST_WEEKS = 105
"""So far back weeks are counted: two years, and the one that runs."""

log = structlog.get_logger()


def count_weeks(app: AppContext) -> int:
    """Count the week that has waited longest, of those that should be; return 1, or 0 for none."""
    now = app.clock.now()
    with app.store.read() as session:
        stale = next(_stale(session, app.catalogue.clinics, now), None)
    if stale is None:
        return 0
    clinic, week, is_check = stale
    wanted = ClinicWeek(clinic=clinic.key, week=week, zone=clinic.zone, now=now)
    changed = app.store.transact(lambda session: count_week(session, wanted, clinic))
    if changed and is_check:
        log.warning("figures.corrected", clinic=clinic.key, week=str(week))
    return 1


def count_week(session: Session, wanted: ClinicWeek, clinic: Clinic) -> bool:
    """Count a week anew in place of what was counted; return whether that came to something else.

    Two at once are safe: the second one waits for the first at the week's own row.
    """
    _note(session, wanted)
    changed = False
    counted = list(count_messages(session, wanted))
    times = list(count_times(session, wanted, clinic))
    for table, rows in ((WeekCount, counted), (WeekTimes, times)):
        of_week = (table.clinic == wanted.clinic, table.week == wanted.week)
        names = [each.name for each in table.__table__.columns]
        before = session.execute(select(table.__table__).where(*of_week)).mappings().all()
        if _in_order(before, names) == _in_order(rows, names):
            continue
        changed = True
        session.execute(delete(table).where(*of_week))
        if rows:
            session.execute(insert(table), rows)
    return changed


def _in_order(rows: Sequence[RowMapping | dict[str, Any]], names: Sequence[str]) -> list[str]:
    return sorted(repr([row[name] for name in names]) for row in rows)


def _note(session: Session, wanted: ClinicWeek) -> None:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert_one = sqlite.insert if is_sqlite else postgresql.insert
    row = {"clinic": wanted.clinic, "week": wanted.week, "counted_at": wanted.now}
    session.execute(
        insert_one(WeekCounted)
        .values(**row)
        .on_conflict_do_update(index_elements=["clinic", "week"], set_={"counted_at": wanted.now})
    )


def _stale(
    session: Session, clinics: Mapping[str, Clinic], now: datetime
) -> Iterator[tuple[Clinic, date, bool]]:
    """Yield the weeks that should be counted, the latest first; the flag is of a mere check."""
    first = session.scalar(select(func.min(Message.due_at)))
    if first is None:
        return
    counted = {
        (row.clinic, row.week): row.counted_at for row in session.scalars(select(WeekCounted))
    }
    for week, key in sorted(
        ((week, one.key) for one in clinics.values() for week in _weeks(one, first, now)),
        reverse=True,
    ):
        clinic, counted_at = clinics[key], counted.get((key, week))
        if _is_stale(counted_at, clinic, week, now):
            settled = bounds_of(week, clinic.zone)[1] + SETTLING
            yield clinic, week, counted_at is not None and counted_at > settled


def _weeks(clinic: Clinic, first: datetime, now: datetime) -> list[date]:
    last = week_of(now, clinic.zone)
    return weeks_between(week_of(min(first, now), clinic.zone), last)[-MOST_WEEKS:]


def _is_stale(counted_at: datetime | None, clinic: Clinic, week: date, now: datetime) -> bool:
    _, ends = bounds_of(week, clinic.zone)
    if counted_at is None or counted_at < ends <= now:
        return True
    if now < ends:
        again = RUNNING_AGAIN
    else:
        again = SETTLING_AGAIN if now < ends + SETTLING else SETTLED_AGAIN
    return counted_at + again <= now
