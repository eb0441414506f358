"""Webhook subscriptions: who is told of events, with which secret, and from which number on."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.event_kinds import EventContent, EventGroup
from followup.domain.file_shape import did_you_mean
from followup.outbox.destinations import check_destination
from followup.outbox.horizon import newest_number
from followup.outbox.signing import new_secret
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.outbox import DeadLetter, EventSubscription
from followup.wording.terms import Term
from followup.wording.webhooks import subscription_status

WEBHOOK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
URL_COLUMN = "event_subscriptions.url"
SECRET_COLUMN = "event_subscriptions.secret"  # noqa: S105 - a column
BOTH_SIGN = timedelta(days=1)
"""How long the old secret signs as well, once there is a new one. Real time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """What is asked for. `after` is the number of the last event that is not wanted; None is now's.

    `clinic` None is every clinic.
    """

    name: str
    url: str
    clinic: str | None = None
    groups: Collection[EventGroup] = tuple(EventGroup)
    content: EventContent = EventContent.IDS
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """A subscription for people. `dead` is how many events were given up, `status` how it goes."""

    row: EventSubscription
    dead: int
    status: Term


def add_subscription(app: AppContext, wanted: NewSubscription, *, actor: str) -> str:
    """Make a subscription and return its secret: it can't be shown again.

    Raises `InvalidInput` for a name, address or clinic that can't be, `Conflict` for a name in use.
    """
    if not WEBHOOK_NAME.fullmatch(wanted.name):
        raise InvalidInput.of("name", "use 1 to 60 letters, digits, dots, dashes and underscores")
    parts = check_destination(wanted.url, app.policy.webhooks)
    if wanted.clinic is not None and wanted.clinic not in app.catalogue.clinics:
        meant = did_you_mean(wanted.clinic, app.catalogue.clinics)
        raise InvalidInput.of("clinic", f"there is no such clinic; {meant}")
    if not wanted.groups:
        raise InvalidInput.of("events", f"choose from: {', '.join(EventGroup)}")
    host = parts.hostname or ""
    secret = new_secret()

    def work(unit: UnitOfWork) -> None:
        id_ = new_id(unit.by.real_at)
        seal = app.keyring.system.seal
        row = {
            "id": id_,
            "name": wanted.name,
            "clinic": wanted.clinic,
            "host": f"{host}:{parts.port}" if parts.port else host,
            "url_sealed": seal(wanted.url, column=URL_COLUMN, row=id_),
            "secret_sealed": seal(secret, column=SECRET_COLUMN, row=id_),
            "groups": sorted(EventGroup(group).value for group in wanted.groups),
            "content": wanted.content.value,
            "done_upto": _after(unit.session, wanted.after),
            "created_at": unit.by.at,
            "created_by": unit.by.actor,
            "tries": 0,
        }
        if not insert_new(unit.session, EventSubscription, row):
            raise Conflict(
                f"there is a webhook named {wanted.name} already, or was: choose another name"
            )
        _record(
            unit,
            "webhook.added",
            name=wanted.name,
            clinic=wanted.clinic,
            host=row["host"],
            content=row["content"],
        )

    app.transact(actor, work)
    return secret


def rotate_secret(app: AppContext, name: str, *, actor: str) -> str:
    """Return a new secret, shown this once. For a day the old one signs as well."""
    secret = new_secret()

    def work(unit: UnitOfWork) -> None:
        row = find_subscription(unit.session, name)
        row.old_secret_sealed = row.secret_sealed
        row.old_secret_until_real = unit.by.real_at + BOTH_SIGN
        row.secret_sealed = app.keyring.system.seal(secret, column=SECRET_COLUMN, row=row.id)
        _record(unit, "webhook.secret-replaced", name=name, clinic=row.clinic)

    app.transact(actor, work)
    return secret


def pause_subscription(app: AppContext, name: str, *, actor: str) -> None:
    """Tell nothing until it is resumed; events wait."""

    def work(unit: UnitOfWork) -> None:
        row = find_subscription(unit.session, name)
        if row.paused_at is not None:
            raise Conflict(f"the webhook {name} is paused already")
        row.paused_at, row.paused_by = unit.by.at, unit.by.actor
        _record(unit, "webhook.paused", name=name, clinic=row.clinic)

    app.transact(actor, work)


