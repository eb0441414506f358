"""XmR charts (individual values and moving ranges) as NHS England's "Making Data Count" draws them.

The rules and their order are those of the R package NHSRplotthedots (`ptd_spc_standard`,
`ptd_calculate_point_type`). Unlike it, and like the workbooks of Making Data Count, every moving
range counts towards the limits unless it is asked for otherwise (its vignette "Deviations from
Excel defaults").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import fmean

LEAST_POINTS = 12
"""With fewer, limits are too unsteady to show."""
LIMIT = 2.66
"""Mean moving ranges from the mean to a limit: three sigma, where two values make a range."""
NEAR = 2 * LIMIT / 3
"""From here on to the limit a point is near it."""
RUN = 7
"""So many in a row above the mean, below it, rising or falling are no chance."""
OUTLYING = 3.267
"""A moving range of so many mean ones is an outlier (Nelson 1982)."""
WINDOW, ENOUGH = 3, 2
"""Two of three in a row near the same limit are no chance either."""


class Signal(StrEnum):
    """Why a point is more than the usual variation; of several reasons the first one here."""

    ABOVE_LIMIT = "above-limit"
    BELOW_LIMIT = "below-limit"
    RISING = "rising"
    FALLING = "falling"
    NEAR_UPPER = "near-upper"
    NEAR_LOWER = "near-lower"
    RUN_ABOVE = "run-above"
    RUN_BELOW = "run-below"

    @property
    def is_high(self) -> bool:
        """Say whether the values are higher than usual, or rise."""
        return self in {Signal.ABOVE_LIMIT, Signal.RISING, Signal.NEAR_UPPER, Signal.RUN_ABOVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The mean, the limits, and what each value signals, in the order of the values."""

    mean: float
    lower: float
    upper: float
    signals: tuple[Signal | None, ...]


def chart_of(values: Sequence[float], *, screen_outliers: bool = False) -> Chart | None:
    """Return the chart of values in their order in time, or None for fewer than twelve."""
    if len(values) < LEAST_POINTS:
        return None
    mean, width = fmean(values), _mean_range(values, screen_outliers=screen_outliers)
    lower, upper = mean - LIMIT * width, mean + LIMIT * width
    return Chart(
        mean=mean,
        lower=lower,
        upper=upper,
        signals=tuple(_signals(values, mean=mean, limits=(lower, upper), near=NEAR * width)),
    )


def _mean_range(values: Sequence[float], *, screen_outliers: bool) -> float:
    ranges = [abs(later - earlier) for earlier, later in pairwise(values)]
    beyond = OUTLYING * fmean(ranges)
    usual = [one for one in ranges if one < beyond] if screen_outliers else ranges
    return fmean(usual) if usual else 0.0


def _signals(
    values: Sequence[float], *, mean: float, limits: tuple[float, float], near: float
) -> Iterator[Signal | None]:
    """Yield what each value signals: of several rules the first one in this order."""
    lower, upper = limits
    sides = [(value > mean) - (value < mean) for value in values]
    close = [lower <= value <= upper and abs(value - mean) > near for value in values]
    trends, lopsided, runs = _trends(values), _two_of_three(close, sides), _runs(sides)
    for value, side, trend, is_near, in_run in zip(
        values, sides, trends, lopsided, runs, strict=True
    ):
        if not lower <= value <= upper:
            yield Signal.ABOVE_LIMIT if side > 0 else Signal.BELOW_LIMIT
        elif trend:
            yield Signal.RISING if trend > 0 else Signal.FALLING
        elif is_near:
            yield Signal.NEAR_UPPER if side > 0 else Signal.NEAR_LOWER
        elif in_run:
            yield Signal.RUN_ABOVE if side > 0 else Signal.RUN_BELOW
        else:
            yield None


def _windows(length: int, size: int) -> Iterator[range]:
    return (range(start, start + size) for start in range(length - size + 1))


def _trends(values: Sequence[float]) -> list[int]:
    """Return 1 for each point of seven that rise, -1 of seven that fall, and 0 for the rest.

    A point where one trend ends and another begins belongs to the later one.
    """
    found = [0] * len(values)
    for window in _windows(len(values), RUN):
        steps = {
            (values[after] > values[before]) - (values[after] < values[before])
            for before, after in pairwise(window)
        }
        if steps in ({1}, {-1}):
            for index in window:
                found[index] = next(iter(steps))
    return found


def _runs(sides: Sequence[int]) -> list[bool]:
    """Say of each point whether it is one of seven on the same side of the mean."""
    found = [False] * len(sides)
    for window in _windows(len(sides), RUN):
        if abs(sum(sides[index] for index in window)) == RUN:
            for index in window:
                found[index] = True
    return found


def _two_of_three(close: Sequence[bool], sides: Sequence[int]) -> list[bool]:
    """Say of each point near a limit whether two of three on its side of the mean are so near."""
    found = [False] * len(close)
    for window in _windows(len(close), WINDOW):
        one_side = abs(sum(sides[index] for index in window)) == WINDOW
        if one_side and sum(close[index] for index in window) >= ENOUGH:
            for index in window:
                found[index] = found[index] or close[index]
    return found
