"""Handing over an item, putting off a call, and taking back that an item was closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.item_outcome import STAFF_OUTCOMES
from followup.store.audit_log import record_event
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import add_note, entry_of

UNDO_WITHIN = timedelta(minutes=1)
"""Real time in which whoever closed an item may take that back: a slip is noticed at once."""

LONGEST_PUT_OFF: Mapping[int, timedelta] = {
    1: timedelta(hours=1),
    2: timedelta(days=1),
    3: timedelta(days=4),
}
"""How far a call may be put off, by urgency: what is urgent can't wait for tomorrow."""


def hand_over_item(
    app: AppContext, item_id: UUID, *, to: str, staff_id: UUID, note: str, actor: str
) -> None:
    """Assign an item to a colleague, `to` being what the audit trail calls them.

    It stays open until they accept it, so that those on call are still told when nobody does.
    """

    def work(unit: UnitOfWork) -> None:
        item = _open_item(unit, item_id)
        item.state, item.owner = "open", to
        add_note(unit, item, note)
        told = entry_of(item, "worklist.handed-over", staff=str(staff_id))
        record_event(unit.session, unit.by, told)

    app.transact(actor, work)


def put_off_in(unit: UnitOfWork, item_id: UUID, *, until: datetime) -> None:
    """Let an item wait until then, in a transaction that is open."""
    item = _open_item(unit, item_id)
    longest = LONGEST_PUT_OFF[item.urgency]
    if not unit.by.at < until <= unit.by.at + longest:
        hours = int(longest / timedelta(hours=1))
        told = "hour" if hours == 1 else f"{hours} hours"
        raise InvalidInput.of("again_at", f"this can't wait so long: try within the next {told}")
    item.due_at = item.escalate_at = until
    record_event(unit.session, unit.by, entry_of(item, "worklist.put-off", to=until.isoformat()))


def may_reopen(app: AppContext, item: WorklistItem, *, actor: str) -> bool:
    """Say whether `actor` closed an item just now, in a way that can be taken back."""
    if item.closed_at is None or item.closed_by != actor or item.outcome not in STAFF_OUTCOMES:
        return False
    now = app.clock.now()
    # What a real minute is by the service's clock, which may run faster.
    return now - item.closed_at <= app.clock.after_real(UNDO_WITHIN) - now


def reopen_item(app: AppContext, item_id: UUID, *, actor: str) -> None:
    """Open an item again, with those that were closed with it; raise `Conflict` if it is too late.

    A call that was recorded stays recorded.
    """

    def work(unit: UnitOfWork) -> None:
        item = _find(unit, item_id)
        if not may_reopen(app, item, actor=actor):
            raise Conflict(
                "This can't be undone any more: it can be for a minute, by whoever closed it."
            )
        together = unit.session.scalars(
            select(WorklistItem)
            .where(
                WorklistItem.clinic == item.clinic,
                WorklistItem.kind == item.kind,
                WorklistItem.patient_id == item.patient_id,
                WorklistItem.closed_at == item.closed_at,
                WorklistItem.closed_by == actor,
                WorklistItem.outcome == item.outcome,
            )
            .order_by(WorklistItem.id)
            .with_for_update(key_share=True)
        ).all()
        for one in together or [item]:
            one.state = "taken" if one.owner else "open"
            one.closed_at = one.closed_by = one.outcome = None
            record_event(unit.session, unit.by, entry_of(one, "worklist.reopened"))

    app.transact(actor, work)


def _find(unit: UnitOfWork, item_id: UUID) -> WorklistItem:
    item = unit.session.get(WorklistItem, item_id, with_for_update={"key_share": True})
    if item is None:
        raise NotFound("there is no such item")
    return item


def _open_item(unit: UnitOfWork, item_id: UUID) -> WorklistItem:
    item = _find(unit, item_id)
    if item.state == "closed":
        raise Conflict("This item is closed already.")
    return item
