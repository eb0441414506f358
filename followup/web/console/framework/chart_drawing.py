"""XmR charts as the templates draw them: places in an SVG of 400 by 164, and what stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from followup.domain.figures.xmr import LEAST_POINTS, Chart, Signal, chart_of
from followup.wording.figures import SIGNALS, Measure, axis_end, axis_text, figure_text
from followup.wording.formats import count

LEFT, RIGHT, TOP, BOTTOM = 56, 392, 12, 140
"""Where values are drawn; on the left and below stand the words of the axes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The figure of one week, None where there is none; `mark` is how it is drawn."""

    week: date
    value: float | None
    text: str
    running: bool
    signal: Signal | None = None
    mark: str = "usual"
    x: float = 0.0
    y: float = 0.0

    @property
    def note(self) -> str:
        """What is to be said of this week, if anything."""
        if self.running:
            return "not over yet"
        return SIGNALS[self.signal] if self.signal else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One chart. Lines are heights, None where they are not drawn."""

    measure: Measure
    points: Sequence[Point]
    top: float
    floor: float
    path: str
    chart: Chart | None
    mean_y: float | None
    lower_y: float | None
    upper_y: float | None

    @property
    def standing_out(self) -> Sequence[tuple[date, date, str, str]]:
        """What stands out: first and last week, the figure of a single one, and the words."""
        found = []
        for signal, group in groupby(self.points, key=lambda point: point.signal):
            weeks = list(group)
            if signal is not None:
                told = weeks[0].text if len(weeks) == 1 else ""
                found.append((weeks[0].week, weeks[-1].week, told, SIGNALS[signal]))
        return found

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to draw."""
        return not any(point.value for point in self.points)

    @property
    def top_text(self) -> str:
        return axis_text(self.top, self.measure.unit)

    @property
    def floor_text(self) -> str:
        return axis_text(self.floor, self.measure.unit)

    @property
    def summary(self) -> str:
        """What the chart says in a sentence or two."""
        if self.is_empty:
            return "None in these weeks."
        over = sum(not point.running and point.value is not None for point in self.points)
        if self.chart is None:
            return f"{count(over, 'week')} with a figure. Limits need {LEAST_POINTS}."
        unit = self.measure.unit
        upper, lower = figure_text(self.chart.upper, unit), figure_text(self.chart.lower, unit)
        limits = f"between {lower} and {upper}"
        if self.lower_y is None:
            limits = f"at most {upper}" if self.upper_y is not None else "anywhere"
        elif self.upper_y is None:
            limits = f"at least {lower}"
        return f"Mean {figure_text(self.chart.mean, unit)}. Usual: {limits}."


def draw(measure: Measure, figures: Sequence[tuple[date, float | None]], running: date) -> Drawing:
    """Return the chart of a figure by week; the week that runs counts for nothing in it."""
    over = [value for week, value in figures if value is not None and week != running]
    chart = chart_of(over)
    top, floor = _bounds(measure, [value for _, value in figures if value is not None], chart)
    signals = iter(chart.signals if chart else [None] * len(over))
    step = (RIGHT - LEFT) / max(len(figures) - 1, 1)
    points = []
    for number, (week, value) in enumerate(figures):
        signal = next(signals) if value is not None and week != running else None
        points.append(
            Point(
                week=week,
                value=value,
                text=figure_text(value, measure.unit),
                running=week == running,
                signal=signal,
                mark=_mark(measure, signal),
                x=round(LEFT + number * step, 1),
                y=_height(value or 0.0, top, floor),
            )
        )
    return Drawing(
        measure=measure,
        points=points,
        top=top,
        floor=floor,
        path=_path(points),
        chart=chart,
        mean_y=_line(chart.mean if chart else None, top, floor),
        lower_y=_line(chart.lower if chart else None, top, floor),
        upper_y=_line(chart.upper if chart else None, top, floor),
    )


def _bounds(measure: Measure, values: Sequence[float], chart: Chart | None) -> tuple[float, float]:
    """Return the highest and the lowest value that the chart shows."""
    shown = [*values, *((chart.lower, chart.upper) if chart else ())]
    if measure.unit == "percent":
        return 100.0, max(0.0, min(shown, default=0.0) // 10 * 10 - 10)
    return axis_end(max([*shown, 1.0]), measure.unit), 0.0


def _height(value: float, top: float, floor: float) -> float:
    return round(BOTTOM - (value - floor) / (top - floor) * (BOTTOM - TOP), 1)


def _line(value: float | None, top: float, floor: float) -> float | None:
    """Return the height of a line; None for a limit that no figure can reach."""
    return None if value is None or not floor <= value <= top else _height(value, top, floor)


def _path(points: Sequence[Point]) -> str:
    """Return the line through the figures of weeks that are over; it breaks where there is none."""
    commands, pen = [], "M"
    for point in points:
        if point.value is None or point.running:
            pen = "M"
            continue
        commands.append(f"{pen}{point.x} {point.y}")
        pen = "L"
    return "".join(commands)


def _mark(measure: Measure, signal: Signal | None) -> str:
    if signal is None:
        return "usual"
    if measure.better == 0:
        return "other"
    return "better" if signal.is_high == (measure.better > 0) else "worse"
