"""What the demonstration shows: a live table, the latest events, and at the end the accounts."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.delivery.sandbox_outbox import StoredOutbox
from followup.demo.cast import DEMO_CAST, LONDON
from followup.demo.player import Event
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.enrolment.enrol import message_rows
from followup.monitoring.message_balance import Balance
from followup.providers.sandbox import CarriedMessage
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.worklist import WorklistItem
from followup.wording.channels import channel_text
from followup.wording.failure_reasons import failure_reason_of
from followup.wording.formats import small
from followup.wording.states import MESSAGE_STATES, state_term
from followup.wording.terminal_styles import TERMINAL_STYLES
from followup.wording.terms import Colour
from followup.wording.worklist import item_term

LATEST = 12
MARKS: Mapping[Colour, str] = {
    Colour.INFO: "○",
    Colour.PROGRESS: "◌",
    Colour.NEUTRAL: "◐",
    Colour.SUCCESS: "●",
    Colour.CAUTION: "‖",
    Colour.UNSURE: "?",
    Colour.WARNING: "–",
    Colour.DANGER: "✗",
    Colour.MUTED: "⊘",
}
NOTED = frozenset({State.SENT, State.DELIVERED, State.FAILED, State.EXPIRED, State.SUPPRESSED})
IN_LEGEND = (
    State.PLANNED,
    State.SENT,
    State.DELIVERED,
    State.FAILED,
    State.CANCELLED,
    State.EXPIRED,
)
PHONE_WIDTH = 46


class Screen:
    """The screen of the demonstration: live on a terminal, line by line elsewhere."""

    def __init__(
        self, app: AppContext, console: Console, *, enrolments: Mapping[str, UUID]
    ) -> None:
        self._app = app
        self._console = console
        self._enrolments = enrolments
        self._latest: deque[Text] = deque(maxlen=LATEST)
        self._known: dict[UUID, str] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def seen(self, at: datetime, happened: Sequence[Event]) -> None:
        """Show what has changed up to `at`."""
        local = at.astimezone(LONDON)
        for event in happened:
            self._tell(local, event.part.key, Text(event.sentence, style="bold"))
        with self._app.store.read() as session:
            messages = {part.key: self._messages(session, part.key) for part in DEMO_CAST}
        for key, found in messages.items():
            for message in found:
                self._notice(local, key, message)
        if self._live is not None:
            self._live.update(self._frame(messages, local), refresh=True)

    def _messages(self, session: Session, key: str) -> Sequence[Message]:
        enrolment_id = self._enrolments.get(key)
        return [] if enrolment_id is None else message_rows(session, enrolment_id)

    def _notice(self, local: datetime, key: str, message: Message) -> None:
        before = self._known.get(message.id)
        self._known[message.id] = message.state
        state = State(message.state)
        if before == message.state or state not in NOTED:
            return
        mark, style = _mark(state)
        told = f"{mark} {message.step}, {channel_text(message.channel)}: {state_term(state).label}"
        if message.reason and state is not State.SENT:
            told += f", {failure_reason_of(message.reason, message.channel).happened}"
        self._tell(local, key, Text(told, style=style))

    def _tell(self, local: datetime, key: str, what: Text) -> None:
        line = Text(f"{local:%a %d %b %H:%M}  {key}  ").append(what)
        self._latest.append(line)
        if self._live is None:
            self._console.print(line)

    def _frame(self, messages: Mapping[str, Sequence[Message]], local: datetime) -> RenderableType:
        table = Table(expand=True, title=f"{local:%A %d %B %Y, %H:%M}", title_justify="left")
        table.add_column("", width=1)
        table.add_column("patient", no_wrap=True)
        table.add_column("messages, in the order they fall due")
        for part in DEMO_CAST:
            marks = Text()
            for message in messages[part.key]:
                if message.reason == Reason.RESCHEDULED:
                    # Its place in the new timeline stands beside it.
                    continue
                mark, style = _mark(State(message.state))
                marks.append(mark, style=style).append(" ")
            table.add_row(part.key, part.who, marks)
        return Group(table, *self._latest, legend())


def legend() -> Text:
    """Return what the marks of the table mean."""
    text = Text("\n", style="dim")
    for state in IN_LEGEND:
        mark, style = _mark(state)
        text.append(mark, style=style).append(f" {small(state_term(state).label)}   ", style="dim")
    return text


def _mark(state: State) -> tuple[str, str]:
    """Return the mark of a state, and its style."""
    colour = MESSAGE_STATES[state].colour
    return MARKS[colour], TERMINAL_STYLES[colour]


def phone(app: AppContext, *, mobile: str, caption: str) -> RenderableType:
    """Return the texts of one patient as their phone shows them."""
    outbox = StoredOutbox(app.store, app.keyring)
    bubbles = [_bubble(carried) for carried in outbox.entries(to=mobile)]
    return Panel(Group(*bubbles), title=caption, width=PHONE_WIDTH + 6, padding=(1, 1))


def _bubble(carried: CarriedMessage) -> RenderableType:
    local = carried.accepted_at.astimezone(LONDON)
    when = Text(f"{local:%A %d %B, %H:%M}", style="dim", justify="center")
    return Group(when, Panel(Text(carried.body), width=PHONE_WIDTH, border_style="blue"), Text())


def accounts(app: AppContext, balance: Balance) -> RenderableType:
    """Return the balance sheet, and what waits for a person."""
    sheet = Table(title="The balance: every message that fell due")
    sheet.add_column("")
    sheet.add_column("messages", justify="right")
    for name, count in balance.as_dict().items():
        style = "bold" if name in {"due", "remainder"} else ""
        sheet.add_row(name.replace("_", " "), str(count), style=style)
    waiting = Table(title="What needs action")
    waiting.add_column("patient")
    waiting.add_column("what")
    waiting.add_column("why")
    with app.store.read() as session:
        for item in session.scalars(select(WorklistItem).order_by(WorklistItem.opened_at)):
            enrolment = session.get(Enrolment, item.enrolment_id) if item.enrolment_id else None
            key = (enrolment.reference or "").removeprefix("DEMO-") if enrolment else ""
            step = str(item.detail.get("step", ""))
            channel = item.detail.get("channel")
            what = ", ".join(filter(None, (item_term(item.kind, channel).label, step)))
            why = failure_reason_of(item.detail.get("cause"), channel).happened
            waiting.add_row(key, what, why)
    return Columns([sheet, waiting], padding=(0, 4))
