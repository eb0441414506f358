"""`followup timeline`: what one patient gets and got, and when."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from followup.cli.framework.opening import opened
from followup.cli.framework.options import AsJson, Identifier
from followup.cli.framework.screen import fields, note, say, say_json
from followup.cli.framework.timeline_table import print_timeline
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.enrolment.queries import find_enrolment, messages_of, patient_of
from followup.enrolment.withdraw import withdrawal_reason
from followup.messages.view import MessageView, message_views, utc_text
from followup.store.models.enrolments import Enrolment
from followup.wording.enrolments import enrolment_term
from followup.wording.formats import count, day_and_time


def timeline(
    identifier: Identifier,
    *,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Show also what was planned for an earlier procedure time and cancelled."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what one patient gets and got, and when.

    JSON holds every message, those of an earlier procedure time too.
    """
    with opened() as app, app.store.read() as session:
        enrolment = find_enrolment(session, identifier)
        messages = message_views(session, app, messages_of(session, enrolment))
        why = withdrawal_reason(app, enrolment, patient_of(session, enrolment))
    if as_json:
        say_json({**about(enrolment), "messages": [message.as_json() for message in messages]})
        return
    shown = [message for message in messages if everything or not _is_superseded(message)]
    print_enrolment(enrolment, why=why)
    say()
    print_timeline(shown, with_state=True)
    if len(shown) < len(messages):
        hidden = count(len(messages) - len(shown), "message")
        note(
            f"Not shown: {hidden} of an earlier procedure time, cancelled unsent. --all shows all."
        )


def about(enrolment: Enrolment) -> dict[str, object]:
    """Return an enrolment as JSON values: nothing of who the patient is."""
    return {
        "enrolment_id": str(enrolment.id),
        "clinic": enrolment.clinic,
        "protocol": enrolment.protocol,
        "reference": enrolment.reference,
        "state": enrolment.state,
        "procedure_at": utc_text(enrolment.procedure_at),
        "zone": enrolment.zone,
        "attributes": enrolment.attributes,
        "channels": enrolment.channels,
    }


def print_enrolment(enrolment: Enrolment, *, why: str | None) -> None:
    """Print what an enrolment is, in a few lines, and `why` it was ended, where it was."""
    zone = ZoneInfo(enrolment.zone)
    term = enrolment_term(enrolment.state)
    answers = (f"{key}: {'yes' if it else 'no'}" for key, it in enrolment.attributes.items())
    fields(
        [
            ("Enrolment", str(enrolment.id)),
            ("Reference", enrolment.reference or ""),
            ("Protocol", f"{enrolment.protocol}, {enrolment.clinic}"),
            ("Procedure", f"{day_and_time(enrolment.procedure_at.astimezone(zone))} ({zone.key})"),
            ("Answers", ", ".join(answers)),
            ("State", f"{term.label}: {why or term.meaning}"),
        ]
    )


def _is_superseded(message: MessageView) -> bool:
    return message.state == State.CANCELLED and message.reason == Reason.RESCHEDULED
