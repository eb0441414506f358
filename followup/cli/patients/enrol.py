"""`followup enrol`: one patient, from options or from JSON."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from followup.cli.framework.boundary import WrongUse
from followup.cli.framework.choices import answers, clinic_key, in_options, protocol_key
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import (
    PROTOCOL_FLAGS,
    Attributes,
    Channels,
    Clinic,
    Diabetic,
    Language,
    Protocol,
    Reopen,
    Steroid,
    Update,
    channel_list,
    on_conflict,
)
from followup.cli.framework.screen import note, say, say_json
from followup.cli.framework.timeline_table import print_timeline, summary
from followup.context import AppContext
from followup.domain.errors import InvalidInput
from followup.enrolment.enrol import Enrolled, EnrolmentRequest
from followup.enrolment.enrol_or_update import enrol_or_update
from followup.enrolment.objections import objection_json
from followup.enrolment.queries import find_enrolment, messages_of
from followup.intake.json_shapes import read_enrolment, read_shape, to_request
from followup.intake.local_times import parse_day, parse_procedure_time
from followup.messages.view import MessageView, message_views
from followup.store.models.enrolments import Enrolment
from followup.wording.enrolments import HELD
from followup.wording.objections import objection_text

LONGEST_JSON = 1_000_000


def enrol(
    ctx: typer.Context,
    *,
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="FILE|-",
            help="Read the enrolment from a JSON file, or from standard input, and print JSON.",
        ),
    ] = None,
    procedure_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When the procedure was: 2026-10-23T14:30, by the clinic's clock unless it has "
            "an offset.",
        ),
    ] = None,
    diabetic: Diabetic = None,
    steroid: Steroid = None,
    attribute: Attributes = None,
    mobile: Annotated[str | None, typer.Option(metavar="NUMBER", help="For texts.")] = None,
    email: Annotated[str | None, typer.Option(metavar="ADDRESS", help="For e-mails.")] = None,
    nhs_number: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Who the patient is; or, instead:")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="The whole name, and")] = None,
    date_of_birth: Annotated[
        str | None, typer.Option(metavar="DATE", help="1956-04-30 or 30/04/1956.")
    ] = None,
    channels: Channels = None,
    language: Language = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Yours for this procedure: given again with the same content, it returns the "
            "same enrolment.",
        ),
    ] = None,
    update: Update = False,
    reopen: Reopen = False,
    clinic: Clinic = None,
    protocol: Protocol = None,
) -> None:
    """Enrol one patient.

    Options end up in the history of your shell, and can be seen by other accounts while the command
    runs: for real patients, use --json with a file or standard input. It holds {"clinic",
    "protocol", "reference", "procedure_at", "attributes", "patient": {"name", "nhs_number",
    "date_of_birth", "mobile", "email", "language"}, "channels", "on_conflict"}.
    """
    given: dict[str, Any] = {
        "clinic": clinic,
        "protocol": protocol,
        "reference": reference,
        "procedure_at": procedure_at,
        "channels": channel_list(channels),
    }
    patient = {
        "name": name,
        "nhs_number": nhs_number,
        "date_of_birth": date_of_birth,
        "mobile": mobile,
        "email": email,
        "language": language,
    }
    questions = (diabetic, steroid, *(attribute or ()), *ctx.args)
    everything = (*given.values(), *patient.values(), *questions)
    if json_file is None:
        if procedure_at is None:
            raise WrongUse("say when the procedure was with --procedure-at, or use --json")
        with opened() as app:
            course = app.catalogue.protocols[protocol_key(app.catalogue, protocol)]
            given["attributes"] = answers(
                course, diabetic=diabetic, steroid=steroid, written=attribute or [], flags=ctx.args
            )
            try:
                request = _from_options(app, {**given, "protocol": course.key}, patient)
                wanted = on_conflict(update=update, reopen=reopen)
                _show(app, enrol_or_update(app, request, actor=actor(), on_conflict=wanted))
            except InvalidInput as error:
                raise in_options(error, course) from None
        return
    if any(value is not None for value in everything):
        raise WrongUse("--json brings the whole enrolment: leave the other options out")
    document = _read_json(json_file)
    with opened() as app:
        shape = read_shape(document)
        wanted = on_conflict(update=update, reopen=reopen, otherwise=shape.on_conflict)
        request = to_request(app, shape)
        enrolled = enrol_or_update(app, request, actor=actor(), on_conflict=wanted)
        enrolment, messages = _messages(app, enrolled)
    objection, zone = enrolled.objection, ZoneInfo(enrolment.zone)
    say_json(
        {
            "enrolment_id": str(enrolled.enrolment_id),
            "created": enrolled.created,
            "updated": list(enrolled.updated),
            "reopened": enrolled.reopened,
            "held": HELD if enrolled.held else None,
            "joined": [each.as_json() for each in enrolled.joined],
            "objection": objection_json(objection, zone) if objection else None,
            "messages": [message.as_json() for message in messages],
        }
    )


enrol.context_settings = PROTOCOL_FLAGS  # type: ignore[attr-defined]


def _from_options(
    app: AppContext, given: dict[str, Any], patient: dict[str, str | None]
) -> EnrolmentRequest:
    place = app.catalogue.clinics[clinic_key(app.catalogue, given["clinic"])]
    born = patient["date_of_birth"]
    document = {
        **_without_gaps(given),
        "clinic": place.key,
        "procedure_at": parse_procedure_time(given["procedure_at"], zone=place.zone).isoformat(),
        "patient": _without_gaps(
            {**patient, "date_of_birth": parse_day(born).isoformat() if born else None}
        ),
    }
    return read_enrolment(app, document)


def _without_gaps(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _read_json(source: str) -> object:
    try:
        if source == "-":
            raw = sys.stdin.buffer.read(LONGEST_JSON + 1)
        else:
            with open(source, "rb") as file:  # noqa: PTH123 - a name that a person typed
                raw = file.read(LONGEST_JSON + 1)
    except OSError as error:
        raise WrongUse(f"--json {source}: can't be read: {error.strerror}") from None
    if len(raw) > LONGEST_JSON:
        raise InvalidInput.of("json", "this is too large for one enrolment")
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidInput.of("json", "this is not UTF-8: save it in that encoding") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput.of("json", f"this is not JSON ({where}: {error.msg})") from None
    except RecursionError:
        raise InvalidInput.of("json", "this is nested too deeply") from None


def _messages(app: AppContext, enrolled: Enrolled) -> tuple[Enrolment, list[MessageView]]:
    with app.store.read() as session:
        enrolment = find_enrolment(session, str(enrolled.enrolment_id))
        return enrolment, message_views(session, app, messages_of(session, enrolment))


def _show(app: AppContext, enrolled: Enrolled) -> None:
    enrolment, messages = _messages(app, enrolled)
    if enrolled.created:
        say(f"Enrolled as {enrolled.enrolment_id}: {summary(messages)}.")
    elif enrolled.changed:
        say(f"{_changes(enrolled)} {enrolled.enrolment_id}: {summary(messages)}.")
    else:
        say(f"Enrolled already, as {enrolled.enrolment_id}: nothing was changed.")
    for told in enrolled.notes:
        say(told)
    if enrolled.objection is not None:
        say(objection_text(enrolled.objection, ZoneInfo(enrolment.zone)))
    say()
    print_timeline(messages, with_state=not enrolled.created)
    note(f"See it again with: followup timeline {enrolled.enrolment_id}")


def _changes(enrolled: Enrolled) -> str:
    names = ", ".join(name.rpartition(".")[2] for name in enrolled.updated)
    if not enrolled.reopened:
        return f"Updated {names} of enrolment"
    return f"Opened again, and updated {names} of, enrolment" if names else "Opened again"
