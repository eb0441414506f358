"""`followup messages`: messages of all patients, by state, time, step or channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from followup.cli.framework.choices import among, bound, clinic_key
from followup.cli.framework.opening import opened
from followup.cli.framework.options import AsJson, Clinic, Since, Until
from followup.cli.framework.screen import Cell, Column, is_terminal, note, say, say_lines, table
from followup.cli.framework.timeline_table import step_title
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.messages.queries import MessageFilter, message_page, next_page
from followup.messages.view import MessageView, message_views
from followup.wording.channels import channel_text
from followup.wording.failure_reasons import failure_reason_of
from followup.wording.states import state_term
from followup.wording.terminal_styles import TERMINAL_STYLES

PAGE_SIZE = 500
SHORT_ID = len("01a2041f-7822-755d")
STATES_ARE = f"The states: {', '.join(State)}."

TABLE_COLUMNS = [
    *(Column("Due"), Column("Step"), Column("How"), Column("State")),
    Column("Enrolment"),
]


def messages(
    *,
    status: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE", help=f"Only those in this state; may be repeated. {STATES_ARE}"
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    step: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Only this step; may be repeated.")
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(metavar="CHANNEL", help="Only this channel: sms or email.")
    ] = None,
    clinic: Clinic = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="Stop after so many; 0 is no limit.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """List messages by state, time, step or channel.

    In the order they fall due. JSON is one object a line.
    """
    with opened() as app:
        wanted = MessageFilter(
            states=among(State, status, option="--status"),
            steps=step or (),
            channels=among(ChannelKind, channel, option="--channel"),
            clinic=clinic_key(app.catalogue, clinic) if clinic else None,
            since=bound(app.catalogue, since, option="--since", clinic=clinic),
            until=bound(app.catalogue, until, option="--until", clinic=clinic),
        )
        shown = 0
        for found in _pages(app, wanted, limit=limit):
            shown += len(found)
            if as_json:
                say_lines(message.as_json() for message in found)
            else:
                table(TABLE_COLUMNS, (_row(message) for message in found))
    if as_json:
        return
    if shown == 0:
        say("No such messages.")
    elif shown == limit:
        note(f"Stopped at {limit}; --limit 0 lists all.")


def _pages(app: AppContext, wanted: MessageFilter, *, limit: int) -> Iterator[list[MessageView]]:
    """Yield messages page by page, each read in a short transaction of its own."""
    left = limit or None
    while left is None or left > 0:
        size = PAGE_SIZE if left is None else min(PAGE_SIZE, left)
        with app.store.read() as session:
            rows = message_page(session, wanted, limit=size)
            found = message_views(session, app, rows)
        if found:
            yield found
        if len(rows) < size:
            return
        wanted = next_page(wanted, rows[-1])
        left = None if left is None else left - len(rows)


def _row(message: MessageView) -> list[str | Cell]:
    term = state_term(message.state)
    why = failure_reason_of(message.reason, message.channel).happened if message.reason else ""
    return [
        f"{message.local:%Y-%m-%d %H:%M}",
        step_title(message.step, message.occurrence),
        channel_text(message.channel),
        Cell(f"{term.label}: {why}" if why else term.label, TERMINAL_STYLES[term.colour]),
        _short(str(message.enrolment_id or "(an answer)")),
    ]


def _short(identifier: str) -> str:
    """Return an id for the screen: enough of it to be taken for the whole; a pipe gets it all."""
    return identifier[:SHORT_ID] if is_terminal() else identifier
