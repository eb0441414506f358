"""Weekly figures: what they are called, what they mean, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import Protocol

from followup.domain.figures.xmr import Signal
from followup.domain.lifecycle import State
from followup.wording.formats import count

SIGNALS: dict[Signal, str] = {
    Signal.ABOVE_LIMIT: "above the upper limit",
    Signal.BELOW_LIMIT: "below the lower limit",
    Signal.RISING: "seven or more weeks that rise",
    Signal.FALLING: "seven or more weeks that fall",
    Signal.NEAR_UPPER: "two of three weeks near the upper limit",
    Signal.NEAR_LOWER: "two of three weeks near the lower limit",
    Signal.RUN_ABOVE: "seven or more weeks above the mean",
    Signal.RUN_BELOW: "seven or more weeks below the mean",
}
"""What stands out about a week, or about several, after the date and a colon."""

BALANCE_MEANINGS: dict[str, str] = {
    "delivered": "the carrier confirmed that they arrived",
    "sent": "the provider took them; no receipt yet",
    "with_a_person": "a person was asked to look, phone or decide",
    "suppressed": "held back: objection, no address",
    "expired": "their window was over before they could go",
    "cancelled": "no longer wanted: withdrawn, rescheduled",
    "held": "paused by a person or a kill switch",
    "in_progress": "on their way now",
}
"""Every class of the balance in which a message is accounted for."""

BALANCE_LABELS: dict[str, str] = {
    "delivered": "Delivered",
    "sent": "Sent",
    "with_a_person": "Asked a person",
    "suppressed": "Not sent",
    "expired": "Too late to send",
    "cancelled": "Cancelled",
    "held": "On hold",
    "in_progress": "Being sent",
}

HOURS = {True: "in office hours", False: "out of hours"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure for each week. `better` is 1 where more is better, -1 where less is, else 0.

    `unit` says how it is written: `percent`, `count` or `minutes`.
    """

    key: str
    title: str
    meaning: str
    unit: str
    better: int


IN_WINDOW = Measure(
    key="in-window",
    title="Delivered in the window",
    meaning="Of the messages that fell due and are not under way: texts that were delivered before "
    "it was too late, and e-mails that were sent and did not come back.",
    unit="percent",
    better=1,
)
LATE = Measure(
    key="late",
    title="Delivered late",
    meaning="Delivered when the time for the message was over.",
    unit="count",
    better=-1,
)
NOT_DELIVERED = Measure(
    key="not-delivered",
    title="Not delivered",
    meaning="Failed, too late to send, or not sent because of an objection or for want of an "
    "address. A text that failed and was sent by e-mail instead counts here too.",
    unit="count",
    better=-1,
)
REPLIES = Measure(
    key="replies",
    title="Replies",
    meaning="Texts from patients. Each counts with the last text that the patient was sent before.",
    unit="count",
    better=0,
)
STOPS = Measure(
    key="stops",
    title="Stops",
    meaning="Patients who stopped messages. Each counts with the last message that the patient was "
    "sent before.",
    unit="count",
    better=-1,
)
SEGMENTS = Measure(
    key="segments",
    title="Text segments",
    meaning="What the provider charges by: a long text is several segments. Answers and tests of "
    "numbers are included.",
    unit="count",
    better=0,
)
MESSAGE_MEASURES = (IN_WINDOW, LATE, NOT_DELIVERED, REPLIES, STOPS, SEGMENTS)


def time_measure(urgency: int, label: str, *, in_hours: bool, closing: bool) -> Measure:
    """Return the measure of how long items of an urgency took; `label` is what it is called."""
    what = "closing" if closing else "first look"
    return Measure(
        key=f"{'close' if closing else 'look'}-{urgency}-{'in' if in_hours else 'out'}",
        title=f"{label}: time to {what}, {HOURS[in_hours]}",
        meaning=f"The median of the items that came up {HOURS[in_hours]} in the week.",
        unit="minutes",
        better=-1,
    )


def figure_text(value: float | None, unit: str) -> str:
    """Return a figure with its unit: 97.5%, 1,204, 1 h 20 min, 2 d 3 h."""
    if value is None:
        return "none"
    if unit == "percent":
        return f"{value:.1f}%"
    if unit == "count":
        return f"{value:,.1f}".removesuffix(".0")
    return minutes_text(value)


def axis_text(value: float, unit: str) -> str:
    """Return the end of an axis in few characters: 100%, 143, 3 h."""
    return f"{value:.0f}%" if unit == "percent" else figure_text(value, unit)


def axis_end(value: float, unit: str) -> float:
    """Return where an axis ends that reaches a value: a whole number of what it is told in."""
    if unit == "minutes":
        per = next(each for each in (1440, 60, 1) if value > 2 * each or each == 1)
        return float(ceil(value / per) * per)
    return float(ceil(value))


def minutes_text(minutes: float) -> str:
    """Return minutes in the two largest units that tell something."""
    whole = round(minutes)
    days, hours = divmod(whole, 1440)[0], whole % 1440 // 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {whole % 60} min" if whole % 60 else f"{hours} h"
    return f"{whole} min"


class Counting(Protocol):
    """A message that may go as a text of so many segments."""

    @property
    def segments(self) -> int | None: ...

    @property
    def state(self) -> str: ...


def cost_of(messages: Iterable[Counting], pence: Decimal | None) -> str:
    """Return what texts that are planned come to, after their number: `, 14 segments, 55p`."""
    planned = [one.segments or 0 for one in messages if one.state == State.PLANNED.value]
    segments = sum(planned)
    if not segments:
        return ""
    cost = f", {cost_text(segments, pence)}" if pence is not None else ""
    return f": {count(segments, 'text segment')}{cost}"


def cost_text(segments: int, pence: Decimal) -> str:
    """Return what so many segments cost at a price in pence: 3.9p, £12.48."""
    total = pence * segments
    if total < 100:  # noqa: PLR2004 - a pound
        return f"{total.quantize(Decimal('0.1'), ROUND_HALF_UP).normalize():f}p"
    return f"£{(total / 100).quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