def resume_subscription(app: AppContext, name: str, *, actor: str) -> None:
    """Tell of all that has waited, at once."""

    def work(unit: UnitOfWork) -> None:
        row = find_subscription(unit.session, name)
        if row.paused_at is None:
            raise Conflict(f"the webhook {name} is not paused")
        row.paused_at = row.paused_by = None
        _begin_anew(row)
        _record(unit, "webhook.resumed", name=name, clinic=row.clinic)

    app.transact(actor, work)


def remove_subscription(app: AppContext, name: str, *, actor: str) -> None:
    """End a subscription for good."""

    def work(unit: UnitOfWork) -> None:
        row = find_subscription(unit.session, name)
        row.removed_at, row.lease_token = unit.by.at, None
        _record(unit, "webhook.removed", name=name, clinic=row.clinic)

    app.transact(actor, work)


def replay(app: AppContext, name: str, *, number: int, actor: str) -> None:
    """Tell again of every event from that number on, in order; those given up among them."""

    def work(unit: UnitOfWork) -> None:
        row = find_subscription(unit.session, name)
        row.done_upto = _after(unit.session, number - 1)
        unit.session.execute(
            delete(DeadLetter).where(
                DeadLetter.subscription_id == row.id, DeadLetter.number >= number
            )
        )
        _begin_anew(row)
        _record(unit, "webhook.replayed", name=name, clinic=row.clinic, number=number)

    app.transact(actor, work)


def subscriptions(session: Session, *, real_now: datetime) -> Sequence[SubscriptionView]:
    """Return the subscriptions by name."""
    dead = (
        select(func.count())
        .where(DeadLetter.subscription_id == EventSubscription.id)
        .scalar_subquery()
    )
    found = session.execute(
        select(EventSubscription, dead)
        .where(EventSubscription.removed_at.is_(None))
        .order_by(EventSubscription.name)
    )
    return [
        SubscriptionView(row=row[0], dead=row[1], status=_status(row[0], real_now=real_now))
        for row in found
    ]


def _status(row: EventSubscription, *, real_now: datetime) -> Term:
    since = row.failing_since_real
    return subscription_status(
        paused=row.paused_at is not None,
        by_receiver=row.paused_by is None,
        failing_for=real_now - since if since else None,
        problem=row.problem,
    )


def dead_letters(
    session: Session, *, subscription_id: UUID | None = None, limit: int, skip: int = 0
) -> Sequence[tuple[DeadLetter, EventSubscription]]:
    """Return the events that were given up, the latest first, with whom they were for."""
    query = (
        select(DeadLetter, EventSubscription)
        .join(EventSubscription, EventSubscription.id == DeadLetter.subscription_id)
        .where(EventSubscription.removed_at.is_(None))
        .order_by(DeadLetter.given_up_real_at.desc(), DeadLetter.id.desc())
    )
    if subscription_id is not None:
        query = query.where(DeadLetter.subscription_id == subscription_id)
    return [(row[0], row[1]) for row in session.execute(query.offset(skip).limit(limit))]


def find_subscription(session: Session, name: str) -> EventSubscription:
    """Return a subscription, locked; raise `NotFound` if it was removed or never was."""
    found = session.scalar(
        select(EventSubscription)
        .where(EventSubscription.name == name, EventSubscription.removed_at.is_(None))
        .with_for_update()
    )
    if found is None:
        raise NotFound(f"there is no webhook named {name}; list them with: followup webhooks list")
    return found


def _after(session: Session, number: int | None) -> int:
    newest = newest_number(session)
    if number is None:
        return newest
    if not 0 <= number <= newest:
        raise InvalidInput.of("from", f"give the number of an event, from 1 to {newest + 1}")
    return number


def _begin_anew(row: EventSubscription) -> None:
    """Try at once, and let whoever is delivering now find that it is no longer theirs."""
    row.tries, row.failing_since_real, row.next_try_real = 0, None, None
    row.problem = row.lease_token = row.lease_until_real = None


def _record(unit: UnitOfWork, action: str, *, clinic: str | None, **detail: object) -> None:
    told = {"webhook": detail.pop("name"), **detail}
    record_event(unit.session, unit.by, AuditEntry(action=action, clinic=clinic, detail=told))
