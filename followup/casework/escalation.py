"""Escalation of overdue items to those on call: by text, e-mail or webhook, without patients.

An item that is open past its limit is escalated, and again while it stays open. Who is told is the
operator's setting. Each telling is a row, committed before anybody is called: after a crash it is
told again, for twice is better than never. It goes past kill switches and pace limits.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.errors import ChannelError
from followup.providers.interface import Outgoing
from followup.providers.operator_alerts import OperatorAlert, WebhookMessenger
from followup.routing.accounts import line_now, sender_of
from followup.store.audit_log import record_event
from followup.store.engine.types import new_id
from followup.store.models.worklist import Escalation, WorklistItem
from followup.worklist.items import entry_of

NOTICE_ROUTES = ("sms", "email", "webhook")
TOLD_AGAIN_AFTER = {1: timedelta(minutes=15), 2: timedelta(hours=4), 3: timedelta(hours=24)}
"""After how long an item that is still open is told again, by urgency."""
MOST_TIMES = 4
NOTICE_TRIES = 5
TRY_AGAIN = timedelta(minutes=1)
USEFUL_FOR = timedelta(hours=4)
ESCALATION_BATCH = 50


def escalate_overdue(app: AppContext, *, limit: int = ESCALATION_BATCH) -> int:
    """Escalate what nobody has taken in time, then tell whoever is to be told; return how much."""
    return _escalate(app, limit=limit) + tell_due(app, limit=limit)


def _escalate(app: AppContext, *, limit: int) -> int:
    def work(unit: UnitOfWork) -> int:
        overdue = unit.session.scalars(
            select(WorklistItem)
            .where(WorklistItem.state == "open", WorklistItem.escalate_at <= unit.by.at)
            .order_by(WorklistItem.urgency, WorklistItem.escalate_at)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        ).all()
        for item in overdue:
            _escalate_one(unit, item)
        return len(overdue)

    return app.transact(actors.SWEEPER, work)


def _escalate_one(unit: UnitOfWork, item: WorklistItem) -> None:
    routes = [route for route in NOTICE_ROUTES if unit.app.policy.on_call.of(route)]
    item.escalations += 1
    more = item.escalations < MOST_TIMES
    item.escalate_at = unit.by.at + TOLD_AGAIN_AFTER[item.urgency] if more else None
    for route in routes:
        unit.session.add(
            Escalation(
                id=new_id(unit.by.real_at),
                item_id=item.id,
                time=item.escalations,
                route=route,
                state="due",
                tries=0,
                next_try_real_at=unit.by.real_at,
                created_at=unit.by.at,
            )
        )
    told = entry_of(item, "worklist.escalated", time=item.escalations, routes=routes)
    record_event(unit.session, unit.by, told)


def tell_due(app: AppContext, *, limit: int = ESCALATION_BATCH) -> int:
    """Make the calls that are due; return how many. Each is counted before it is made."""
    due = app.store.transact(lambda session: _claim(session, app, limit=limit))
    for escalation_id, route, item_id in due:
        error = _tell(app, escalation_id, route, item_id)
        app.store.transact(partial(_settle, app=app, escalation_id=escalation_id, error=error))
    return len(due)


def _claim(session: Session, app: AppContext, *, limit: int) -> list[tuple[UUID, str, UUID]]:
    by = app.by(actors.SWEEPER)
    due = session.scalars(
        select(Escalation)
        .where(Escalation.state == "due", Escalation.next_try_real_at <= by.real_at)
        .order_by(Escalation.next_try_real_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for one in due:
        one.tries += 1
        one.next_try_real_at = by.real_at + TRY_AGAIN * one.tries
    return [(one.id, one.route, one.item_id) for one in due]


def _settle(session: Session, *, app: AppContext, escalation_id: UUID, error: str | None) -> None:
    one = session.get_one(Escalation, escalation_id)
    if error is not None and one.tries < NOTICE_TRIES:
        one.error = error
        return
    one.state, one.error = ("done" if error is None else "failed"), error
    item = session.get_one(WorklistItem, one.item_id)
    told = {"time": one.time, "route": one.route, "told": error is None, "tries": one.tries}
    record_event(session, app.by(actors.SWEEPER), entry_of(item, "worklist.told", **told))


def _tell(app: AppContext, escalation_id: UUID, route: str, item_id: UUID) -> str | None:
    """Tell everybody on this route; return what went wrong, if anything."""
    with app.store.read() as session:
        item = session.get_one(WorklistItem, item_id)
        waiting = session.scalar(
            select(func.count()).where(
                WorklistItem.state == "open",
                WorklistItem.clinic == item.clinic,
                WorklistItem.due_at <= app.clock.now(),
            )
        )
    alert = _alert(app, item, waiting=waiting or 1, now=app.clock.now())
    try:
        if route == "webhook":
            WebhookMessenger(app.policy.on_call.webhook or "").tell(alert)
        else:
            for place, to in enumerate(app.policy.on_call.of(route)):
                _send(
                    app,
                    ChannelKind(route),
                    alert,
                    item,
                    to=to,
                    id_=uuid5(escalation_id, str(place)),
                )
    except (OSError, ChannelError) as error:
        return type(error).__name__
    return None


def _alert(app: AppContext, item: WorklistItem, *, waiting: int, now: datetime) -> OperatorAlert:
    clinic = app.catalogue.clinics.get(item.clinic)
    name = clinic.short_name if clinic else item.clinic
    title = f"{name}: {'URGENT: ' if item.urgency == 1 else ''}something waits for a person"
    minutes = max(1, int((now - item.opened_at) / timedelta(minutes=1)))
    return OperatorAlert(
        title=title,
        lines=(
            f"Nobody has taken it for {minutes} minutes; {waiting} overdue in all.",
            f"Open Needs attention: {app.links.item_url(item.id)}",
        ),
        details=(
            {
                "event": "worklist.escalated",
                "item": str(item.id),
                "clinic": item.clinic,
                "kind": item.kind,
                "urgency": item.urgency,
                "time": item.escalations,
                "overdue": waiting,
            },
        ),
        at=now,
    )


def _send(
    app: AppContext,
    kind: ChannelKind,
    alert: OperatorAlert,
    item: WorklistItem,
    *,
    to: str,
    id_: UUID,
) -> None:
    channel = line_now(app, kind)
    channel.send(
        Outgoing(
            message_id=id_,
            attempt_id=id_,
            to=to,
            text="\n".join([alert.title, *alert.lines]),
            subject=alert.title if kind is ChannelKind.EMAIL else None,
            sender=sender_of(app, channel, item.clinic),
            valid_for=USEFUL_FOR,
        )
    )
