"""The account after a run: what the provider took, held against what the database says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from sqlalchemy import select

from followup.context import AppContext
from followup.domain.lifecycle import LEGAL_MOVES, State
from followup.monitoring.message_balance import balance
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Attempt, Message
from followup.store.models.worklist import Occurrence, WorklistItem

HANDED_OVER = frozenset({State.SENT.value, State.DELIVERED.value})
LIMBO = frozenset({State.CLAIMED.value, State.SENDING.value, State.UNKNOWN.value})
DUPLICATE = "message.duplicate-suspected"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One message that a provider took, with our ids as it was given them."""

    message_id: UUID
    attempt_id: UUID | None
    at: datetime
    to: str
    words: str


def taken_by_twilio(logged: Iterable[Mapping[str, Any]]) -> list[Taken]:
    """Return what the stand-in took, by the ids in the address for its reports."""
    found = []
    for one in logged:
        query = parse_qs(urlsplit(one["status_callback"]).query)
        found.append(
            Taken(
                message_id=UUID(query["message"][0]),
                attempt_id=UUID(query["attempt"][0]),
                at=datetime.fromtimestamp(one["created"], UTC),
                to=one["to"],
                words=one["body"],
            )
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Reckoning:
    """What became of all messages. The three lists name what must not be; they are empty."""

    due: int
    taken: int
    states: Mapping[str, int]
    remainder: int
    lost: Sequence[str] = ()
    doubled: Sequence[str] = ()
    wrong: Sequence[str] = field(default=())

    @property
    def clean(self) -> bool:
        """Whether nothing was lost or sent twice, and every promise was kept."""
        return not (self.lost or self.doubled or self.wrong or self.remainder)

    def __str__(self) -> str:
        sums = f"due {self.due}, taken {self.taken}, lost {len(self.lost)}"
        sums += f", sent twice {len(self.doubled)}, remainder {self.remainder}"
        lines = [f"{sums}, {dict(self.states)}"]
        for name in ("lost", "doubled", "wrong"):
            lines += [f"  {name}: {what}" for what in getattr(self, name)[:10]]
        return "\n".join(lines)


def reckon(app: AppContext, taken: Sequence[Taken]) -> Reckoning:
    """Hold every message against what the providers took; `app` only reads."""
    books = _Books.read(app)
    by_message: defaultdict[UUID, list[Taken]] = defaultdict(list)
    for one in taken:
        by_message[one.message_id].append(one)
    now = app.clock.now()
    due = [message for message in books.messages.values() if message.due_at <= now]
    return Reckoning(
        due=len(due),
        taken=len(taken),
        states=Counter(message.state for message in due),
        remainder=balance(app).remainder,
        lost=[
            books.describe(message)
            for message in due
            if not by_message[message.id] and not books.is_accounted_for(message)
        ],
        doubled=[
            f"{books.describe_id(id_)} taken {len(copies)} times"
            for id_, copies in by_message.items()
            if len(copies) > 1
        ],
        wrong=[*books.illegal_moves(), *books.wrong_attempts(taken), *books.untimely(app, taken)],
    )


@dataclass(frozen=True)
class _Books:
    """The database as it stands after a run."""

    messages: Mapping[UUID, Message]
    attempts: Mapping[UUID, Attempt]
    events: Sequence[AuditEvent]
    with_person: frozenset[UUID]

    @classmethod
    def read(cls, app: AppContext) -> _Books:
        with app.store.read() as session:
            if not app.store.is_sqlite:
                # All as of one moment: receipts may still come in.
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            asked = [
                *session.scalars(select(WorklistItem.message_id)),
                *session.scalars(select(Occurrence.message_id)),
            ]
            return cls(
                {one.id: one for one in session.scalars(select(Message))},
                {one.id: one for one in session.scalars(select(Attempt))},
                session.scalars(
                    select(AuditEvent)
                    .where(AuditEvent.action.like("message.%"))
                    .order_by(AuditEvent.id)
                ).all(),
                frozenset(one for one in asked if one is not None),
            )

    def describe(self, message: Message) -> str:
        return f"{message.id} {message.step} {message.state} ({message.reason})"

    def describe_id(self, message_id: UUID) -> str:
        message = self.messages.get(message_id)
        return self.describe(message) if message else f"{message_id}, of which nothing is known"

    def is_accounted_for(self, message: Message) -> bool:
        """Say whether a message that nobody took is rightly so, and somebody knows of it."""
        state = State(message.state)
        if state in {State.SUPPRESSED, State.CANCELLED, State.HELD}:
            return True
        if state is State.EXPIRED and message.missed == "drop":
            return True
        gone = state in {State.FAILED, State.EXPIRED, State.UNKNOWN}
        return gone and (message.superseded or message.id in self.with_person)

    def illegal_moves(self) -> list[str]:
        """Play the audit trail through the table of moves, each message from its first event on."""
        at: dict[UUID, str] = {}
        wrong = []
        for event in self.events:
            detail = event.detail or {}
            if event.message_id is None or not {"from", "to"} <= detail.keys():
                continue
            was, to = at.get(event.message_id, detail["from"]), detail["to"]
            if was != detail["from"] or State(to) not in LEGAL_MOVES[State(was)]:
                wrong.append(f"{event.message_id} was {was}, moved {detail['from']} to {to}")
            at[event.message_id] = to
        for id_, message in self.messages.items():
            if at.get(id_, message.state) != message.state:
                wrong.append(f"{id_} is {message.state}, and the audit trail ends with {at[id_]}")
        return wrong

    def wrong_attempts(self, taken: Sequence[Taken]) -> list[str]:
        """Return calls that were not written down before, and attempts that do not add up."""
        wrong = []
        for one in taken:
            attempt = self.attempts.get(one.attempt_id) if one.attempt_id else None
            if one.attempt_id is not None and attempt is None:
                wrong.append(f"{one.message_id} was sent by an attempt that nobody wrote down")
            elif attempt is not None and attempt.started_real_at > one.at + timedelta(seconds=1):
                wrong.append(f"{one.message_id} was taken before its attempt was written down")
        numbers: defaultdict[UUID, list[int]] = defaultdict(list)
        accepted: Counter[UUID] = Counter()
        for attempt in self.attempts.values():
            numbers[attempt.message_id].append(attempt.number)
            accepted[attempt.message_id] += attempt.provider_id is not None
        suspected = {event.message_id for event in self.events if event.action == DUPLICATE}
        for id_, message in self.messages.items():
            if sorted(numbers[id_]) != list(range(1, message.attempt_count + 1)):
                wrong.append(f"{id_} counts {message.attempt_count}, and has {numbers[id_]}")
            if accepted[id_] > 1 and id_ not in suspected:
                wrong.append(f"{id_} was accepted twice, and nobody was told")
        return wrong

    def untimely(self, app: AppContext, taken: Sequence[Taken]) -> list[str]:
        """Return what was taken before its window began or after it ended, in service time."""
        ahead = app.clock.now() - app.clock.real_now()
        if app.clock.real_delay(timedelta(seconds=1)) != timedelta(seconds=1):
            return []  # Under a time-lapse clock the provider's times are not the service's.
        return [
            f"{self.describe(message)} taken at {one.at}, due {message.due_at}"
            for one in taken
            if (message := self.messages.get(one.message_id)) is not None
            and not message.due_at <= one.at + ahead < message.not_after + timedelta(seconds=5)
        ]
