"""`followup outbox` and `followup sandbox`: looking at, and answering from, made-up phones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from followup.cli.framework.boundary import Command, Group
from followup.cli.framework.choices import clinic_key
from followup.cli.framework.opening import opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import Cell, Column, say, say_json, say_lines, table
from followup.context import AppContext
from followup.delivery.sandbox_outbox import StoredOutbox
from followup.domain.channel import ChannelKind
from followup.domain.contact import parse_email, parse_mobile
from followup.domain.errors import Conflict
from followup.messages.view import utc_text
from followup.providers.sandbox import CarriedMessage
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.store.engine.types import new_id
from followup.wording.channels import channel_text
from followup.wording.formats import day_and_time, small
from followup.wording.providers import report_text
from followup.wording.replies import class_text

SANDBOX = "sandbox"

group = new_app(cls=Group, no_args_is_help=True)


@group.callback()
def playing() -> None:
    """Play a patient's part against the sandbox."""


def outbox(
    *,
    to: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Only to this number or e-mail address.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The latest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what the sandbox carrier was given.

    As a phone or mailbox would show it; the latest come last. JSON is one object a line.
    """
    with opened() as app:
        entries = StoredOutbox(app.store, app.keyring).entries(to=_address(to), limit=limit)
        if as_json:
            say_lines(_as_json(entry) for entry in entries)
        elif entries:
            _show(app, entries)
        else:
            say("The sandbox was given nothing yet.")


@group.command(cls=Command)
def reply(
    words: Annotated[str, typer.Argument(metavar="TEXT", help="What the patient writes.")],
    *,
    sender: Annotated[
        str, typer.Option("--from", metavar="NUMBER", help="The patient's mobile number.")
    ],
    to: Annotated[
        str, typer.Option(metavar="NUMBER", help="The clinic's number that it is sent to.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Send a text from a patient to the clinic, as if a carrier had brought it."""
    number = parse_mobile(sender, field="from")
    with opened() as app:
        channel = app.channels[ChannelKind.SMS]
        if channel.provider != SANDBOX:
            message = f"texts go through {channel.provider}: reply from a real phone"
            raise Conflict(message)
        taken = take_inbound(
            app,
            InboundText(
                provider_id=f"SB{new_id(app.clock.real_now()).hex}",
                from_=number,
                to=to or channel.sender,
                body=words,
            ),
            provider=SANDBOX,
        )
    if as_json:
        say_json(
            {
                "inbound_id": str(taken.inbound_id),
                "meaning": taken.meaning.value,
                "classes": list(taken.classes),
                "answer": taken.answer,
            }
        )
        return
    answer = f"; it is answered with {taken.answer}" if taken.answer else "; it gets no answer"
    understood = ", ".join(map(class_text, taken.classes))
    say(f"Taken in: {understood}{answer}.")


def _address(text: str | None) -> str | None:
    if text is None:
        return None
    return parse_email(text, field="to") if "@" in text else parse_mobile(text, field="to")


def _as_json(entry: CarriedMessage) -> dict[str, object]:
    return {
        "id": entry.id,
        "channel": entry.kind.value,
        "to": entry.to,
        "subject": entry.subject,
        "body": entry.body,
        "accepted_at": utc_text(entry.accepted_at),
        "status": entry.status.value,
        "code": entry.code,
        "message_id": str(entry.message_id),
        "attempt_id": str(entry.attempt_id),
    }


def _show(app: AppContext, entries: Sequence[CarriedMessage]) -> None:
    catalogue = app.catalogue
    first = min(catalogue.clinics) if len(catalogue.clinics) > 1 else clinic_key(catalogue, None)
    zone = catalogue.clinics[first].zone
    columns = [*(Column(name) for name in ("When", "To", "How")), Column("Message text", wide=True)]
    table(
        columns,
        (
            [
                day_and_time(entry.accepted_at.astimezone(zone)),
                entry.to,
                Cell(f"{channel_text(entry.kind)}, {small(report_text(entry.status))}"),
                f"{entry.subject}\n\n{entry.body}" if entry.subject else entry.body,
            ]
            for entry in entries
        ),
    )
