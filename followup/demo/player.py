"""Plays the demonstration: moves the clock to the next event whenever nothing is under way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, exists, func, select

from followup.clock import SteppingClock
from followup.context import AppContext
from followup.demo.cast import DEMO_CAST, END, Part
from followup.domain import actors
from followup.domain.errors import FollowupError
from followup.domain.lifecycle import State
from followup.enrolment.enrol import enrol
from followup.enrolment.reschedule import reschedule
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.runtime.embedded import Threads
from followup.store.message_state import oldest_claimable, state_is
from followup.store.models.messages import Message, SandboxMessage

LOOK_EVERY = 0.05
LONGEST_STEP = 20.0
"""Seconds after which a step that does not come to rest is a fault of the product."""


class DemoStuck(FollowupError):
    """Something stayed under way for so long that the demonstration can't go on."""


@dataclass(slots=True)
class Event:
    """Something that a person does in the demonstration."""

    at: datetime
    part: Part
    sentence: str
    act: Callable[[], None]


@dataclass(slots=True)
class Player:
    """The demonstration as it runs. `seen` is called after each step, with what happened in it."""

    app: AppContext
    clock: SteppingClock
    threads: Threads
    step_seconds: float
    seen: Callable[[datetime, list[Event]], None]
    enrolments: dict[str, UUID] = field(default_factory=dict)

    def play(self) -> None:
        """Play all six weeks; raise `DemoStuck` if the product does not come to rest."""
        script = sorted(self._script(), key=lambda event: event.at)
        while not self.threads.stopping.is_set():
            upcoming = self._next_moment(script)
            if upcoming is None or upcoming > END:
                break
            self.clock.advance_to(upcoming)
            happened = [event for event in script if event.at <= upcoming]
            script = script[len(happened) :]
            started = time.monotonic()
            for event in happened:
                event.act()
            self._rest()
            self.seen(upcoming, happened)
            time.sleep(max(0.0, self.step_seconds - (time.monotonic() - started)))
        self.clock.advance_to(END)

    def _script(self) -> Iterator[Event]:
        for part in DEMO_CAST:
            yield Event(part.enrolled_at, part, "is enrolled", partial(self._enrol, part))
            if part.stops_at is not None:
                yield Event(part.stops_at, part, 'texts "STOP"', partial(self._stop, part))
            if part.moved is not None:
                yield Event(
                    part.moved[0],
                    part,
                    "has the procedure moved by a day",
                    partial(self._move, part),
                )

    def _enrol(self, part: Part) -> None:
        self.enrolments[part.key] = enrol(self.app, part.request(), actor=actors.DEMO).enrolment_id

    def _stop(self, part: Part) -> None:
        assert part.mobile is not None  # noqa: S101 - only those who have one text
        inbound = InboundText(
            provider_id=f"demo-{part.key}", from_=part.mobile, to="+447700900000", body="STOP"
        )
        take_inbound(self.app, inbound, provider="sandbox")

    def _move(self, part: Part) -> None:
        assert part.moved is not None  # noqa: S101 - only those who are moved
        reschedule(self.app, self.enrolments[part.key], part.moved[1], actor=actors.DEMO)

    def _next_moment(self, script: list[Event]) -> datetime | None:
        with self.app.store.read() as session:
            moments = [
                oldest_claimable(session),
                session.scalar(select(func.min(SandboxMessage.report_at))),
                session.scalar(
                    select(func.min(Message.receipt_due_at)).where(state_is(State.SENT))
                ),
                script[0].at if script else None,
            ]
        return min((moment for moment in moments if moment is not None), default=None)

    def _rest(self) -> None:
        """Wait until nothing is due or under way at this moment of the service's clock."""
        deadline = time.monotonic() + LONGEST_STEP
        while self._busy() and not self.threads.stopping.is_set():
            if time.monotonic() > deadline:
                raise DemoStuck("the demonstration came to a standstill: see the log above")
            time.sleep(LOOK_EVERY)

    def _busy(self) -> bool:
        with self.app.store.read() as session:
            return bool(session.scalar(UNDER_WAY, {"now": self.clock.now()}))


def _under_way() -> ColumnElement[bool]:
    """Say whether anything is due or under way at the moment `now`."""
    now = bindparam("now", type_=Message.claimable_at.type)
    due = exists().where(state_is(State.PLANNED), Message.claimable_at <= now)
    moving = exists().where(state_is(State.CLAIMED, State.SENDING, State.UNKNOWN))
    over = exists().where(state_is(State.PLANNED, State.HELD), Message.not_after <= now)
    unheard = exists().where(state_is(State.SENT), Message.receipt_due_at <= now)
    reporting = exists().where(SandboxMessage.report_at <= now)
    untold = exists().where(
        SandboxMessage.message_id == Message.id,
        SandboxMessage.status.in_(["delivered", "failed"]),
        state_is(State.SENT),
    )
    return due | moving | over | unheard | reporting | untold


UNDER_WAY = select(_under_way())
"""Asked for again and again, and made once."""
