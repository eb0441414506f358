"""Event delivery: each subscription's events in order, again until they are taken, or given up.

At least once: what was taken is noted after the receiver's answer, so a process that dies between
the two tells it again, under the same `webhook-id`. In order: one waits for the one before it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from uuid import UUID, uuid4

import structlog
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain import actors
from followup.domain.errors import InvalidInput
from followup.domain.event_kinds import EventContent
from followup.outbox.destinations import check_destination, is_allowed, target_of
from followup.outbox.events import TYPES, events_for, payload_of
from followup.outbox.horizon import advance_horizon
from followup.outbox.signing import signature_headers
from followup.outbox.subscriptions import SECRET_COLUMN, URL_COLUMN
from followup.providers.http.connection_pool import AnswerLost, Connections, NotReached
from followup.providers.http.retry_after import delay_of
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.audit import AuditEvent
from followup.store.models.outbox import PROBLEM_LENGTH, DeadLetter, EventSubscription

DELIVER_JOB = "deliver-events"
BATCH_SIZE = 50
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 10.0
LEASE = timedelta(seconds=60)
"""How long a subscription belongs to one process: it ends a batch well before."""
BATCH_TIME = timedelta(seconds=15)

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 7200, 14_400)
)
"""Between the tries of one event; the last one again and again. All real time, as is all here."""
JITTER = 0.2
REFUSED_FOR = timedelta(hours=6)
"""A receiver that answers, and refuses this event, holds up the others no longer."""
AWAY_FOR = timedelta(days=3)
"""A receiver that can't be reached, or fails, is waited for: over a weekend."""
LONGEST_PAUSE = PAUSES[-1]

GONE = 410
_TAKEN = range(200, 300)
_REFUSED = range(400, 500)
_LATER = frozenset({408, 421, 425, 429})
"""Of the refusals those that say nothing of the event (RFC 9110; RFC 6585)."""

log = structlog.get_logger()


class Outcome(Enum):
    """How a try ended."""

    TAKEN = "taken"
    REFUSED = "refused"
    AWAY = "away"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A try to deliver an event; `pause` is what the receiver asked for."""

    outcome: Outcome
    problem: str = ""
    pause: timedelta | None = None


def deliver_events(app: AppContext) -> int:
    """Deliver a batch to each subscription that has something to be told; return how many events.

    Where nobody is subscribed, that is one look into an empty table.
    """
    with app.store.read() as session:
        due = session.scalars(
            select(EventSubscription.id)
            .where(*_is_due(app.clock.real_now()))
            .order_by(EventSubscription.delivered_real_at)
        ).all()
    if not due:
        return 0
    upto = app.store.transact(advance_horizon)
    return sum(_deliver_batch(app, id_, upto=upto) for id_ in due)


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    subscription = EventSubscription
    return (
        subscription.removed_at.is_(None),
        subscription.paused_at.is_(None),
        or_(subscription.next_try_real.is_(None), subscription.next_try_real <= now),
        or_(subscription.lease_until_real.is_(None), subscription.lease_until_real <= now),
    )


def _deliver_batch(app: AppContext, id_: UUID, *, upto: int) -> int:
    token = uuid4()
    taken = app.store.transact(lambda session: _take(session, app, id_, token=token, upto=upto))
    if taken is None:
        return 0
    subscription, events = taken
    done, end = 0, app.clock.real_now() + BATCH_TIME
    with closing(_Receiver(app, subscription)) as receiver:
        for event in events:
            attempt = receiver.tell(event)
            settle = partial(_settle, app=app, id_=id_, token=token, event=event, attempt=attempt)
            goes_on = app.store.transact(settle)
            done += attempt.outcome is Outcome.TAKEN
            if not goes_on or app.clock.real_now() > end:
                break
    _give_back(app, id_, token)
    return done


def _take(
    session: Session, app: AppContext, id_: UUID, *, token: UUID, upto: int
) -> tuple[EventSubscription, Sequence[AuditEvent]] | None:
    """Lease a subscription and return it with its next events; None if there is nothing to do."""
    now = app.clock.real_now()
    row = session.scalar(
        select(EventSubscription)
        .where(EventSubscription.id == id_, *_is_due(now))
        .with_for_update(skip_locked=True)
    )
    if row is None or row.done_upto >= upto:
        return None
    events = events_for(session, row, upto=upto, limit=BATCH_SIZE)
    if not events:
        # None up to there is for this one: they are not looked through again.
        row.done_upto = upto
        return None
    row.lease_token, row.lease_until_real = token, now + LEASE
    return row, events


def _give_back(app: AppContext, id_: UUID, token: UUID) -> None:
    app.store.transact(
        lambda session: session.execute(
            update(EventSubscription)
            .where(EventSubscription.id == id_, EventSubscription.lease_token == token)
            .values(lease_token=None, lease_until_real=None)
        )
    )


class _Receiver:
    """Where a subscription's events go, over one connection."""

    def __init__(self, app: AppContext, subscription: EventSubscription) -> None:
        self._app = app
        self._subscription = subscription
        opened = app.keyring.system.open
        self._url = opened(subscription.url_sealed, column=URL_COLUMN, row=subscription.id)
        self._keys = [opened(subscription.secret_sealed, column=SECRET_COLUMN, row=subscription.id)]
        until = subscription.old_secret_until_real
        if subscription.old_secret_sealed and until and until > app.clock.real_now():
            old = subscription.old_secret_sealed
            self._keys.append(opened(old, column=SECRET_COLUMN, row=subscription.id))
        self._connections: Connections | None = None

    def close(self) -> None:
        if self._connections is not None:
            self._connections.close()

    def tell(self, event: AuditEvent) -> Attempt:
        """Tell the receiver of an event, with no transaction open."""
        policy = self._app.policy.webhooks
        try:
            # Again, for the operator may have narrowed what is allowed.
            parts = check_destination(self._url, policy)
        except InvalidInput as error:
            return Attempt(outcome=Outcome.AWAY, problem=error.problems[0].message)
        if self._connections is None:
            self._connections = Connections(
                f"{parts.scheme}://{parts.netloc}",
                connect_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                keep=1,
                allow=lambda peer: is_allowed(peer, policy),
            )
        body = self._body(event)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "followup",
            **signature_headers(
                body,
                id_=event_id(self._subscription, event),
                timestamp=int(self._app.clock.real_now().timestamp()),
                keys=self._keys,
            ),
        }
        try:
            answer = self._connections.request("POST", target_of(parts), body=body, headers=headers)
        except (NotReached, AnswerLost) as error:
            return Attempt(outcome=Outcome.AWAY, problem=str(error))
        return judge(answer.status, answer.headers.get("Retry-After"))

    def _body(self, event: AuditEvent) -> bytes:
        content = EventContent(self._subscription.content)
        with self._app.store.read() as session:
            told = payload_of(session, self._app, event, content=content)
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def event_id(subscription: EventSubscription, event: AuditEvent) -> str:
    """Return the id under which a receiver knows an event again, however often it is told.

    With its time: after a restore another event may have the same number.
    """
    return f"evt_{subscription.id.hex}_{event.id}_{int(event.real_at.timestamp() * 1000)}"


