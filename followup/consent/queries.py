"""Objection listing, with the enrolments that they bear on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Objection


@dataclass(frozen=True, slots=True)
class ObjectionView:
    """An objection, and the enrolments of the patient who lodged it (of none: an address alone)."""

    objection: Objection
    enrolments: tuple[Enrolment, ...]


def list_objections(
    session: Session, *, patient_id: UUID | None = None, with_lifted: bool = False
) -> list[ObjectionView]:
    """Return the objections in force, of all or of one patient, in the order lodged."""
    query = select(Objection).order_by(Objection.lodged_at, Objection.id)
    if patient_id is not None:
        query = query.where(Objection.patient_id == patient_id)
    if not with_lifted:
        query = query.where(Objection.lifted_at.is_(None))
    objections = session.scalars(query).all()
    enrolments = _enrolments(session, objections)
    return [ObjectionView(it, tuple(enrolments[it.patient_id])) for it in objections]


def _enrolments(
    session: Session, objections: Sequence[Objection]
) -> defaultdict[UUID | None, list[Enrolment]]:
    found: defaultdict[UUID | None, list[Enrolment]] = defaultdict(list)
    patients = {it.patient_id for it in objections if it.patient_id is not None}
    query = select(Enrolment).where(Enrolment.patient_id.in_(patients)).order_by(Enrolment.id)
    for enrolment in session.scalars(query):
        found[enrolment.patient_id].append(enrolment)
    return found
