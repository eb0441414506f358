"""The ledger of who does not want to be written to: lodged once, lifted by the patient only."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.kit import Kit
from followup.ongoing import cancel_unsent
from followup.store.audit_log import Deed, Entry, record
from followup.store.models import Enrolment, Objection, Patient
from followup.store.patients import open_objections
from followup.store.types import new_id


def lodge(
    session: Session,
    kit: Kit,
    deed: Deed,
    *,
    patient: Patient,
    channel: ChannelKind | None,
    source: str,
) -> bool:
    """Keep a patient's objection and cancel what it covers; return False if it was there already.

    `channel` None means every channel. `source` is where the wish came from: `sms`, `link`,
    `carrier`, `staff`. The address itself is noted too, so that it holds however often and under
    whichever name it is enrolled again.
    """
    del kit
    wanted = None if channel is None else channel.value
    in_force = open_objections(session, patient_ids=[patient.id], contact_indexes=[])
    if any(objection.channel in (None, wanted) for objection in in_force):
        return False
    session.add(
        Objection(
            id=new_id(deed.real_at),
            patient_id=patient.id,
            contact_index=_contact_index(patient, channel),
            channel=wanted,
            source=source,
            lodged_at=deed.at,
            lodged_by=deed.actor,
        )
    )
    record(
        session,
        deed,
        Entry(
            action="objection.lodged",
            clinic=patient.clinic,
            patient_id=patient.id,
            detail={"channel": wanted or "all", "source": source},
        ),
    )
    session.flush()
    if channel is None:
        _cancel_all(session, deed, patient)
    return True


def lodge_for_address(session: Session, deed: Deed, *, contact_index: bytes, source: str) -> bool:
    """Keep the objection of an address that is no patient's, to everything.

    Return False if it was there already. A patient who is enrolled with it later is not written to.
    """
    in_force = open_objections(session, patient_ids=[], contact_indexes=[contact_index])
    if any(objection.channel is None for objection in in_force):
        return False
    session.add(
        Objection(
            id=new_id(deed.real_at),
            contact_index=contact_index,
            source=source,
            lodged_at=deed.at,
            lodged_by=deed.actor,
        )
    )
    record(
        session,
        deed,
        Entry(action="objection.lodged", detail={"channel": "all", "source": source}),
    )
    session.flush()
    return True


def lift(
    session: Session,
    deed: Deed,
    *,
    patient: Patient,
    source: str,
    channel: ChannelKind | None = None,
) -> int:
    """Lift objections of a patient, at their own word; return how many were in force.

    `channel` leaves those alone that are about another one.
    """
    contact_indexes = [index for index in (patient.mobile_index, patient.email_index) if index]
    in_force = open_objections(session, patient_ids=[patient.id], contact_indexes=contact_indexes)
    return _lift(session, deed, in_force, source=source, channel=channel, patient=patient)


def lift_for_address(
    session: Session, deed: Deed, *, contact_index: bytes, source: str, channel: ChannelKind
) -> int:
    """Lift the objections of an address, whoever lodged them; return how many were in force."""
    in_force = open_objections(session, patient_ids=[], contact_indexes=[contact_index])
    return _lift(session, deed, in_force, source=source, channel=channel, patient=None)


def _lift(
    session: Session,
    deed: Deed,
    in_force: Sequence[Objection],
    *,
    source: str,
    channel: ChannelKind | None,
    patient: Patient | None,
) -> int:
    lifted = 0
    for objection in in_force:
        if None not in (channel, objection.channel) and objection.channel != channel:
            continue
        objection.lifted_at, objection.lifted_by = deed.at, deed.actor
        lifted += 1
        record(
            session,
            deed,
            Entry(
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


def _cancel_all(session: Session, deed: Deed, patient: Patient) -> None:
    enrolment_ids = session.scalars(
        select(Enrolment.id).where(Enrolment.patient_id == patient.id).order_by(Enrolment.id)
    ).all()
    if enrolment_ids:
        cancel_unsent(session, deed, reason="objection", enrolment_ids=enrolment_ids)
