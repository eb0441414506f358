"""Opt-out ledger: objections lodged once, lifted by the patient only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.consent.cancel_unsent import cancel_unsent
from followup.domain.channel import ChannelKind
from followup.domain.reasons import Reason
from followup.patients.records import open_objections
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Objection, Patient


def lodge_objection(
    session: Session,
    by: AuditContext,
    *,
    patient: Patient,
    channel: ChannelKind | None,
    source: str,
    at: datetime | None = None,
) -> bool:
    """Keep a patient's objection and cancel what it covers; return False if it was there already.

    `channel` None means every channel. `source` is an `ObjectionSource`. The address itself is
    noted too, so that it holds however often and under whichever name it is enrolled again. `at`
    is when it was said, by default now.
    """
    wanted = None if channel is None else channel.value
    in_force = open_objections(session, patient_ids=[patient.id], contact_indexes=[])
    if any(objection.channel in (None, wanted) for objection in in_force):
        return False
    session.add(
        Objection(
            id=new_id(by.real_at),
            patient_id=patient.id,
            contact_index=_contact_index(patient, channel),
            channel=wanted,
            source=source,
            lodged_at=at or by.at,
            lodged_by=by.actor,
        )
    )
    record_event(
        session,
        by,
        AuditEntry(
            action="objection.lodged",
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"channel": wanted or "all", "source": source},
        ),
    )
    session.flush()
    if channel is None:
        _cancel_all(session, by, patient)
    return True


def lodge_objection_of_address(
    session: Session,
    by: AuditContext,
    *,
    contact_index: bytes,
    source: str,
    at: datetime | None = None,
) -> bool:
    """Keep the objection of an address that is no patient's, to everything.

    Return False if it was there already. A patient who is enrolled with it later is not written to.
    """
    in_force = open_objections(session, patient_ids=[], contact_indexes=[contact_index])
    if any(objection.channel is None for objection in in_force):
        return False
    session.add(
        Objection(
            id=new_id(by.real_at),
            contact_index=contact_index,
            source=source,
            lodged_at=at or by.at,
            lodged_by=by.actor,
        )
    )
    record_event(
        session,
        by,
        AuditEntry(action="objection.lodged", detail={"channel": "all", "source": source}),
    )
    session.flush()
    return True


def lift_objection(
    session: Session,
    by: AuditContext,
    *,
    patient: Patient,
    source: str,
    channel: ChannelKind | None = None,
    at: datetime | None = None,
) -> int:
    """Lift objections of a patient, at their own word; return how many were in force.

    `channel` leaves those alone that are about another one.
    """
    contact_indexes = [index for index in (patient.mobile_index, patient.email_index) if index]
    in_force = open_objections(session, patient_ids=[patient.id], contact_indexes=contact_indexes)
    return _lift(session, by, in_force, source=source, channel=channel, patient=patient, at=at)


def lift_objection_of_address(
    session: Session,
    by: AuditContext,
    *,
    contact_index: bytes,
    source: str,
    channel: ChannelKind,
    at: datetime | None = None,
) -> int:
    """Lift the objections of an address, whoever lodged them; return how many were in force."""
    in_force = open_objections(session, patient_ids=[], contact_indexes=[contact_index])
    return _lift(session, by, in_force, source=source, channel=channel, patient=None, at=at)


def _lift(
    session: Session,
    by: AuditContext,
    in_force: Sequence[Objection],
    *,
    source: str,
    channel: ChannelKind | None,
    patient: Patient | None,
    at: datetime | None,
) -> int:
    lifted = 0
    for objection in in_force:
        if None not in (channel, objection.channel) and objection.channel != channel:
            continue
        objection.lifted_at, objection.lifted_by = at or by.at, by.actor
        lifted += 1
        record_event(
            session,
            by,
            AuditEntry(
                action="objection.lifted",
                clinic=patient.clinic if patient else None,
                patient_id=patient.id if patient else objection.patient_id,
                detail={"channel": objection.channel or "all", "source": source},
            ),
        )
    session.flush()
    return lifted


def _contact_index(patient: Patient, channel: ChannelKind | None) -> bytes | None:
    if channel is ChannelKind.EMAIL:
        return patient.email_index
    return patient.mobile_index


def _cancel_all(session: Session, by: AuditContext, patient: Patient) -> None:
    enrolment_ids = session.scalars(
        select(Enrolment.id).where(Enrolment.patient_id == patient.id).order_by(Enrolment.id)
    ).all()
    if enrolment_ids:
        cancel_unsent(session, by, reason=Reason.OBJECTION, enrolment_ids=enrolment_ids)
