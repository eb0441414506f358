"""Kill switches: stop sending at once, in whole or in part, and let it go again.

A switch is read at claim, at send, and every second while a batch is being sent. What it covers is
held; a provider's call that has begun can't be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.kill_switch import SwitchScope, is_covered
from followup.domain.lifecycle import State
from followup.domain.message_kind import MessageKind
from followup.domain.reasons import Reason
from followup.messages.fallback import handle_expired
from followup.messages.kill_switch_queries import (
    covered,
    covers_in_force,
    find_switch,
    list_switches,
)
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.message_state import move_messages, state_is
from followup.store.models.messages import Message
from followup.store.models.operations import Switch

MAX_REASON = 200
SWITCH_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchView:
    """One kill switch. `held` is how many messages wait for it, and for others that cover them."""

    id: UUID
    scope: str
    value: str | None
    reason: str
    thrown_at: datetime
    thrown_by: str
    lifted_at: datetime | None
    lifted_by: str | None
    held: int

    @property
    def stops(self) -> str:
        """What it stops, in words."""
        return "everything" if self.value is None else f"{self.scope} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedMessages:
    """What lifting a switch came to: messages that go again, and those whose time was over."""

    planned: int = 0
    expired: int = 0


def activate_switch(
    app: AppContext, scope: SwitchScope, value: str | None = None, *, reason: str, actor: str
) -> UUID:
    """Stop sending what the scope covers, from now on; return the id of the switch.

    Stopping what is stopped already returns the switch that did it. Raises `InvalidInput` for a
    clinic, protocol, step or channel that nothing is known of, and for no reason.
    """
    wanted = _known(app, scope, value)
    why = _reason(reason)
    return app.store.transact(
        lambda session: _throw(session, app.by(actor), (scope, wanted), reason=why)
    )


def deactivate_switch(app: AppContext, switch_id: UUID, *, actor: str) -> ReleasedMessages:
    """Let go what a switch held, unless another one covers it; what came too late expires.

    A message whose time came meanwhile goes at the next sending hour inside its window. What is
    left by an interruption, or held by a worker in that moment, `release_held()` lets go.
    Raises `NotFound`, and `Conflict` for a switch that was lifted before.
    """
    app.store.transact(lambda session: _lift(session, app.by(actor), switch_id))
    planned = gone = 0
    while True:
        batch = app.transact(actor, _release)
        planned, gone = planned + batch.planned, gone + batch.expired
        if batch.planned + batch.expired == 0:
            return ReleasedMessages(planned=planned, expired=gone)


def view_switches(app: AppContext, *, lifted: bool = False) -> list[SwitchView]:
    """Return the switches in force, the newest first; with `lifted` also those that were."""
    with app.store.read() as session:
        held = _held(session)
        return [_view(switch, held) for switch in list_switches(session, lifted=lifted)]


def _known(app: AppContext, scope: SwitchScope, value: str | None) -> str | None:
    """Return the value if it names something, in the files or among the messages."""
    if scope is SwitchScope.ALL:
        if value is not None:
            raise InvalidInput.of(scope.value, "stopping everything takes no name")
        return None
    steps = {
        name
        for protocol in app.catalogue.protocols.values()
        for step in protocol.steps
        for name in (step.key, f"{protocol.key}/{step.key}")
    }
    named = {
        SwitchScope.CLINIC: set(app.catalogue.clinics),
        SwitchScope.PROTOCOL: set(app.catalogue.protocols),
        SwitchScope.STEP: steps,
        SwitchScope.CHANNEL: {kind.value for kind in ChannelKind},
    }[scope]
    if value in named or (value and _has_messages(app, scope, value)):
        return value
    raise InvalidInput.of(
        scope.value, f"there is no {scope} {value!r}; choose one of: {', '.join(sorted(named))}"
    )


def _has_messages(app: AppContext, scope: SwitchScope, value: str) -> bool:
    """Say whether there are messages of it, though its file may be gone."""
    with app.store.read() as session:
        there = select(
            exists().where(covered((scope.value, value)), Message.kind == MessageKind.ADVICE.value)
        )
        return bool(session.scalar(there))


def _reason(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput.of("reason", "say why, in a few words and without a patient's name")
    if len(reason.strip()) > MAX_REASON:
        raise InvalidInput.of("reason", f"use at most {MAX_REASON} characters")
    return reason.strip()


def _throw(
    session: Session, by: AuditContext, cover: tuple[SwitchScope, str | None], *, reason: str
) -> UUID:
    scope, value = cover[0].value, cover[1]
    for switch in list_switches(session):
        if (switch.scope, switch.value) == (scope, value):
            return switch.id
    switch = Switch(
        id=new_id(by.real_at),
        scope=scope,
        value=value,
        reason=reason,
        thrown_at=by.at,
        thrown_by=by.actor,
    )
    session.add(switch)
    _record(session, by, switch, "switch.thrown")
    return switch.id


def _lift(session: Session, by: AuditContext, switch_id: UUID) -> None:
    switch = find_switch(session, switch_id)
    if switch is None:
        raise NotFound(f"there is no kill switch {switch_id}; list them with: followup switches")
    if switch.lifted_at is not None:
        raise Conflict(f"this kill switch was lifted before, by {switch.lifted_by}")
    switch.lifted_at, switch.lifted_by = by.at, by.actor
    _record(session, by, switch, "switch.lifted")


def _release(unit: UnitOfWork) -> ReleasedMessages:
    """Plan a batch of held messages again that no switch covers, or expire them."""
    conditions = [~covered(cover) for cover in covers_in_force(unit.session)]
    ids = unit.session.scalars(
        select(Message.id)
        .where(state_is(State.HELD), Message.reason == Reason.SWITCH.value, *conditions)
        .order_by(Message.id)
        .limit(SWITCH_BATCH)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    # Whether an hour for sending is left in its window is judged at the claim, a tick later.
    planned = move_messages(
        unit.session,
        unit.by,
        ids,
        expected=State.HELD,
        to=State.PLANNED,
        reason=Reason.SWITCH_LIFTED,
        only=Message.not_after > unit.by.at,
    )
    gone = move_messages(
        unit.session, unit.by, ids, expected=State.HELD, to=State.EXPIRED, reason=Reason.WINDOW_OVER
    )
    handle_expired(unit, list(gone))
    return ReleasedMessages(planned=len(planned), expired=len(gone))


class _Held(NamedTuple):
    """How many messages of one clinic, protocol, step and channel kill switches hold."""

    clinic: str
    protocol: str | None
    step: str
    channel: str
    held: int


def _held(session: Session) -> Sequence[_Held]:
    """Return how many messages kill switches hold: for each clinic, protocol, step and channel."""
    kinds = (Message.clinic, Message.protocol, Message.step, Message.channel)
    found = session.execute(
        select(*kinds, func.count().label("held"))
        .where(state_is(State.HELD), Message.reason == Reason.SWITCH.value)
        .group_by(*kinds)
    )
    return [_Held(*row) for row in found]


def _view(switch: Switch, held: Sequence[_Held]) -> SwitchView:
    cover = (switch.scope, switch.value)
    return SwitchView(
        id=switch.id,
        scope=switch.scope,
        value=switch.value,
        reason=switch.reason,
        thrown_at=switch.thrown_at,
        thrown_by=switch.thrown_by,
        lifted_at=switch.lifted_at,
        lifted_by=switch.lifted_by,
        held=sum(row.held for row in held if is_covered([cover], row))
        if switch.lifted_at is None
        else 0,
    )


def _record(session: Session, by: AuditContext, switch: Switch, action: str) -> None:
    # The reason stands in the switch's own row, which is never deleted.
    record_event(
        session,
        by,
        AuditEntry(
            action=action,
            clinic=switch.value if switch.scope == SwitchScope.CLINIC else None,
            detail={"switch": str(switch.id), "scope": switch.scope, "value": switch.value},
        ),
    )
