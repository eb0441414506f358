"""Two records of one person, enrolled as a hospital's lists make them by mistake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from followup.context import AppContext
from followup.domain.merging.facts import Question, Side
from followup.enrolment.enrol import enrol
from followup.merging.merge import MergeRequest, MergeResult, merge_patients
from followup.merging.undo import undo_merge
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from tests.support.people import PROCEDURE_AT, nhs_number, request

ACTOR = "cli:test"
BORN = date(1949, 8, 3)
DAY = timedelta(days=1)
SURVIVOR = {"name": "Siân O'Neill", "date_of_birth": BORN, "nhs_number": nhs_number(7)}
DUPLICATE = {
    "name": "Jane Oneill",
    "date_of_birth": BORN,
    "nhs_number": None,
    "mobile": "+447700900222",
    "email": "other@example.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoRecords:
    """Two records with an enrolment each: patients' ids, and enrolments' ids."""

    survivor: UUID
    duplicate: UUID
    kept: UUID
    other: UUID


def patient_of(app: AppContext, enrolment_id: UUID) -> UUID:
    """Return whose an enrolment is."""
    with app.store.read() as session:
        return session.get_one(Enrolment, enrolment_id).patient_id


def patient(app: AppContext, patient_id: UUID) -> Patient:
    """Return a patient as they are now."""
    with app.store.read() as session:
        return session.get_one(Patient, patient_id)


def two_records(
    app: AppContext,
    *,
    ours: dict[str, Any] | None = None,
    theirs: dict[str, Any] | None = None,
) -> TwoRecords:
    """Enrol one person twice, under two names; the duplicate's procedure is three days older."""
    one = request(1, **{**SURVIVOR, **(ours or {})})
    defaults = {"reference": "OTHER", "procedure_at": PROCEDURE_AT - 3 * DAY}
    other = request(1, **{**DUPLICATE, **defaults, **(theirs or {})})
    kept = enrol(app, one, actor=ACTOR).enrolment_id
    double = enrol(app, other, actor=ACTOR).enrolment_id
    return TwoRecords(
        survivor=patient_of(app, kept),
        duplicate=patient_of(app, double),
        kept=kept,
        other=double,
    )


def merge(
    app: AppContext,
    both: TwoRecords,
    *,
    reason: str = "She says so",
    actor: str = ACTOR,
    item_id: UUID | None = None,
    **decisions: Side,
) -> MergeResult:
    """Merge the duplicate into the survivor."""
    request = MergeRequest(
        survivor_id=both.survivor,
        duplicate_id=both.duplicate,
        reason=reason,
        decisions={Question(name): side for name, side in decisions.items()},
        item_id=item_id,
    )
    return merge_patients(app, request, actor=actor)


def undo(app: AppContext, merged: MergeResult, *, actor: str = ACTOR) -> None:
    """Take a merge back."""
    undo_merge(app, merged.merge_id, actor=actor)
