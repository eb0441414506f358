"""FHIR times: how they are written, and what a search by one means.

A search value is a stretch of time: `2026-10-19` is that whole day. Without an offset it is in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from followup.domain.errors import InvalidInput

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
_VALUE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<time>\d\d:\d\d(:\d\d(\.\d{1,6})?)?)(?P<offset>Z|[+-]\d\d:\d\d)?)?)?)?"
)
_SPACE_FOR_PLUS = re.compile(r" (?=\d\d:\d\d$)")
MONTHS = 12


def instant(at: datetime) -> str:
    """Return a time as FHIR writes it: UTC, to the millisecond, ending in Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateSearch:
    """One value of a search by time: the prefix, and the stretch from `low` to before `high`."""

    prefix: str
    low: datetime
    high: datetime

    def condition(self, column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        """Return the condition on a column that holds a moment."""
        match self.prefix:
            case "ne":
                return (column < self.low) | (column >= self.high)
            case "gt" | "sa":
                return column >= self.high
            case "lt" | "eb":
                return column < self.low
            case "ge":
                return column >= self.low
            case "le":
                return column < self.high
            case _:
                return (column >= self.low) & (column < self.high)


def parse_date_search(text: str, *, name: str) -> DateSearch:
    """Return what a value asks for; raise `InvalidInput` that names the parameter."""
    match = _VALUE.fullmatch(_SPACE_FOR_PLUS.sub("+", text.strip()))
    prefix = (match["prefix"] or "eq") if match else ""
    if match is None or prefix not in PREFIXES:
        raise InvalidInput.of(
            name,
            "write a date or time, with one of these in front where it is not that one alone: "
            f"{', '.join(PREFIXES)}; as in ge2026-10-19 or lt2026-10-19T14:30:00Z",
        )
    try:
        low, high = _stretch(match)
    except (ValueError, OverflowError):
        raise InvalidInput.of(name, "there is no such date or time") from None
    return DateSearch(prefix=prefix, low=low, high=high)


def _stretch(match: re.Match[str]) -> tuple[datetime, datetime]:
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    if match["month"] is None:
        return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    if match["day"] is None:
        following = (year + 1, 1) if month == MONTHS else (year, month + 1)
        return datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
    if match["time"] is None:
        low = datetime(year, month, day, tzinfo=UTC)
        return low, low + timedelta(days=1)
    offset = (match["offset"] or "Z").replace("Z", "+00:00")
    low = datetime.fromisoformat(f"{year:04d}-{month:02d}-{day:02d}T{match['time']}{offset}")
    return low.astimezone(UTC), low.astimezone(UTC) + _precision(match["time"])


def _precision(time: str) -> timedelta:
    _, dot, fraction = time.partition(".")
    if dot:
        return timedelta(microseconds=10 ** (6 - len(fraction)))
    return timedelta(seconds=1) if time.count(":") > 1 else timedelta(minutes=1)
