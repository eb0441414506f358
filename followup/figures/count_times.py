"""How long the items of one week took: to the first look and to closing, in and out of hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.catalogue.bank_holidays import office_is_open
from followup.domain.clinics.clinic import Clinic
from followup.domain.item_outcome import SETTLED_OUTCOMES
from followup.figures.count_messages import ClinicWeek
from followup.store.models.worklist import WorklistItem

STATES = ("open", "taken", "closed")


@dataclass(slots=True)
class _Taken:
    items: int = 0
    looked: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)


def count_times(session: Session, wanted: ClinicWeek, clinic: Clinic) -> Iterator[dict[str, Any]]:
    """Yield a row of `WeekTimes` for each urgency, in office hours and out of them.

    What settled without anybody is left out: nobody took any time over it.
    """
    found: dict[tuple[int, bool], _Taken] = defaultdict(_Taken)
    rows = session.execute(
        select(
            WorklistItem.urgency,
            WorklistItem.opened_at,
            WorklistItem.looked_at,
            WorklistItem.closed_at,
            WorklistItem.outcome,
        ).where(
            WorklistItem.clinic == wanted.clinic,
            # All of them, so that the index by state and time serves.
            WorklistItem.state.in_(STATES),
            wanted.within(WorklistItem.opened_at),
        )
    )
    for urgency, opened_at, looked_at, closed_at, outcome in rows:
        if outcome in SETTLED_OUTCOMES:
            continue
        taken = found[urgency, office_is_open(clinic, opened_at)]
        taken.items += 1
        if looked_at is not None:
            taken.looked.append(_minutes(opened_at, looked_at))
        if closed_at is not None:
            taken.closed.append(_minutes(opened_at, closed_at))
    for (urgency, in_hours), taken in found.items():
        yield {
            "clinic": wanted.clinic,
            "week": wanted.week,
            "urgency": urgency,
            "in_hours": in_hours,
            "items": taken.items,
            "looked_minutes": sorted(taken.looked),
            "closed_minutes": sorted(taken.closed),
        }


def _minutes(since: datetime, until: datetime) -> int:
    return max(int((until - since).total_seconds() // 60), 0)
