"""Figures of messages by week, as XmR charts with their tables; and as CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from starlette.responses import Response

from followup.context import AppContext
from followup.domain.figures.counted import Counted
from followup.domain.figures.weeks import weeks_between
from followup.figures.read_figures import WeekFigures, counted_at, first_week, read_weeks
from followup.web.console.framework.chart_drawing import Drawing, draw
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SIGNED_IN, Pages
from followup.web.console.framework.table_export import csv_answer, file_name, written
from followup.web.console.pages.figures.choice import Choice, choices, read_choice
from followup.web.console.words.copies import Copy, copy_text
from followup.web.console.words.filters import cause
from followup.wording.figures import (
    IN_WINDOW,
    LATE,
    MESSAGE_MEASURES,
    NOT_DELIVERED,
    REPLIES,
    SEGMENTS,
    STOPS,
    Measure,
    cost_text,
)

COUNTS: Mapping[Measure, Counted] = {
    LATE: Counted.LATE,
    NOT_DELIVERED: Counted.NOT_DELIVERED,
    REPLIES: Counted.REPLIES,
    STOPS: Counted.STOPS,
    SEGMENTS: Counted.SEGMENTS,
}
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The figures of every week asked for, the empty ones too, and up to when they were counted.

    `copy` tells of a copy of the database that they were read from, or that could not be read.
    """

    weeks: Mapping[date, WeekFigures]
    counted_at: datetime | None
    copy: Copy | None = None

    def drawn(self, measure: Measure, running: date) -> Drawing:
        return draw(
            measure, [(week, _value(measure, one)) for week, one in self.weeks.items()], running
        )


@pages.get("/figures", may=SIGNED_IN)
def show(here: Here) -> Response:
    choice = read_choice(here)
    found = find_weeks(here, choice)
    pence = here.app.policy.segment_pence
    segments = sum(one.number(Counted.SEGMENTS) for one in found.weeks.values())
    return here.page(
        "figures/messages.html",
        form=choice.form,
        choices=choices(here),
        counted_at=found.counted_at,
        copy=found.copy,
        zone=choice.zone,
        drawings=[found.drawn(measure, choice.running) for measure in MESSAGE_MEASURES],
        causes=_causes(found.weeks.values()),
        cost=cost_text(segments, pence) if pence is not None else None,
        pence=pence,
        segments=segments,
        csv=choice.address("/figures.csv"),
    )


@pages.get("/figures.csv", may=SIGNED_IN)
def download(here: Here) -> Response:
    """Answer with a row for each week; what the charts signal stands beside each figure."""
    choice = read_choice(here)
    found = find_weeks(here, choice)
    drawings = [found.drawn(measure, choice.running) for measure in MESSAGE_MEASURES]
    pence = here.app.policy.segment_pence
    heads = ["Week from", "Over", "Fell due", "Delivered in the window", "Not confirmed yet",
             "Under way"]  # fmt: skip
    for drawing in drawings:
        unit = " (%)" if drawing.measure.unit == "percent" else ""
        heads += [f"{drawing.measure.title}{unit}", f"{drawing.measure.title}: what stands out"]
    if pence is not None:
        heads.append("Cost of segments (£)")
    rows = [heads]
    for number, (week, one) in enumerate(found.weeks.items()):
        counts = (one.due, *(one.number(each) for each in
                  (Counted.IN_WINDOW, Counted.UNCONFIRMED, Counted.UNDER_WAY)))  # fmt: skip
        row = [week.isoformat(), "no" if week == choice.running else "yes", *map(str, counts)]
        for drawing in drawings:
            row += number_and_note(drawing, number)
        if pence is not None:
            row.append(f"{pence * one.number(Counted.SEGMENTS) / 100:.2f}")
        rows.append(row)
    name = file_name(here, "figures", choice.given.get("clinic"))
    return csv_answer([written(rows)], name=name)


def number_and_note(drawing: Drawing, number: int) -> list[str]:
    """Return the figure of a week for a spreadsheet, and what stands out about it."""
    point = drawing.points[number]
    return ["" if point.value is None else f"{point.value:.10g}", point.note]


def find_weeks(here: Here, choice: Choice) -> Found:
    """Return the weeks since the first one of which anything was counted, up to the running one."""
    found, read_from = here.app.from_replica(lambda app: _weeks(app, choice))
    return replace(found, copy=copy_text(read_from))


def _weeks(app: AppContext, choice: Choice) -> Found:
    chosen = choice.chosen
    with app.store.read() as session:
        first = first_week(session, chosen.clinics)
        counted = read_weeks(session, chosen)
        at = counted_at(session, chosen.clinics)
    if first is None:
        return Found(weeks={}, counted_at=at)
    weeks = weeks_between(max(first, chosen.since), choice.running)
    return Found(weeks={week: counted.get(week, WeekFigures()) for week in weeks}, counted_at=at)


def _value(measure: Measure, week: WeekFigures) -> float | None:
    if measure is IN_WINDOW:
        return week.in_window_percent
    return float(week.number(COUNTS[measure]))


def _causes(weeks: Iterable[WeekFigures]) -> list[tuple[str, int]]:
    """Return why messages were not delivered in all of the weeks, the most frequent first."""
    found: Counter[str] = Counter()
    for week in weeks:
        for code, number in week.causes.items():
            found[cause(code) or "No cause was given"] += number
    return found.most_common()
