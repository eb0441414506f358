"""Answer that somebody is a patient who is there already: a merge, undone within a day."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import Conflict
from followup.enrolment.same_person import find_alike, find_question
from followup.merging.merge import MergeRequest, merge_in
from followup.patients.merged import survivor_of
from followup.wording.records.merging import SAME_PERSON


@dataclass(frozen=True, slots=True, kw_only=True)
class SamePerson:
    """Which record went into which, and the merge by which that is undone."""

    survivor_id: UUID
    duplicate_id: UUID
    merge_id: UUID


def say_same_person(app: AppContext, item_id: UUID, *, actor: str) -> SamePerson:
    """Let a new patient's enrolments go on under the record that was there.

    Contact details that were given later count, unless those of before were confirmed. Raises
    `Conflict` where the item is closed or asks something else, and `InvalidInput` where the two
    records contradict each other: then whoever merges them says which is right.
    """

    def work(unit: UnitOfWork) -> SamePerson:
        item = find_question(unit.session, item_id)
        alike = find_alike(unit.session, item)
        if alike is None or item.patient_id is None:
            raise Conflict("this item does not ask whether two patients are one")
        survivor = survivor_of(unit.session, alike)
        request = MergeRequest(
            survivor_id=survivor.id,
            duplicate_id=item.patient_id,
            reason=SAME_PERSON,
            later_contacts=True,
            item_id=item.id,
        )
        made = merge_in(unit, request)
        return SamePerson(
            survivor_id=survivor.id, duplicate_id=request.duplicate_id, merge_id=made.merge_id
        )

    return app.transact(actor, work)
