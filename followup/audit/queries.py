"""Audit trail queries: by time, by who did it, and by what was done."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.orm import Session

from followup.domain import actors
from followup.patients.merged import records_of
from followup.store.models.audit import AuditEvent
from followup.store.models.patients import Patient

NAMED = ("web:", "cli:", "api:")
"""How the actors begin who have names."""
OUTSIDE = (actors.PATIENT, actors.PROVIDER)
"""The other actors that are not the service itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTrail:
    """Which events: every condition that is set must hold. Times are service time.

    `clinics` None is all of them, and what belongs to none. `by` is an actor, or the beginning of
    one with a colon; empty text is the service itself. `kinds` are actions, or beginnings of them
    that end in a dot; `but` those that are left out. `before` is where the page before ended.
    """

    since: datetime
    until: datetime
    clinics: Collection[str] | None = None
    by: str | None = None
    kinds: Sequence[str] = ()
    but: Sequence[str] = ()
    before: tuple[datetime, int] | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on an event."""
        yield AuditEvent.at >= self.since
        yield AuditEvent.at < self.until
        if self.clinics is not None:
            yield AuditEvent.clinic.in_(list(self.clinics))
        if self.by is not None:
            yield _by(self.by)
        if self.kinds:
            yield or_(*map(_kind, self.kinds))
        for kind in self.but:
            yield ~_kind(kind)
        if self.before is not None:
            yield tuple_(AuditEvent.at, AuditEvent.id) < tuple_(*self.before)

    def after(self, event: AuditEvent) -> AuditTrail:
        """Return the same choice from behind this event on."""
        return replace(self, before=(event.at, event.id))


def audit_trail(session: Session, wanted: AuditTrail, *, limit: int) -> Sequence[AuditEvent]:
    """Return the latest events that are wanted, the latest first."""
    return session.scalars(
        select(AuditEvent)
        .where(*wanted.conditions())
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
        .limit(limit)
    ).all()


def patients_in(session: Session, events: Sequence[AuditEvent]) -> Sequence[Patient]:
    """Return the patients whom these events are about."""
    ids: set[UUID] = {event.patient_id for event in events if event.patient_id is not None}
    return session.scalars(select(Patient).where(Patient.id.in_(ids))).all()


def _by(who: str) -> ColumnElement[bool]:
    if not who:
        named = (~AuditEvent.actor.startswith(each) for each in NAMED)
        return and_(*named, AuditEvent.actor.not_in(OUTSIDE))
    if who.endswith(":"):
        return AuditEvent.actor.startswith(who, autoescape=True)
    return AuditEvent.actor == who


def _kind(kind: str) -> ColumnElement[bool]:
    if kind.endswith("."):
        return AuditEvent.action.startswith(kind, autoescape=True)
    return AuditEvent.action == kind


def events_of_patient(session: Session, patient_id: UUID) -> Sequence[AuditEvent]:
    """Return all that was done about a patient, whichever of their records it was, in order."""
    records = [each.id for each in records_of(session, patient_id)]
    return session.scalars(
        select(AuditEvent).where(AuditEvent.patient_id.in_(records)).order_by(AuditEvent.id)
    ).all()


def events_of_enrolment(
    session: Session, *, enrolment_id: UUID, patient_id: UUID
) -> Sequence[AuditEvent]:
    """Return all that was done about an enrolment and its patient, in order."""
    records = [each.id for each in records_of(session, patient_id)]
    return session.scalars(
        select(AuditEvent)
        .where(
            or_(
                AuditEvent.enrolment_id == enrolment_id,
                AuditEvent.patient_id.in_(records) & AuditEvent.enrolment_id.is_(None),
            )
        )
        .order_by(AuditEvent.id)
    ).all()
