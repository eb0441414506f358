"""Two procedures of one patient: the older follow-up ends where the newer one begins.

Advice is counted in days from a procedure ("by now the pain should be settling"), so that of an
older one would be wrong after a newer one, and warning signs would come twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from followup.consent.cancel_unsent import cancel_unsent_where, note_on_enrolment
from followup.context import UnitOfWork
from followup.domain.lifecycle import ONGOING_STATES, UNSENT_STATES, EnrolmentState
from followup.domain.reasons import Reason
from followup.messages.view import utc_text
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.wording.enrolments import joined_text


@dataclass(frozen=True, slots=True, kw_only=True)
class OlderFollowUp:
    """A follow-up that ends where a newer one begins, and how many of its messages go with that."""

    enrolment_id: UUID
    procedure_at: datetime
    zone: str
    cancelled: int

    @property
    def sentence(self) -> str:
        """What whoever enrols the newer one is told."""
        return joined_text(self.procedure_at, ZoneInfo(self.zone), self.cancelled)

    def as_json(self) -> dict[str, object]:
        """Return it as the machine interface writes it."""
        return {
            "enrolment_id": str(self.enrolment_id),
            "procedure_at": utc_text(self.procedure_at),
            "cancelled": self.cancelled,
            "message": self.sentence,
        }


def next_procedure(
    session: Session, patient_id: UUID, *, after: datetime, apart_from: UUID | None = None
) -> datetime | None:
    """Return when the patient's next procedure is whose follow-up was not ended early."""
    query = select(func.min(Enrolment.procedure_at)).where(
        Enrolment.patient_id == patient_id,
        Enrolment.procedure_at > after,
        Enrolment.state != EnrolmentState.WITHDRAWN.value,
    )
    if apart_from is not None:
        query = query.where(Enrolment.id != apart_from)
    return session.scalar(query)


def older_follow_ups(
    session: Session, patient_id: UUID, *, procedure_at: datetime
) -> Sequence[OlderFollowUp]:
    """Return the follow-ups that a procedure at that time would end, and change nothing."""
    found = session.execute(
        select(Enrolment, func.count(Message.id))
        .join(Message, Message.enrolment_id == Enrolment.id)
        .where(
            *_older(patient_id, procedure_at),
            Message.due_at >= procedure_at,
            Message.state.in_([state.value for state in UNSENT_STATES]),
        )
        .group_by(Enrolment.id)
        .order_by(Enrolment.id)
    )
    return [_told(enrolment, count) for enrolment, count in found]


def end_older_follow_ups(unit: UnitOfWork, newer: Enrolment) -> tuple[OlderFollowUp, ...]:
    """Cancel what older follow-ups of the patient would still send after a newer procedure."""
    older = unit.session.scalars(
        select(Enrolment)
        .where(*_older(newer.patient_id, newer.procedure_at))
        .order_by(Enrolment.id)
        .with_for_update(key_share=True)
    ).all()
    ended = []
    for each in older:
        cancelled = end_follow_up(unit, each, at=newer.procedure_at)
        if cancelled:
            ended.append(_told(each, cancelled))
    return tuple(ended)


def end_follow_up(unit: UnitOfWork, enrolment: Enrolment, *, at: datetime) -> int:
    """Cancel what is not sent and due from a newer procedure on; return how many that was."""
    cancelled = cancel_unsent_where(
        unit.session,
        unit.by,
        Message.enrolment_id == enrolment.id,
        Message.due_at >= at,
        reason=Reason.NEWER_PROCEDURE,
    )
    if cancelled:
        note_on_enrolment(
            unit.session,
            unit.by,
            enrolment,
            "enrolment.superseded",
            detail={"to": at.isoformat(), "cancelled": cancelled},
        )
    return cancelled


def _older(patient_id: UUID, procedure_at: datetime) -> list[ColumnElement[bool]]:
    return [
        Enrolment.patient_id == patient_id,
        Enrolment.procedure_at < procedure_at,
        Enrolment.state.in_(ONGOING_STATES),
    ]


def _told(enrolment: Enrolment, cancelled: int) -> OlderFollowUp:
    return OlderFollowUp(
        enrolment_id=enrolment.id,
        procedure_at=enrolment.procedure_at,
        zone=enrolment.zone,
        cancelled=cancelled,
    )
