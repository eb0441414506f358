"""Cancelling what is unsent of an enrolment that was found and locked.

What waits for several locks takes them in one order, so that no two wait for each other: enrolments
by rising id, then messages by rising id, then patients. PostgreSQL undoes what still crosses, and
`Store.transact` runs it again.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from followup.domain.errors import Conflict, NotFound
from followup.domain.lifecycle import UNSENT_STATES, EnrolmentState, State
from followup.domain.reasons import Reason
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.message_state import lock_in, move_messages
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message


def find_enrolment_for_change(
    session: Session, enrolment_id: UUID, *, lock: bool = False
) -> Enrolment:
    """Return an enrolment, locked if it is to be changed; raise `NotFound` if there is none."""
    query = select(Enrolment).where(Enrolment.id == enrolment_id)
    enrolment = session.scalar(query.with_for_update(key_share=True) if lock else query)
    if enrolment is None:
        message = f"there is no enrolment {enrolment_id}; list them with: followup messages"
        raise NotFound(message)
    return enrolment


def must_be_open(enrolment: Enrolment) -> None:
    """Raise `Conflict` for an enrolment that was withdrawn; one that has finished can be moved."""
    must_go_on_by_itself(enrolment)
    if enrolment.state == EnrolmentState.WITHDRAWN:
        message = f"enrolment {enrolment.id} was withdrawn; enrol the patient anew if they return"
        raise Conflict(message)


def must_go_on_by_itself(enrolment: Enrolment) -> None:
    """Raise `Conflict` for an enrolment that goes on in another: its patient had two records."""
    if enrolment.merged_into is not None:
        message = (
            f"enrolment {enrolment.id} goes on in enrolment {enrolment.merged_into}, of the same "
            "procedure: use that one"
        )
        raise Conflict(message)


def must_be_ongoing(enrolment: Enrolment) -> None:
    """Raise `Conflict` for an enrolment of which nothing is to come any more."""
    must_be_open(enrolment)
    if enrolment.state == EnrolmentState.FINISHED:
        message = (
            f"enrolment {enrolment.id} has finished: no message is left that could be held or sent"
        )
        raise Conflict(message)


def cancel_unsent(
    session: Session, by: AuditContext, *, reason: Reason, enrolment_ids: Collection[UUID]
) -> int:
    """Cancel what the provider was not called for yet; return how many messages that was."""
    which = Message.enrolment_id.in_(enrolment_ids)
    return cancel_unsent_where(session, by, which, reason=reason)


def cancel_unsent_where(
    session: Session, by: AuditContext, *which: ColumnElement[bool], reason: Reason
) -> int:
    """Do what `cancel_unsent` does to the messages for which all these conditions hold."""
    found = lock_in(session, UNSENT_STATES, *which)
    return sum(
        len(move_messages(session, by, ids, expected=state, to=State.CANCELLED, reason=reason))
        for state, ids in found.items()
    )


def note_on_enrolment(
    session: Session,
    by: AuditContext,
    enrolment: Enrolment,
    action: str,
    *,
    detail: dict[str, object] | None = None,
) -> None:
    """Write an audit event about an enrolment."""
    record_event(
        session,
        by,
        AuditEntry(
            action=action,
            clinic=enrolment.clinic,
            patient_id=enrolment.patient_id,
            enrolment_id=enrolment.id,
            detail=detail,
        ),
    )
