"""`followup preview`: the dated timeline before anybody is enrolled."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from followup.cli.framework.choices import among, answers, clinic_key, in_options, protocol_key
from followup.cli.framework.opening import handbook
from followup.cli.framework.options import (
    PROTOCOL_FLAGS,
    AsJson,
    Attributes,
    Channels,
    Clinic,
    Diabetic,
    Language,
    ProcedureAt,
    Protocol,
    Steroid,
)
from followup.cli.framework.screen import note, say, say_json
from followup.cli.framework.timeline_table import print_timeline, summary
from followup.clock import SteppingClock
from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput
from followup.domain.file_shape import LONGEST_AHEAD
from followup.domain.lifecycle import State
from followup.enrolment.enrol import CheckedEnrolment, EnrolmentRequest, check_request
from followup.enrolment.preview import preview_enrolment as previewed
from followup.intake.local_times import parse_procedure_time, parse_time
from followup.messages.view import MessageView, utc_text
from followup.patients.records import Person
from followup.wording.formats import day_and_time

AT_THE_DESK = timedelta(days=7)
"""A procedure this near to today is previewed as it would be enrolled now."""


def preview(
    ctx: typer.Context,
    *,
    procedure_at: ProcedureAt,
    diabetic: Diabetic = None,
    steroid: Steroid = None,
    attribute: Attributes = None,
    clinic: Clinic = None,
    protocol: Protocol = None,
    channels: Channels = "sms,email",
    language: Language = None,
    enrolled_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|now",
            help="Show it as if enrolled then. Without it, now if the procedure is within a week "
            "of today; else the time of the procedure, or 90 days before it where anything goes "
            "earlier.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the dated timeline before enrolling.

    Every message with its local time, what it says in full, how it goes, and why it was moved.
    Nothing is written and no database is needed. What is past already, or has no sending hour
    inside its window, is shown as such.
    """
    books = handbook()
    place = books.catalogue.clinics[clinic_key(books.catalogue, clinic)]
    course = books.catalogue.protocols[protocol_key(books.catalogue, protocol)]
    procedure = parse_procedure_time(procedure_at, zone=place.zone)
    now = books.clock.now()
    # Of what is sent before a procedure, somebody who is enrolled on the day would see nothing.
    ahead = LONGEST_AHEAD if course.begins_before else timedelta()
    moment = _enrolled(enrolled_at, procedure, now=now, zone=place.zone, ahead=ahead)
    books = replace(books, clock=SteppingClock(moment))
    request = EnrolmentRequest(
        clinic=place.key,
        protocol=course.key,
        reference=None,
        procedure_at=procedure,
        attributes=answers(
            course, diabetic=diabetic, steroid=steroid, written=attribute or [], flags=ctx.args
        ),
        person=_anybody(language or place.languages[0]),
        channels=among(ChannelKind, [channels or ""], option="--channels"),
    )
    try:
        checked = check_request(books, request)
    except InvalidInput as error:
        raise in_options(error, course) from None
    messages = previewed(books, checked)
    if as_json:
        say_json(
            {
                "enrolled_at": utc_text(moment),
                "messages": [message.as_json() for message in messages],
            }
        )
        return
    _show(checked, messages, now=moment)
    if enrolled_at is None and moment == procedure - ahead:
        when = f"{ahead.days} days before" if ahead else "at"
        note(
            f"Shown as if enrolled {when} the procedure. To see it as of today, add: "
            "--enrolled-at now"
        )
    elif enrolled_at is None and any(message.state == State.EXPIRED for message in messages):
        note(
            "Shown as if enrolled now. To see it as on the day itself, add: "
            f"--enrolled-at {procedure.astimezone(place.zone):%Y-%m-%dT%H:%M}"
        )


def _enrolled(
    written: str | None, procedure: datetime, *, now: datetime, zone: ZoneInfo, ahead: timedelta
) -> datetime:
    """Return the time of enrolment that a preview is for: `ahead` of the procedure at the earliest.

    A date far from today is a question about the protocol, not about a patient at the desk.
    """
    if written is not None and written != "now":
        return parse_time(written, zone=zone, field="enrolled_at")
    if written == "now" or abs(procedure - now) <= AT_THE_DESK:
        return now
    return procedure - ahead


preview.context_settings = PROTOCOL_FLAGS  # type: ignore[attr-defined]


def _anybody(language: str) -> Person:
    """Return a person who can be reached: whom a preview is for does not matter."""
    return Person(
        name=None,
        nhs_number=None,
        date_of_birth=None,
        mobile="+447700900000",
        email="patient@example.com",
        language=language,
    )


def _show(checked: CheckedEnrolment, messages: list[MessageView], *, now: datetime) -> None:
    zone = checked.clinic.zone
    say(f"{checked.protocol.name}, {checked.clinic.name}")
    say(f"Procedure {day_and_time(checked.procedure.at.astimezone(zone))}, local time ({zone.key})")
    say(f"Enrolled  {day_and_time(now.astimezone(zone))}")
    say(summary(messages))
    say()
    print_timeline(messages, with_state=False)
