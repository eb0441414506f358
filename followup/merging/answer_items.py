"""Answer to the items that ask whether two patients are one: they are."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from followup.context import UnitOfWork
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ItemOutcome
from followup.domain.lifecycle import EnrolmentState
from followup.enrolment.pause import resume_in, waits_for_identity
from followup.enrolment.same_person import find_alike
from followup.merging.before import Columns, columns_of
from followup.merging.both_records import BothRecords
from followup.patients.merged import survivor_of
from followup.store.models.enrolments import Enrolment
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import close_item_in

ITEM_COLUMNS = ("state", "owner", "closed_at", "closed_by", "outcome")


def answer_items(
    unit: UnitOfWork, both: BothRecords, *, item_id: UUID | None
) -> dict[str, Columns]:
    """Close what asks whether the two are one, and let go what was held for it.

    `item_id` is the item from which somebody came. Return how those that were closed stood before.
    """
    session, closed = unit.session, dict[str, Columns]()
    asking = session.scalars(
        select(WorklistItem)
        .where(
            WorklistItem.state != "closed",
            (
                (WorklistItem.kind == ItemKind.SAME_PERSON.value)
                & WorklistItem.patient_id.in_(both.ids)
            )
            | (WorklistItem.id == item_id),
        )
        .order_by(WorklistItem.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for item in asking:
        alike = find_alike(session, item)
        if alike is not None and survivor_of(session, alike).id not in both.ids:
            continue
        closed[str(item.id)] = columns_of(item, ITEM_COLUMNS)
        close_item_in(unit, item.id, outcome=ItemOutcome.SAME_PERSON)
        asked = item.patient_id if alike is not None else None
        if asked is not None and not waits_for_identity(session, asked):
            _resume_all(unit, asked)
    return closed


def _resume_all(unit: UnitOfWork, patient_id: UUID) -> None:
    held = unit.session.scalars(
        select(Enrolment)
        .where(Enrolment.patient_id == patient_id, Enrolment.state == EnrolmentState.PAUSED.value)
        .order_by(Enrolment.id)
    ).all()
    for each in held:
        resume_in(unit.session, unit.by, each)
