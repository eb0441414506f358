"""Help that a text names: open when the text arrives, and with doctors where signs are named."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from datetime import date, datetime, time, timedelta

from followup.domain.clinics.clinic import Clinic
from followup.domain.file_shape import LONGEST_SPAN
from followup.domain.protocols.protocol import Protocol, Step
from followup.domain.protocols.timeline import plan_step
from followup.domain.protocols.timing import Procedure, comes_before, instant_at
from followup.domain.safety.finding import SafetyFinding
from followup.domain.safety.said import SaidText

SIX_WEEKS_DAYS = 42
DAYS_TO_TRY = 400
"""Procedures of a year and more are tried, so that every bank holiday is met."""
HOUR = timedelta(hours=1)

Holidays = Callable[[str], Container[date]]
"""The bank holidays of a division, as in `Clinic`."""


def red_flag_reach(protocol: Protocol, said: Iterable[SaidText]) -> Iterator[SafetyFinding]:
    """Find a protocol whose warning signs are last named before six weeks are over."""
    days = [text.day for text in said if text.step is not None and text.warns]
    if max(days, default=-1) >= SIX_WEEKS_DAYS or protocol.red_flags_until_reason is not None:
        return
    last = f"last named on day {max(days)}" if days else "named in no message"
    yield SafetyFinding(
        rule="red-flag-reach",
        sentence=(
            f"protocol {protocol.key}: warning signs are {last}: name them until day "
            f"{SIX_WEEKS_DAYS}, or say why not in red_flags_until_reason"
        ),
    )


def department_beside_signs(said: Iterable[SaidText]) -> Iterator[SafetyFinding]:
    """Find texts that name warning signs and no emergency department."""
    for text in said:
        if text.warns and not text.names_the_department:
            yield SafetyFinding(
                rule="emergency-department",
                sentence=f"{text.where}: names warning signs and no emergency department: add it",
                grave=text.sendable,
            )


def open_help(
    said: Iterable[SaidText], *, from_day: date, holidays: Holidays
) -> Iterator[SafetyFinding]:
    """Find texts that may arrive when the office is closed and name no help that is open then."""
    for text in said:
        if text.names_open_help:
            continue
        when = closed_moment(text, from_day=from_day, holidays=holidays)
        if when is not None:
            yield SafetyFinding(
                rule="closed-office",
                sentence=(
                    f"{text.where}: may arrive {when}, when the office is closed, and names no "
                    "help that is open then: add NHS 111, 999 or the emergency department"
                ),
                grave=text.sendable,
            )


def closed_moment(text: SaidText, *, from_day: date, holidays: Holidays) -> str | None:
    """Return a time at which a text may arrive and the office is closed; None if there is none.

    Procedures of the coming year are tried, on the days and in the hours of the office. An answer
    comes when the patient writes, which may be at any hour.
    """
    if text.step is None:
        return "at any hour"
    clinic = text.clinic
    closed_days = holidays(clinic.division)
    for day in (from_day + timedelta(days=number) for number in range(DAYS_TO_TRY)):
        period = clinic.office_hours.week[day.weekday()]
        if period is None or day in closed_days:
            continue
        for hour in range(period.opens.hour, period.closes.hour):
            procedure = Procedure(
                at=instant_at(day, time(hour), zone=clinic.zone), zone=clinic.zone
            )
            when = _closed_in_window(text.step, text.occurrence, procedure, clinic, closed_days)
            if when is not None:
                return f"on {when:%A} {when.day} {when:%B %Y} at {when:%H:%M}"
    return None


def _closed_in_window(
    step: Step, occurrence: int, procedure: Procedure, clinic: Clinic, closed: Container[date]
) -> datetime | None:
    # What comes before the procedure goes to those who are enrolled ahead of it.
    ahead = LONGEST_SPAN if comes_before(step.occurrences[occurrence - 1]) else timedelta(0)
    planned = plan_step(
        step,
        occurrence,
        procedure=procedure,
        enrolled_at=procedure.at - ahead,
        hours=clinic.sending_hours,
    )
    at = planned.due_at
    while at < planned.not_after:
        local = at.astimezone(clinic.zone)
        if clinic.sending_hours.allows(local) and not clinic.office_hours.is_open(local, closed):
            return local
        at += HOUR
    return None
