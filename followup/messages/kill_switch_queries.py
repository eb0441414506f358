"""Kill-switch queries: which are in force, and what each covers."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from followup.domain.kill_switch import Cover, SwitchScope
from followup.store.models.messages import Message
from followup.store.models.operations import Switch


def covers_in_force(session: Session) -> frozenset[Cover]:
    """Return what is stopped at present."""
    rows = session.execute(select(Switch.scope, Switch.value).where(Switch.lifted_at.is_(None)))
    return frozenset((row.scope, row.value) for row in rows)


def covered(cover: Cover) -> ColumnElement[bool]:
    """Return the condition that a message is stopped by this switch."""
    scope, value = SwitchScope(cover[0]), cover[1]
    if scope is SwitchScope.ALL:
        return true()
    if scope is SwitchScope.STEP and value is not None and "/" in value:
        protocol, _, step = value.partition("/")
        return Message.protocol.is_not_distinct_from(protocol) & (Message.step == step)
    column = {
        SwitchScope.CLINIC: Message.clinic,
        SwitchScope.PROTOCOL: Message.protocol,
        SwitchScope.STEP: Message.step,
        SwitchScope.CHANNEL: Message.channel,
    }[scope]
    # An answer has no protocol: a plain comparison would be neither true nor false of it.
    return column.is_not_distinct_from(value)


def find_switch(session: Session, switch_id: UUID) -> Switch | None:
    """Return a switch, locked."""
    return session.get(Switch, switch_id, with_for_update=True)


def list_switches(session: Session, *, lifted: bool = False) -> Sequence[Switch]:
    """Return the switches in force, the newest first; with `lifted` also those that were."""
    query = select(Switch).order_by(Switch.thrown_at.desc(), Switch.id.desc())
    return session.scalars(query if lifted else query.where(Switch.lifted_at.is_(None))).all()
