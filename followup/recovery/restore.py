"""Restore from a backup: sending stops, and what may have gone out since is in doubt.

Between backup and restore messages were sent that the database no longer knows of. Nothing that
could be one of them goes out before its provider was asked, or a person has looked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.eligibility import Stop
from followup.domain.errors import ConfigurationError, Conflict
from followup.domain.kill_switch import SwitchScope
from followup.domain.lifecycle import OUTCOME_PENDING, UNSENT_STATES, State
from followup.domain.reasons import Reason
from followup.erasure.shred_list import apply_shred_list
from followup.messages.outcomes import look_again_later
from followup.recovery.backup import last_heartbeat_in
from followup.sending.eligibility import check_eligibility, load_for_sending
from followup.sending.kill_switches import activate_switch
from followup.sending.presumed_sent import FORGETFUL_PROVIDERS, hand_to_person, presume_sent
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.session import Store
from followup.store.message_state import move_messages, state_is
from followup.store.models.messages import Attempt, Message
from followup.store.models.operations import Restore, Sweep

RESTORE_BATCH = 500
A_WHILE = timedelta(seconds=8)
"""A stack that runs, even one with nothing to do, notes that more often than this."""

RESTORE_REASON = "a backup was restored: see followup after-restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedRestore:
    """A restore that the database knows of: since when, and how much it put in doubt.

    `erased` is how many patients were in it who had been erased since.
    """

    taken_at: datetime
    in_doubt: int
    erased: int = 0


def require_no_pending_restore(store: Store) -> None:
    """Raise `ConfigurationError` where the database is a backup that was put in place by hand."""
    with store.read() as session:
        pending = session.scalar(select(Restore.id).where(Restore.restored_real_at.is_(None)))
    if pending is not None:
        raise ConfigurationError(
            "this database is a backup, and messages may have gone out since it was taken; "
            "before anything is started, run: followup after-restore"
        )


def require_stopped(app: AppContext, *, rest: Callable[[timedelta], None]) -> None:
    """Raise `Conflict` if the dispatcher or a sweep works on this database; `rest` waits."""
    before = _last_run(app)
    rest(A_WHILE)
    if _last_run(app) != before:
        raise Conflict(
            "something works on this database: stop every worker, beat and web process first"
        )


def _last_run(app: AppContext) -> datetime | None:
    with app.store.read() as session:
        return session.scalar(select(func.max(Sweep.started_real_at)))


def mark_restored(app: AppContext, *, taken_at: datetime | None, actor: str) -> MarkedRestore:
    """Let the database know that it was restored from a backup, and stop all sending.

    Whoever was erased since is erased here too, before anything else is done.

    `taken_at` (real time) is when the backup was taken; the database's own last heartbeat counts
    where that is earlier. Everything that fell due before now is in doubt from here on.
    """
    # Before anything is written here, which is a heartbeat too.
    alive = last_heartbeat_in(app.store)
    activate_switch(app, SwitchScope.ALL, reason=RESTORE_REASON, actor=actor)
    erased = apply_shred_list(app, actor=actor)
    marked = app.transact(actor, lambda unit: _mark(unit, taken_at=taken_at, alive=alive))
    return replace(marked, erased=erased)


def last_restore(session: Session) -> Restore | None:
    """Return the restore that this database is the outcome of, if it ever was restored."""
    return session.scalar(
        select(Restore)
        .where(Restore.restored_real_at.is_not(None))
        .order_by(Restore.id.desc())
        .limit(1)
    )


def _mark(unit: UnitOfWork, *, taken_at: datetime | None, alive: datetime | None) -> MarkedRestore:
    pending = unit.session.scalars(select(Restore).where(Restore.restored_real_at.is_(None))).all()
    known = [at for at in (taken_at, alive, *(one.taken_real_at for one in pending)) if at]
    for one in pending:
        unit.session.delete(one)
    restore = Restore(
        taken_real_at=min([*known, unit.by.real_at]),
        restored_at=unit.by.at,
        restored_real_at=unit.by.real_at,
        restored_by=unit.by.actor,
    )
    unit.session.add(restore)
    unit.session.flush()
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action="database.restored", detail={"taken_at": restore.taken_real_at.isoformat()}
        ),
    )
    _distrust(unit)
    return MarkedRestore(taken_at=restore.taken_real_at, in_doubt=_put_in_doubt(unit))


def _distrust(unit: UnitOfWork) -> None:
    """Let what was under way when the backup was taken be no surer than the rest."""
    under_way = select(Message.id).where(state_is(*OUTCOME_PENDING))
    unit.session.execute(
        update(Attempt)
        .where(Attempt.message_id.in_(under_way), Attempt.over_real_at < unit.by.real_at)
        # It may have been tried again until now: "not there" counts only from here on.
        .values(over_real_at=unit.by.real_at)
        .execution_options(synchronize_session=False)
    )
    unit.session.execute(
        update(Message)
        # Should it have failed meanwhile, its other channel may have been used.
        .where(state_is(*OUTCOME_PENDING, State.SENT), Message.may_fall_back.is_(True))
        .values(may_fall_back=False)
        .execution_options(synchronize_session=False)
    )
    forgetful = [
        kind.value for kind, one in unit.app.channels.items() if one.provider in FORGETFUL_PROVIDERS
    ]
    for state in OUTCOME_PENDING:
        ids = unit.session.scalars(
            select(Message.id).where(state_is(state), Message.channel.in_(forgetful))
        ).all()
        if state is State.SENDING:
            move_messages(
                unit.session, unit.by, ids, expected=state, to=State.UNKNOWN, reason=Reason.RESTORED
            )
        for id_ in ids:
            look_again_later(unit.session, id_, at=None)
            hand_to_person(unit, id_)


def _put_in_doubt(unit: UnitOfWork) -> int:
    ids = unit.session.scalars(
        select(Message.id)
        .where(state_is(*UNSENT_STATES), Message.due_at <= unit.by.at)
        .order_by(Message.id)
        .with_for_update(key_share=True)
    ).all()
    return sum(
        _presume(unit, ids[start : start + RESTORE_BATCH])
        for start in range(0, len(ids), RESTORE_BATCH)
    )


def _presume(unit: UnitOfWork, ids: Sequence[UUID]) -> int:
    rows = load_for_sending(unit.session, ids)
    verdicts = check_eligibility(unit.session, unit.app, rows, now=unit.by.at)
    wanted = Stop(State.UNKNOWN, Reason.RESTORED)
    return presume_sent(unit, [row for row in rows if verdicts[row.id] == wanted])
