"""Check-in questions: the reply is kept, and silence past the deadline asks a person.

A text of a step with `reply_within` asks for 1 (all is well) or 2 (please ring). A number shared by
several patients answers for none of them: nobody knows who wrote, so a person reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import MAY_HAVE_ARRIVED, EnrolmentState, State
from followup.domain.reasons import Reason
from followup.domain.triage.check_in_answer import CheckInAnswer
from followup.store.audit_log import AuditEntry, record_event
from followup.store.message_state import state_is
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Objection, Patient
from followup.worklist.items import NewItem, open_item, settle_open_items

OPEN_FOR = timedelta(days=14)
"""A number that comes later than this after the question fell due may be about anything."""
CHANGE_OF_MIND = timedelta(days=1)
"""For so long an answer may be given again, or another one."""


def open_check_in(session: Session, of: Sequence[Patient], *, now: datetime) -> UUID | None:
    """Return the message whose question was open at `now` to the one patient who has this number.

    That may be past, of an answer that is found late: it answers nothing that was asked since, and
    takes no answer back that was given since.
    """
    if len(of) != 1:
        return None
    return session.scalar(
        select(Message.id)
        .where(
            Message.patient_id == of[0].id,
            Message.answer_wait.is_not(None),
            # Also what is still being sent: an answer can be here before our own record.
            state_is(*MAY_HAVE_ARRIVED),
            Message.due_at > now - OPEN_FOR,
            Message.due_at <= now,
            or_(
                Message.answer.is_(None),
                Message.answered_at.between(now - CHANGE_OF_MIND, now),
            ),
        )
        .order_by(Message.due_at.desc(), Message.id.desc())
        .limit(1)
    )


def record_check_in_answer(
    unit: UnitOfWork, *, message_id: UUID, answer: CheckInAnswer, inbound_id: UUID, at: datetime
) -> None:
    """Keep what the patient answered `at` that time; one who wants a call gets a worklist item."""
    message = unit.session.get_one(Message, message_id, with_for_update={"key_share": True})
    message.answer, message.answered_at, message.answer_due_at = answer.value, at, None
    unit.session.flush()
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action="message.answered",
            clinic=message.clinic,
            patient_id=message.patient_id,
            enrolment_id=message.enrolment_id,
            message_id=message.id,
            detail={"answer": answer.value, "inbound": str(inbound_id)},
        ),
    )
    settle_open_items(
        unit.session, unit.by, message.id, kinds=(ItemKind.NO_ANSWER,), outcome="answered"
    )
    if answer is CheckInAnswer.CALL:
        task = NewItem.of_message(message, kind=ItemKind.CALL_WANTED, cause=Reason.ASKED_FOR_A_CALL)
        open_item(unit, replace(task, inbound_id=inbound_id, since=at))


def chase_check_ins(app: AppContext, *, limit: int = 100) -> int:
    """Ask a person to ring each patient who has not answered in time; return how many were due.

    Nobody is asked about a patient who has died, was withdrawn, or has said that they want no more
    messages: they are not silent.
    """

    def work(unit: UnitOfWork) -> int:
        overdue = unit.session.scalars(
            select(Message)
            .where(Message.answer_due_at.is_not(None), Message.answer_due_at <= unit.by.at)
            .order_by(Message.answer_due_at)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        ).all()
        for message in overdue:
            # Asked about once only.
            message.answer_due_at = None
            if _is_silent(unit.session, message):
                task = NewItem.of_message(message, kind=ItemKind.NO_ANSWER, cause=Reason.NO_ANSWER)
                open_item(unit, task)
        unit.session.flush()
        return len(overdue)

    return app.transact(actors.SWEEPER, work)


def _is_silent(session: Session, message: Message) -> bool:
    """Say whether an answer was to be expected, and did not come."""
    if message.answer is not None or State(message.state) not in MAY_HAVE_ARRIVED:
        return False
    going_on = session.scalar(
        select(Enrolment.id)
        .join(Patient, Patient.id == Enrolment.patient_id)
        .where(
            Enrolment.id == message.enrolment_id,
            Enrolment.state != EnrolmentState.WITHDRAWN.value,
            Patient.deceased_at.is_(None),
            Patient.data_key.is_not(None),
        )
    )
    objected = session.scalar(
        select(Objection.id)
        .where(
            Objection.patient_id == message.patient_id,
            Objection.channel.is_(None),
            Objection.lifted_at.is_(None),
        )
        .limit(1)
    )
    return going_on is not None and objected is None
