"""Pause and resume of an enrolment."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.consent.cancel_unsent import (
    find_enrolment_for_change,
    must_be_ongoing,
    note_on_enrolment,
)
from followup.context import AppContext
from followup.domain.errors import Conflict
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.reasons import Reason
from followup.store.audit_log import AuditContext
from followup.store.message_state import lock_in, move_messages
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.worklist import WorklistItem


def pause_enrolment(app: AppContext, enrolment_id: UUID, *, actor: str) -> int:
    """Hold every unsent message of an enrolment; return how many. Windows go on running out."""
    return app.store.transact(lambda session: _pause(session, app, enrolment_id, actor=actor))


def resume_enrolment(app: AppContext, enrolment_id: UUID, *, actor: str) -> int:
    """Let the messages of a paused enrolment go again; return how many are still useful.

    The next tick sends those whose time came meanwhile, or puts them off to the next sending hour
    inside their window; one whose window is over expires.
    """
    return app.store.transact(lambda session: _resume(session, app, enrolment_id, actor=actor))


def hold_messages(session: Session, by: AuditContext, enrolment_id: UUID) -> int:
    """Hold what is planned or waits for a worker; return how many messages that was."""
    found = lock_in(session, (State.PLANNED, State.CLAIMED), Message.enrolment_id == enrolment_id)
    return sum(
        len(move_messages(session, by, ids, expected=state, to=State.HELD, reason=Reason.PAUSED))
        for state, ids in found.items()
    )


def _pause(session: Session, app: AppContext, enrolment_id: UUID, *, actor: str) -> int:
    by = app.by(actor)
    enrolment = find_enrolment_for_change(session, enrolment_id, lock=True)
    must_be_ongoing(enrolment)
    if enrolment.state == EnrolmentState.PAUSED:
        return 0
    enrolment.state = EnrolmentState.PAUSED.value
    note_on_enrolment(session, by, enrolment, "enrolment.paused")
    return hold_messages(session, by, enrolment.id)


def _resume(session: Session, app: AppContext, enrolment_id: UUID, *, actor: str) -> int:
    by = app.by(actor)
    enrolment = find_enrolment_for_change(session, enrolment_id, lock=True)
    must_be_ongoing(enrolment)
    if enrolment.state == EnrolmentState.ACTIVE:
        return 0
    if waits_for_identity(session, enrolment.patient_id):
        message = (
            "this patient may be one who is known here already: first say whether it is the same "
            "person, in Needs attention or with followup worklist"
        )
        raise Conflict(message)
    return resume_in(session, by, enrolment)


def waits_for_identity(session: Session, patient_id: UUID) -> bool:
    """Say whether a person is yet to judge whether this patient is another one."""
    asked = session.scalar(
        select(WorklistItem.id)
        .where(
            WorklistItem.patient_id == patient_id,
            WorklistItem.kind == ItemKind.SAME_PERSON.value,
            WorklistItem.state != "closed",
        )
        .limit(1)
    )
    return asked is not None


def resume_in(session: Session, by: AuditContext, enrolment: Enrolment) -> int:
    """Let the messages of a paused enrolment go again, within a transaction."""
    enrolment.state = EnrolmentState.ACTIVE.value
    note_on_enrolment(session, by, enrolment, "enrolment.resumed")
    # What a limit holds is for a person to let go, who looks at that.
    paused = (
        Message.enrolment_id == enrolment.id,
        Message.reason.is_distinct_from(Reason.VOLUME_LIMIT.value),
    )
    held = lock_in(session, [State.HELD], *paused)[State.HELD]
    useful = move_messages(
        session,
        by,
        held,
        expected=State.HELD,
        to=State.PLANNED,
        reason=Reason.RESUMED,
        only=Message.not_after > by.at,
    )
    return len(useful)
