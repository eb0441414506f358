"""Enrolment look-up by what a person has at hand."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.store.engine.id_prefix import SHORTEST_PREFIX, id_range, is_id_like
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient

MOST_FOUND = 5


def patient_id_of(app: AppContext, wanted: str) -> UUID:
    """Return whose an enrolment is that `find_enrolment` finds."""
    with app.store.read() as session:
        return find_enrolment(session, wanted).patient_id


def find_enrolment(session: Session, wanted: str) -> Enrolment:
    """Return the enrolment with this id, the only one whose id begins so, or with this reference.

    Raises `NotFound`; `Conflict` where it could be several; `InvalidInput` for too short a
    beginning.
    """
    found = {each.id: each for each in _by_reference(session, wanted.strip())}
    ids = id_range(wanted)
    if ids is not None:
        found |= {each.id: each for each in _within(session, *ids)}
    if len(found) == 1:
        return found.popitem()[1]
    if found:
        raise Conflict(_ambiguous(wanted, list(found.values())))
    if ids is None and is_id_like(wanted):
        raise InvalidInput.of(
            "id", f"give at least {SHORTEST_PREFIX} characters of an id, or a reference"
        )
    message = f"there is no enrolment {wanted!r}: give its id, or the reference it was enrolled by"
    raise NotFound(message)


def patient_of(session: Session, enrolment: Enrolment) -> Patient:
    """Return the patient of an enrolment."""
    return session.get_one(Patient, enrolment.patient_id)


def messages_of(session: Session, enrolment: Enrolment) -> Sequence[Message]:
    """Return the messages of an enrolment, of all generations, in the order they fall due."""
    return session.scalars(
        select(Message)
        .where(Message.enrolment_id == enrolment.id)
        .order_by(Message.due_at, Message.id)
    ).all()


def _by_reference(session: Session, reference: str) -> Sequence[Enrolment]:
    return session.scalars(
        select(Enrolment).where(Enrolment.reference == reference).limit(MOST_FOUND)
    ).all()


def _within(session: Session, first: UUID, last: UUID) -> Sequence[Enrolment]:
    return session.scalars(
        select(Enrolment)
        .where(Enrolment.id.between(first, last))
        .order_by(Enrolment.id)
        .limit(MOST_FOUND)
    ).all()


def _ambiguous(wanted: str, found: Sequence[Enrolment]) -> str:
    names = ", ".join(f"{each.id} ({each.clinic})" for each in found)
    return f"{wanted!r} could be any of: {names}; give the whole id"
