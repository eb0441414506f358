"""How long items of Needs attention took, by week, urgency and office hours; and as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from starlette.responses import Response

from followup.context import AppContext
from followup.domain.figures.weeks import weeks_between
from followup.figures.read_figures import ItemTimes, counted_at, first_week, read_times
from followup.web.console.framework.chart_drawing import Drawing, draw
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SIGNED_IN, Pages
from followup.web.console.framework.table_export import csv_answer, file_name, written
from followup.web.console.pages.figures.choice import Choice, choices, read_choice
from followup.web.console.pages.figures.messages import number_and_note
from followup.web.console.words.copies import copy_text
from followup.wording.figures import time_measure
from followup.wording.worklist import URGENCIES

NO_ITEMS = ItemTimes(items=0, looked=None, closed=None)
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was counted, since which week, and up to when."""

    first: date | None
    times: Mapping[tuple[int, bool], Mapping[date, ItemTimes]]
    counted_at: datetime | None


@pages.get("/figures/times", may=SIGNED_IN)
def show(here: Here) -> Response:
    choice = read_choice(here)
    found, read_from = here.app.from_replica(lambda app: _read(app, choice))
    weeks, drawings, items = _drawn(found, choice)
    return here.page(
        "figures/times.html",
        form=choice.form,
        choices={name: choices(here)[name] for name in ("weeks", "clinic")},
        counted_at=found.counted_at,
        copy=copy_text(read_from),
        zone=choice.zone,
        drawings=drawings,
        items=items,
        weeks=len(weeks),
        csv=choice.address("/figures/times.csv"),
    )


@pages.get("/figures/times.csv", may=SIGNED_IN)
def download(here: Here) -> Response:
    """Answer with a row for each week: medians in minutes, and what stands out about them."""
    choice = read_choice(here)
    found, _ = here.app.from_replica(lambda app: _read(app, choice))
    weeks, drawings, _ = _drawn(found, choice)
    heads = ["Week from", "Over"]
    for drawing in drawings:
        title = drawing.measure.title
        heads += [f"{title} (median minutes)", f"{title}: what stands out"]
    rows = [heads]
    for number, week in enumerate(weeks):
        row = [week.isoformat(), "no" if week == choice.running else "yes"]
        for drawing in drawings:
            row += number_and_note(drawing, number)
        rows.append(row)
    name = file_name(here, "response-times", choice.given.get("clinic"))
    return csv_answer([written(rows)], name=name)


def _read(app: AppContext, choice: Choice) -> Found:
    with app.store.read() as session:
        return Found(
            first=first_week(session, choice.chosen.clinics),
            times=read_times(session, choice.chosen),
            counted_at=counted_at(session, choice.chosen.clinics),
        )


def _drawn(found: Found, choice: Choice) -> tuple[list[date], list[Drawing], int]:
    """Return the weeks, a chart of each time that there is, and how many items they are about."""
    first = found.first
    weeks = weeks_between(max(first, choice.chosen.since), choice.running) if first else []
    drawings, items = [], 0
    for (urgency, in_hours), by_week in found.times.items():
        label = f"Respond {URGENCIES[urgency].label.lower()}"
        taken = [by_week.get(week, NO_ITEMS) for week in weeks]
        items += sum(one.items for one in taken)
        for closing in (False, True):
            measure = time_measure(urgency, label, in_hours=in_hours, closing=closing)
            values = [one.closed if closing else one.looked for one in taken]
            drawings.append(draw(measure, list(zip(weeks, values, strict=True)), choice.running))
    return weeks, drawings, items
