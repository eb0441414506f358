"""Reads weekly figures from what was counted, for one choice of clinic, protocol and so on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from followup.domain.figures.counted import FELL_DUE, Counted
from followup.store.models.figures import WeekCount, WeekCounted, WeekTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Whose figures, of what, and since which Monday; None or the empty text is all."""

    clinics: Collection[str]
    since: date
    protocol: str = ""
    step: str = ""
    channel: str = ""
    language: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the choice as conditions on counts."""
        by = {"protocol": self.protocol, "step": self.step, "channel": self.channel,
              "language": self.language}  # fmt: skip
        wanted = [getattr(WeekCount, name) == value for name, value in by.items() if value]
        return [WeekCount.clinic.in_(self.clinics), WeekCount.week >= self.since, *wanted]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekFigures:
    """What was counted of one week; `causes` are why messages were not delivered."""

    numbers: Mapping[Counted, int] = field(default_factory=dict)
    causes: Mapping[str, int] = field(default_factory=dict)

    def number(self, what: Counted) -> int:
        return self.numbers.get(what, 0)

    @property
    def due(self) -> int:
        """How many messages fell due."""
        return sum(self.number(what) for what in FELL_DUE)

    @property
    def in_window_percent(self) -> float | None:
        """The share that arrived in their window, of those that are not under way any more."""
        ended = self.due - self.number(Counted.UNDER_WAY)
        return 100 * self.number(Counted.IN_WINDOW) / ended if ended else None


def read_weeks(session: Session, chosen: Chosen) -> dict[date, WeekFigures]:
    """Return what was counted of each week in which anything was, the first one first."""
    numbers: dict[date, dict[Counted, int]] = defaultdict(lambda: defaultdict(int))
    causes: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = session.execute(
        select(WeekCount.week, WeekCount.what, WeekCount.cause, func.sum(WeekCount.number))
        .where(*chosen.conditions())
        .group_by(WeekCount.week, WeekCount.what, WeekCount.cause)
    )
    for week, what, cause, number in rows:
        numbers[week][Counted(what)] += number
        if what == Counted.NOT_DELIVERED:
            causes[week][cause] += number
    return {
        week: WeekFigures(numbers=dict(numbers[week]), causes=dict(causes[week]))
        for week in sorted(numbers)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTimes:
    """How long the items of one week took; the minutes are medians, None where there are none."""

    items: int
    looked: float | None
    closed: float | None


def read_times(session: Session, chosen: Chosen) -> dict[tuple[int, bool], dict[date, ItemTimes]]:
    """Return for each urgency, in office hours and out of them, how long the items took by week."""
    found: dict[tuple[int, bool], dict[date, list[WeekTimes]]] = defaultdict(
        lambda: defaultdict(list)
    )
    rows = session.scalars(
        select(WeekTimes)
        .where(WeekTimes.clinic.in_(chosen.clinics), WeekTimes.week >= chosen.since)
        .order_by(WeekTimes.urgency, WeekTimes.in_hours.desc(), WeekTimes.week)
    )
    for row in rows:
        found[row.urgency, row.in_hours][row.week].append(row)
    return {
        key: {
            week: ItemTimes(
                items=sum(part.items for part in parts),
                looked=_median([each for part in parts for each in part.looked_minutes]),
                closed=_median([each for part in parts for each in part.closed_minutes]),
            )
            for week, parts in by_week.items()
        }
        for key, by_week in found.items()
    }


def counted_at(session: Session, clinics: Collection[str]) -> datetime | None:
    """Return up to when all of these clinics were counted last; None before the first time."""
    latest = (
        select(func.max(WeekCounted.counted_at).label("at"))
        .where(WeekCounted.clinic.in_(clinics))
        .group_by(WeekCounted.clinic)
        .subquery()
    )
    at: datetime | None = session.scalar(select(func.min(latest.c.at)))
    return at


def first_week(session: Session, clinics: Collection[str]) -> date | None:
    """Return the first Monday of which anything of these clinics was counted."""
    return session.scalar(select(func.min(WeekCount.week)).where(WeekCount.clinic.in_(clinics)))


def _median(minutes: list[int]) -> float | None:
    return float(median(minutes)) if minutes else None
