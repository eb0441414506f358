"""CSV export: what people open in a spreadsheet, in which nothing that others wrote calculates."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from zoneinfo import ZoneInfo

from starlette.responses import Response, StreamingResponse

from followup.web.console.framework.request import Here

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula, also in its full-width form (OWASP)."""
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
DATE_PART = re.compile(r"[0-9]{1,4}")
MARK = "\ufeff"
"""By this Excel knows that a file is UTF-8; without it names are not what they were."""


def written(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines of comma-separated values."""
    text = io.StringIO()
    csv.writer(text).writerows([[_plain(cell) for cell in row] for row in rows])
    return text.getvalue()


def file_name(here: Here, name: str, clinic: str | None) -> str:
    """Return the name of a file: what it is, of which clinic, and of which day there."""
    own = here.clinics[0] if len(here.clinics) == 1 else None
    day = here.app.clock.now().astimezone(here.zone_of(clinic or next(iter(here.clinics), None)))
    return f"{name}-{clinic or own or 'all-clinics'}-{day:%Y-%m-%d}.csv"


def noted(
    given: Mapping[str, str], offered: Mapping[str, Iterable[tuple[str, str]]]
) -> dict[str, object]:
    """Return what of a choice may stand in the trail: no words that a link brought along."""
    return {
        name: value
        for name, value in given.items()
        if value in dict(offered.get(name, ())) or DATE_PART.fullmatch(value)
    }


def csv_answer(lines: Iterable[str], *, name: str) -> Response:
    """Answer with lines of a table under the name of a file, as they are written."""
    return StreamingResponse(
        chain([MARK], lines),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def local_time(at: datetime | None, zone: ZoneInfo) -> str:
    """Return a time by the clinic's clock, as spreadsheets read one: 2026-10-19 14:30."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""


def utc_time(at: datetime | None) -> str:
    """Return a time in UTC to the second, for programs: 2026-10-19T13:30:00+00:00."""
    return at.isoformat(timespec="seconds") if at else ""


def _plain(cell: str) -> str:
    is_formula = cell.startswith(FORMULA) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell
