"""Rules that a protocol must keep beyond its shape, checked on a rehearsal of each hour of a day.

Whether a window is ever open can depend on the hour of the procedure ("day 0 at 19:00"), so every
step is played through for 24 patients, one treated at each hour of an ordinary day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from followup.domain.errors import Problem
from followup.domain.file_shape import did_you_mean
from followup.domain.protocols.protocol import Step
from followup.domain.protocols.timing import Procedure, bound_of, end_of, target_of

_HOURS = (*range(9, 18), *range(9), *range(18, 24))
"""Those of a working day first, so that a complaint names one of them where it can."""
_ORDINARY_DAY = datetime(2026, 6, 10, tzinfo=UTC)


def rule_problems(
    data: Mapping[str, object], *, steps: Sequence[Step], complete: bool
) -> list[Problem]:
    """Return every breach of a rule by the steps that are in good shape.

    `data` is the content of the file; `complete` says that no step had to be left out, so that an
    attribute that none of them uses is used by none.
    """
    attributes = _keys(data.get("attributes"))
    problems = [
        *_repeated("attribute", attributes),
        *_repeated("step", _keys(data.get("steps"))),
    ]
    for step in steps:
        problems += _audience_problems(step, attributes)
        problems += _window_problems(step)
    if complete:
        problems += _unused(attributes, steps)
    return problems


def _keys(tables: object) -> list[str]:
    """Return the keys of those tables of a list that have a good one."""
    found = [
        table.get("key")
        for table in (tables if isinstance(tables, list) else [])
        if isinstance(table, Mapping)
    ]
    return [key for key in found if isinstance(key, str)]


def _repeated(kind: str, keys: Sequence[str]) -> Iterator[Problem]:
    for key, times in Counter(keys).items():
        if times > 1:
            yield Problem(f'{kind} "{key}"', f"{times} {kind}s have this key: rename all but one")


def _audience_problems(step: Step, attributes: Sequence[str]) -> Iterator[Problem]:
    for predicate in step.audience:
        if predicate.attribute not in attributes:
            hint = did_you_mean(predicate.attribute, dict.fromkeys(attributes))
            message = f'no attribute "{predicate.attribute}" is declared; {hint}'
            yield Problem(f'step "{step.key}", audience', message)


def _unused(attributes: Sequence[str], steps: Sequence[Step]) -> Iterator[Problem]:
    used = {predicate.attribute for step in steps for predicate in step.audience}
    for key in attributes:
        if key not in used:
            message = "no step's audience uses it: give a step its audience, or ask for less"
            yield Problem(f'attribute "{key}"', message)


@dataclass(frozen=True, slots=True)
class _Window:
    hour: int
    target: datetime
    not_before: datetime
    not_after: datetime


def _rehearse(step: Step) -> list[list[_Window]]:
    """Return the windows of each occurrence, for a procedure at each hour of the day."""
    procedures = {
        hour: Procedure(at=_ORDINARY_DAY + timedelta(hours=hour), zone=ZoneInfo("UTC"))
        for hour in _HOURS
    }
    return [
        [
            _Window(
                hour,
                target := target_of(timing, procedure, enrolled_at=procedure.at),
                bound_of(step.not_before, procedure, target=target),
                end_of(step.not_after, timing, procedure, target=target),
            )
            for hour, procedure in procedures.items()
        ]
        for timing in step.occurrences
    ]


def _window_problems(step: Step) -> Iterator[Problem]:
    rehearsed = _rehearse(step)
    where = f'step "{step.key}"'
    for number, windows in enumerate(rehearsed, start=1):
        which = f"target {number}" if len(rehearsed) > 1 else "its target"
        early = next((window for window in windows if window.not_after <= window.target), None)
        if early is not None:
            at = f"for a procedure at {early.hour:02}:00"
            yield Problem(f"{where}, not_after", f"is not after {which} {at}: make it later")
        elif all(window.not_before >= window.not_after for window in windows):
            yield Problem(f"{where}, not_before", f"leaves no time for {which} before not_after")
        elif all(window.not_before > window.target for window in windows):
            message = f"is always later than {which}: make it earlier, or the target later"
            yield Problem(f"{where}, not_before", message)
    for number, (windows, following) in enumerate(pairwise(rehearsed), start=1):
        if any(now.not_after > then.target for now, then in zip(windows, following, strict=True)):
            message = (
                f"target {number + 1} comes before the window of target {number} is over, so that "
                "one patient could get both at once: move them apart, or make not_after earlier"
            )
            yield Problem(f"{where}, targets", message)