def judge(status: int, retry_after: str | None = None) -> Attempt:
    """Return what a receiver's answer means."""
    problem = f"HTTP {status}"
    if status in _TAKEN:
        return Attempt(outcome=Outcome.TAKEN)
    if status == GONE:
        return Attempt(outcome=Outcome.GONE, problem=problem)
    if status in _REFUSED and status not in _LATER:
        return Attempt(outcome=Outcome.REFUSED, problem=problem)
    pause = min(delay_of(retry_after or "") or timedelta(), LONGEST_PAUSE)
    return Attempt(outcome=Outcome.AWAY, problem=problem, pause=pause or None)


def pause_after(tries: int, *, asked: timedelta | None = None) -> timedelta:
    """Return how long to wait after so many tries of one event, never twice quite the same."""
    pause = PAUSES[min(tries, len(PAUSES)) - 1]
    spread = 1 + random.uniform(-JITTER, JITTER)  # noqa: S311 - so that not all come at once
    return max(pause * spread, asked or timedelta())


def _settle(
    session: Session,
    *,
    app: AppContext,
    id_: UUID,
    token: UUID,
    event: AuditEvent,
    attempt: Attempt,
) -> bool:
    """Write down how a try ended; return whether the next event may be told now."""
    row = session.get(EventSubscription, id_, with_for_update=True, populate_existing=True)
    if row is None or row.lease_token != token:
        # Replayed, paused or taken over in the meantime: what it says now counts.
        return False
    now = app.clock.real_now()
    row.lease_until_real = now + LEASE
    if attempt.outcome is Outcome.TAKEN:
        row.done_upto, row.delivered_real_at = event.id, now
        row.tries, row.failing_since_real, row.next_try_real, row.problem = 0, None, None, None
        return row.paused_at is None
    row.tries += 1
    row.problem = attempt.problem[:PROBLEM_LENGTH]
    row.failing_since_real = row.failing_since_real or now
    log.warning(
        "outbox.not_taken",
        subscription=str(id_),
        number=event.id,
        outcome=attempt.outcome.value,
        tries=row.tries,
    )
    if attempt.outcome is Outcome.GONE:
        row.paused_at, row.paused_by = app.clock.now(), None
        told = AuditEntry(action="webhook.gone", clinic=row.clinic, detail={"webhook": row.name})
        record_event(session, app.by(actors.OUTBOX), told)
        return False
    patience = REFUSED_FOR if attempt.outcome is Outcome.REFUSED else AWAY_FOR
    if now - row.failing_since_real < patience:
        row.next_try_real = now + pause_after(row.tries, asked=attempt.pause)
        return False
    return _give_up(session, row, event, attempt=attempt, now=now)


def _give_up(
    session: Session,
    row: EventSubscription,
    event: AuditEvent,
    *,
    attempt: Attempt,
    now: datetime,
) -> bool:
    """Leave an event undelivered, visibly; return whether the next one may be tried now.

    Of a receiver that is away the next one fails as well: it is given up after one try, so they go
    slowly, and those that are left are told when it is back.
    """
    letter = {
        "id": new_id(now),
        "subscription_id": row.id,
        "number": event.id,
        "type": TYPES[event.action],
        "event_at": event.at,
        "tries": row.tries,
        "problem": row.problem or "",
        "given_up_real_at": now,
    }
    # It may have been given up before, and replayed.
    insert_new(session, DeadLetter, letter)
    row.done_upto, row.tries = event.id, 0
    if attempt.outcome is Outcome.REFUSED:
        row.failing_since_real = row.next_try_real = None
        return True
    row.next_try_real = now + pause_after(len(PAUSES))
    return False
