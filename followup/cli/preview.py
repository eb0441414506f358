"""`followup preview`: the dated timeline before anybody is enrolled."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from followup.cli.choices import among, answers, clinic_key, in_options, protocol_key
from followup.cli.dated import day_and_time, print_timeline, summary
from followup.cli.opening import handbook
from followup.cli.options import (
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
from followup.cli.screen import note, say, say_json
from followup.clock import SteppingClock
from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput
from followup.domain.lifecycle import State
from followup.enrol import Checked, Request, check
from followup.intake.local_times import parse_time
from followup.kit import Handbook
from followup.message_view import MessageView
from followup.message_view import preview as previewed
from followup.store.patients import Person


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
        typer.Option(metavar="TIME", help="Show it as if enrolled then. Without it, now."),
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
    if enrolled_at is not None:
        start = parse_time(enrolled_at, zone=place.zone, field="enrolled_at")
        books = Handbook(
            clock=SteppingClock(start), catalogue=books.catalogue, content=books.content
        )
    request = Request(
        clinic=place.key,
        protocol=course.key,
        reference=None,
        procedure_at=parse_time(procedure_at, zone=place.zone),
        attributes=answers(
            course, diabetic=diabetic, steroid=steroid, written=attribute or [], flags=ctx.args
        ),
        person=_anybody(language or place.languages[0]),
        channels=among(ChannelKind, [channels or ""], option="--channels"),
    )
    try:
        checked = check(books, request)
    except InvalidInput as error:
        raise in_options(error, course) from None
    messages = previewed(books, checked)
    if as_json:
        say_json({"messages": [message.as_json() for message in messages]})
        return
    _show(checked, messages, now=books.clock.now())
    if enrolled_at is None and any(message.state == State.EXPIRED for message in messages):
        note(
            "Shown as if enrolled now. To see it as on the day itself, add: "
            f"--enrolled-at {checked.procedure.at.astimezone(place.zone):%Y-%m-%dT%H:%M}"
        )


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


def _show(checked: Checked, messages: list[MessageView], *, now: datetime) -> None:
    zone = checked.clinic.zone
    say(f"{checked.protocol.name}, {checked.clinic.name}")
    say(f"Procedure {day_and_time(checked.procedure.at.astimezone(zone))}, local time ({zone.key})")
    say(f"Enrolled  {day_and_time(now.astimezone(zone))}")
    say(summary(messages))
    say()
    print_timeline(messages, with_state=False)
