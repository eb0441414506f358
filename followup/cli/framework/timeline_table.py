"""Timeline table: local times with their weekday, and why a time was moved."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from followup.cli.framework.screen import Cell, Column, is_terminal, table
from followup.domain.lifecycle import NEVER_SENT, State
from followup.messages.view import MessageView
from followup.wording.channels import channel_text
from followup.wording.failure_reasons import failure_reason_of
from followup.wording.formats import capital, count, day_and_time
from followup.wording.outlooks import outlook_text
from followup.wording.reasons import moved_text
from followup.wording.states import state_term
from followup.wording.terminal_styles import TERMINAL_STYLES

STACK_WIDTH = 26
"""Of the column that holds a message's time and all that belongs to it, on a terminal."""


def print_timeline(messages: Sequence[MessageView], *, with_state: bool) -> None:
    """Print messages in the order they fall due, with what each says in full."""
    if is_terminal():
        # What belongs to a message stands below its time, so that its words get the width.
        columns = [Column("When and how"), Column("What it says", wide=True)]
        table(columns, ([_stack(it, with_state=with_state), _words(it)] for it in messages))
        return
    names = ("When", "Step", "How", "Remarks")
    columns = [*(Column(name) for name in names), Column("What it says", wide=True)]
    table(columns, (_row(message, with_state=with_state) for message in messages))


def _row(message: MessageView, *, with_state: bool) -> list[str | Cell]:
    return [
        day_and_time(message.local),
        step_title(message.step, message.occurrence),
        channel_text(message.channel, message.segments),
        _remarks(message, with_state=with_state),
        _words(message),
    ]


def _stack(message: MessageView, *, with_state: bool) -> Cell:
    lines = [
        step_title(message.step, message.occurrence),
        channel_text(message.channel, message.segments),
        *textwrap.wrap(_remarks(message, with_state=with_state), STACK_WIDTH),
    ]
    style = TERMINAL_STYLES[state_term(message.state).colour]
    return Cell("\n".join(lines), style, heading=day_and_time(message.local))


def _words(message: MessageView) -> str:
    if message.text is None:
        return "(nothing)" if message.state in NEVER_SENT else "(the text is no longer kept)"
    return f"{message.subject}\n\n{message.text}" if message.subject else message.text


def step_title(step: str, occurrence: int) -> str:
    """Return the step's key, with its occurrence from the second on."""
    return step if occurrence == 1 else f"{step} ({occurrence})"


def _remarks(message: MessageView, *, with_state: bool) -> str:
    remarks = [moved_text(message.moved_because)]
    if message.outlook is not None:
        remarks.insert(0, capital(outlook_text(message.outlook, message.channel)))
    elif with_state or message.state != State.PLANNED:
        label = state_term(message.state).label
        why = message.reason and failure_reason_of(message.reason, message.channel).happened
        remarks.insert(0, f"{label}: {why}" if why else label)
    return "; ".join(filter(None, remarks))


def summary(messages: Iterable[MessageView]) -> str:
    """Return how many messages there are, and how many of them will not be sent."""
    listed = list(messages)
    lost = sum(message.state in NEVER_SENT for message in listed)
    text = count(len(listed), "message")
    return f"{text}, {lost} of which will not be sent" if lost else text
