"""The dated timeline of one patient: every message of a protocol, with its window and due time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from followup.domain.clinics.clinic import SendingHours
from followup.domain.protocols.protocol import Itself, Missed, Protocol, Step
from followup.domain.protocols.timing import (
    Procedure,
    bound_of,
    clock_changed,
    comes_before,
    end_of,
    target_of,
)


class Fate(StrEnum):
    """What becomes of a message, as far as is known at enrolment."""

    PLANNED = "planned"
    PAST = "already-past"
    """Its window was over when the patient was enrolled."""
    NEWER_PROCEDURE = "newer-procedure"
    """The patient has another procedure before it, whose follow-up takes over."""
    NO_ROOM = "no-sending-hour"
    """Its window holds no hour in which messages may be sent."""


class Moved(StrEnum):
    """Why a message is not due at the plain time of its target."""

    CLOCK_CHANGE = "clock change"
    NOT_BEFORE = "not before"
    LATE_ENROLMENT = "late enrolment"
    SENDING_HOURS = "sending hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMessage:
    """One occurrence of a step; times are UTC but `local`, which is `due_at` in the patient's zone.

    Where it is `PLANNED`, it may be sent from `not_before` until just before `not_after`, and
    `not_before <= due_at < not_after`. Otherwise `due_at` is when it would have been due.
    """

    step: Step
    occurrence: int
    target: datetime
    due_at: datetime
    not_before: datetime
    not_after: datetime
    local: datetime
    moved_because: tuple[Moved, ...]
    fate: Fate

    @property
    def comes_before(self) -> bool:
        """Say whether it is advice for before the procedure."""
        return comes_before(self.step.occurrences[self.occurrence - 1])


def plan_timeline(
    protocol: Protocol,
    procedure: Procedure,
    *,
    attributes: Mapping[str, bool],
    enrolled_at: datetime,
    hours: SendingHours,
) -> tuple[PlannedMessage, ...]:
    """Return every message that the protocol asks for, in the order it falls due.

    Messages due at the same time keep the order of the protocol. `attributes` must have passed
    `Protocol.check_attributes`. What was for before the procedure, and is over, is not among those
    of a patient who is enrolled on the day or later: see `_is_of_no_use`.
    """
    in_time = _planned_in_time(
        Itself(protocol), procedure, answers=frozenset(attributes.items()), hours=hours
    )
    on_the_day = enrolled_at.astimezone(procedure.zone).date() >= procedure.local_day
    messages = [
        planned
        if enrolled_at <= planned.target and enrolled_at < planned.not_after
        else plan_step(
            planned.step,
            planned.occurrence,
            procedure=procedure,
            enrolled_at=enrolled_at,
            hours=hours,
        )
        for planned in in_time
        if not (on_the_day and _is_of_no_use(planned, procedure, enrolled_at=enrolled_at))
    ]
    return tuple(sorted(messages, key=lambda message: message.due_at))


def _is_of_no_use(planned: PlannedMessage, procedure: Procedure, *, enrolled_at: datetime) -> bool:
    """Say whether advice for before the procedure is over, and nobody is to ring about it.

    Until the procedure begins, a person is asked to ring where the step says so.
    """
    return (
        planned.comes_before
        and planned.not_after <= enrolled_at
        and (planned.step.missed is Missed.DROP or procedure.at <= enrolled_at)
    )


LONG_BEFORE = datetime.min.replace(tzinfo=UTC)


@lru_cache(maxsize=1024)
def _planned_in_time(
    protocol: Itself,
    procedure: Procedure,
    *,
    answers: frozenset[tuple[str, bool]],
    hours: SendingHours,
) -> tuple[PlannedMessage, ...]:
    """Return every message, in the protocol's order, for somebody enrolled before all of it.

    Whoever is enrolled by a message's target has that message just so. Patients share procedure
    times, so what was worked out is kept: some 7 kB each.
    """
    return tuple(
        plan_step(step, occurrence, procedure=procedure, enrolled_at=LONG_BEFORE, hours=hours)
        for step in protocol.protocol.steps
        if step.applies_to(dict(answers))
        for occurrence in range(1, len(step.occurrences) + 1)
    )


def end_timeline(
    timeline: tuple[PlannedMessage, ...], until: datetime | None
) -> tuple[PlannedMessage, ...]:
    """Return a timeline of which nothing is sent from `until` on; None is no end."""
    if until is None:
        return timeline
    return tuple(
        replace(message, fate=Fate.NEWER_PROCEDURE)
        if message.fate is Fate.PLANNED and message.due_at >= until
        else message
        for message in timeline
    )


def next_sending_moment(at: datetime, *, hours: SendingHours, zone: ZoneInfo) -> datetime:
    """Return the first instant (UTC), from `at` on, at which a message may be sent in `zone`."""
    local = at.astimezone(zone)
    return at.astimezone(UTC) if hours.allows(local) else hours.next_opening(local).astimezone(UTC)


def plan_step(
    step: Step,
    occurrence: int,
    *,
    procedure: Procedure,
    enrolled_at: datetime,
    hours: SendingHours,
) -> PlannedMessage:
    """Return one occurrence of a step, whoever it is for."""
    timing = step.occurrences[occurrence - 1]
    target = target_of(timing, procedure, enrolled_at=enrolled_at)
    not_before = bound_of(step.not_before, procedure, target=target)
    not_after = end_of(step.not_after, timing, procedure, target=target)
    due_at, decisive = (target, timing) if target >= not_before else (not_before, step.not_before)
    moved = [Moved.CLOCK_CHANGE] if clock_changed(decisive, procedure) else []
    if due_at > target:
        moved.append(Moved.NOT_BEFORE)
    fate = Fate.PAST
    if not_after > enrolled_at:
        if due_at < enrolled_at:
            due_at, moved = enrolled_at.astimezone(UTC), [Moved.LATE_ENROLMENT]
        sendable = next_sending_moment(due_at, hours=hours, zone=procedure.zone)
        fate = Fate.PLANNED if sendable < not_after else Fate.NO_ROOM
        if fate is Fate.PLANNED and sendable > due_at:
            due_at, moved = sendable, [*moved, Moved.SENDING_HOURS]
    return PlannedMessage(
        step=step,
        occurrence=occurrence,
        target=target,
        due_at=due_at,
        not_before=not_before,
        not_after=not_after,
        local=due_at.astimezone(procedure.zone),
        moved_because=tuple(moved),
        fate=fate,
    )
