"""Procedures of a day or a week, and what is unanswered for each: four queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.lifecycle import EnrolmentState
from followup.domain.protocols.timing import instant_at
from followup.intake.feed.drafts import WaitingDraft, waiting_drafts
from followup.patients.records import Person
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.worklist.queries import is_open

MOST_PROCEDURES = 200
"""So many one page shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureEntry:
    """A procedure: of somebody who is enrolled, or one of which something is missing first.

    `at` is local; `items` counts what needs action about the patient.
    """

    at: datetime
    clinic: str
    protocol: str
    person: Person | None
    patient: Patient | None = None
    enrolment: Enrolment | None = None
    draft: WaitingDraft | None = None
    items: int = 0

    @property
    def is_unconfirmed(self) -> bool:
        """Whether nobody has made sure of the number."""
        patient = self.patient
        return (
            patient is not None
            and patient.mobile_index is not None
            and patient.mobile_confirmed is None
        )


def procedures_between(
    session: Session,
    app: AppContext,
    clinics: Collection[str],
    days: tuple[date, date],
    *,
    zone: ZoneInfo,
    person: Callable[[Patient], Person | None],
) -> tuple[list[ProcedureEntry], bool]:
    """Return the procedures from the first day up to the last, and whether there are more.

    `person` says who a patient is, to whoever asks.
    """
    first, last = days
    since = instant_at(first, time.min, zone=zone)
    until = instant_at(last + timedelta(days=1), time.min, zone=zone)
    rows = session.execute(
        select(Enrolment, Patient)
        .join(Patient, Patient.id == Enrolment.patient_id)
        .where(
            Enrolment.clinic.in_(clinics),
            Enrolment.procedure_at >= since,
            Enrolment.procedure_at < until,
            Enrolment.state != EnrolmentState.WITHDRAWN.value,
        )
        .order_by(Enrolment.procedure_at, Enrolment.id)
        .limit(MOST_PROCEDURES + 1)
    ).all()
    shown = rows[:MOST_PROCEDURES]
    items = _open_items(session, [row.Patient.id for row in shown])
    found = [
        ProcedureEntry(
            at=row.Enrolment.procedure_at.astimezone(zone),
            clinic=row.Enrolment.clinic,
            protocol=row.Enrolment.protocol,
            person=person(row.Patient),
            patient=row.Patient,
            enrolment=row.Enrolment,
            items=items[row.Patient.id],
        )
        for row in shown
    ]
    drafts = waiting_drafts(session, app, clinics, between=(since, until), limit=MOST_PROCEDURES)
    entries = sorted([*found, *_of_drafts(drafts, zone)], key=lambda entry: entry.at)
    return entries, len(rows) > MOST_PROCEDURES


def _open_items(session: Session, patient_ids: Sequence[UUID]) -> Counter[UUID]:
    rows = session.execute(
        select(WorklistItem.patient_id, func.count())
        .where(is_open(), WorklistItem.patient_id.in_(patient_ids))
        .group_by(WorklistItem.patient_id)
    )
    return Counter({row[0]: row[1] for row in rows if row[0] is not None})


def _of_drafts(drafts: Iterable[WaitingDraft], zone: ZoneInfo) -> list[ProcedureEntry]:
    return [
        ProcedureEntry(
            at=draft.content.procedure_at.astimezone(zone),
            clinic=draft.content.clinic,
            protocol=draft.content.protocol,
            person=draft.content.person,
            draft=draft,
        )
        for draft in drafts
    ]
