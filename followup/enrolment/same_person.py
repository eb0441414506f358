"""Question whether somebody is a patient who is there already, and the answer that they are not.

That they are is a merge of the two records: `followup.merging.same_person`.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import Conflict, NotFound
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ItemOutcome
from followup.domain.lifecycle import EnrolmentState
from followup.enrolment.identity_question import ALIKE
from followup.enrolment.pause import resume_in
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import close_item_in


def say_two_people(app: AppContext, item_id: UUID, *, actor: str) -> int:
    """Let a new patient's enrolments go ahead; return how many messages are to come.

    Raises `Conflict` where the item is closed, or asks something else.
    """

    def work(unit: UnitOfWork) -> int:
        item = find_question(unit.session, item_id)
        held = _enrolments(unit.session, item)
        close_item_in(unit, item.id, outcome=ItemOutcome.TWO_PEOPLE)
        return sum(
            resume_in(unit.session, unit.by, one)
            for one in held
            if one.state == EnrolmentState.PAUSED
        )

    return app.transact(actor, work)


def find_alike(session: Session, item: WorklistItem) -> Patient | None:
    """Return whom the patient of an item may be; None where an item asks something else."""
    alike = item.detail.get(ALIKE) if item.kind == ItemKind.SAME_PERSON else None
    return session.get(Patient, UUID(alike)) if alike else None


def find_question(session: Session, item_id: UUID) -> WorklistItem:
    """Return an item that asks it, locked; raise `Conflict` where it is closed or another one."""
    item = session.get(WorklistItem, item_id, with_for_update={"key_share": True})
    if item is None:
        raise NotFound(f"there is no worklist item {item_id}")
    if item.kind != ItemKind.SAME_PERSON:
        raise Conflict("this item does not ask whether two patients are one")
    if item.state == "closed":
        raise Conflict("this item is closed already")
    return item


def _enrolments(session: Session, item: WorklistItem) -> Sequence[Enrolment]:
    return session.scalars(
        select(Enrolment)
        .where(
            Enrolment.patient_id == item.patient_id,
            Enrolment.state != EnrolmentState.WITHDRAWN.value,
        )
        .order_by(Enrolment.id)
        .with_for_update(key_share=True)
    ).all()
