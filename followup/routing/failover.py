"""Failover to the second account: its periods, since when and until when.

They are kept in the database, so that every process, the alarms and the console tell the same. A
spell begins with the first message that goes by the second account, and ends with the next one
that the first account takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.errors import FollowupError
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.engine.session import Store
from followup.store.engine.types import new_id
from followup.store.models.operations import StandIn

NOTE_EVERY = timedelta(seconds=5)
"""How often (real time) a process notes, at most, that the same still holds."""
ONE_PERIOD = timedelta(minutes=2)
"""A spell that ended so short a while ago goes on: the first account was back for a moment only."""

log = structlog.get_logger()

_noted: WeakKeyDictionary[Store, dict[tuple[ChannelKind, bool], datetime]] = WeakKeyDictionary()
"""When this process last noted that a second account stands in (true), or the first is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverPeriod:
    """A spell that has not ended. Times are real."""

    channel: ChannelKind
    since: datetime
    last: datetime


def note_failover(app: AppContext, kind: ChannelKind) -> None:
    """Note that messages go by the second account now. Never raises."""
    if _is_due(app, kind, standing_in=True):
        _note(app, partial(_go_on, app=app, kind=kind))


def note_failback(app: AppContext, kind: ChannelKind) -> None:
    """Note that the first account took a message, which ends a spell, if any. Never raises."""
    if _is_due(app, kind, standing_in=False):
        _note(app, partial(_end, app=app, kind=kind))


def failover_periods(session: Session) -> Sequence[FailoverPeriod]:
    """Return the spells that have not ended."""
    found = session.scalars(
        select(StandIn).where(StandIn.ended_real_at.is_(None)).order_by(StandIn.began_real_at)
    )
    return [
        FailoverPeriod(
            channel=ChannelKind(one.channel), since=one.began_real_at, last=one.last_real_at
        )
        for one in found
    ]


def _note(app: AppContext, work: Callable[[Session], None]) -> None:
    try:
        app.store.transact(work)
    except (FollowupError, SQLAlchemyError) as error:
        # Messages matter more than what is told of their way.
        log.warning("stand_in.not_noted", cause=type(error).__name__)


def _is_due(app: AppContext, kind: ChannelKind, *, standing_in: bool) -> bool:
    noted, now = _noted.setdefault(app.store, {}), app.clock.real_now()
    last = noted.get((kind, standing_in))
    if last is not None and now - last < NOTE_EVERY:
        return False
    noted[kind, standing_in] = now
    # The other way round it is news again at once.
    noted.pop((kind, not standing_in), None)
    return True


def _go_on(session: Session, *, app: AppContext, kind: ChannelKind) -> None:
    by = app.by(actors.WORKER)
    latest = session.scalars(
        select(StandIn)
        .where(StandIn.channel == kind.value)
        .order_by(StandIn.began_real_at.desc())
        .limit(1)
        .with_for_update()
    ).first()
    ended = latest.ended_real_at if latest else None
    if latest is not None and (ended is None or by.real_at - ended < ONE_PERIOD):
        latest.last_real_at, latest.ended_real_at = by.real_at, None
        if ended is None:
            return
    else:
        session.add(
            StandIn(
                id=new_id(by.real_at),
                channel=kind.value,
                began_real_at=by.real_at,
                last_real_at=by.real_at,
                ended_real_at=None,
            )
        )
    _tell(session, by, kind, "began")


def _end(session: Session, *, app: AppContext, kind: ChannelKind) -> None:
    by = app.by(actors.WORKER)
    ended = session.execute(
        update(StandIn)
        .where(StandIn.channel == kind.value, StandIn.ended_real_at.is_(None))
        .values(ended_real_at=by.real_at)
        .returning(StandIn.id)
        .execution_options(synchronize_session=False)
    ).all()
    if ended:
        _tell(session, by, kind, "ended")


def _tell(session: Session, by: AuditContext, kind: ChannelKind, what: str) -> None:
    detail = {"channel": kind.value}
    record_event(session, by, AuditEntry(action=f"second-account.{what}", detail=detail))
    log.warning("second_account.turned", channel=kind.value, what=what)
