"""Answer of a person to the question whether somebody is a patient who is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.consent.cancel_unsent import cancel_unsent, note_on_enrolment
from followup.consent.objections import lodge_objection
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.intake.on_conflict import OnConflict
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ItemOutcome
from followup.domain.lifecycle import EnrolmentState
from followup.domain.reasons import Reason
from followup.enrolment.enrol import EnrolmentRequest, check_request, must_be_alive
from followup.enrolment.enrol_or_update import enrol_or_update_in
from followup.enrolment.identity_question import ALIKE
from followup.enrolment.pause import resume_in
from followup.enrolment.received import Received, marks_of, read_content
from followup.patients.merged import point_to, survivor_of
from followup.patients.records import Person, open_objections, read_patient
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import close_item_in


def say_two_people(app: AppContext, item_id: UUID, *, actor: str) -> int:
    """Let a new patient's enrolments go ahead; return how many messages are to come.

    Raises `Conflict` where the item is closed, or asks something else.
    """

    def work(unit: UnitOfWork) -> int:
        item = _find(unit.session, item_id)
        held = _enrolments(unit.session, item)
        close_item_in(unit, item.id, outcome=ItemOutcome.TWO_PEOPLE)
        return sum(
            resume_in(unit.session, unit.by, one)
            for one in held
            if one.state == EnrolmentState.PAUSED
        )

    return app.transact(actor, work)


def say_same_person(app: AppContext, item_id: UUID, *, actor: str) -> UUID:
    """Let a new patient's enrolments go on under the record that was there; return that patient.

    Later details count, as in an update; objections of both are kept, and the name as it stood.
    Whoever is sent under the new spelling from now on is taken for the same person. Raises
    `Conflict` where the item is closed, asks something else, or what was held clashes.
    """

    def work(unit: UnitOfWork) -> UUID:
        item = _find(unit.session, item_id)
        merged, survivor = _both(unit.session, item)
        must_be_alive(survivor)
        moved = [
            _take_over(unit, one, merged=merged, survivor=survivor)
            for one in _enrolments(unit.session, item)
        ]
        # Found by name, number or likeness from now on, and by its identity the survivor alone.
        merged.identity_index, merged.merged_into = None, survivor.id
        unit.session.flush()
        point_to(unit.session, merged.id, survivor_id=survivor.id)
        _keep_objections(unit, merged, survivor)
        close_item_in(unit, item.id, outcome=ItemOutcome.SAME_PERSON)
        record_event(
            unit.session,
            unit.by,
            AuditEntry(
                action="patient.merged",
                clinic=merged.clinic,
                patient_id=merged.id,
                detail={"into": str(survivor.id)},
            ),
        )
        for request, sent in moved:
            _enrol(unit, request, sent)
        return survivor.id

    return app.transact(actor, work)


def find_alike(session: Session, item: WorklistItem) -> Patient | None:
    """Return whom the patient of an item may be; None where an item asks something else."""
    alike = item.detail.get(ALIKE) if item.kind == ItemKind.SAME_PERSON else None
    return session.get(Patient, UUID(alike)) if alike else None


def _find(session: Session, item_id: UUID) -> WorklistItem:
    item = session.get(WorklistItem, item_id, with_for_update={"key_share": True})
    if item is None:
        raise NotFound(f"there is no worklist item {item_id}")
    if item.kind != ItemKind.SAME_PERSON:
        raise Conflict("this item does not ask whether two patients are one")
    if item.state == "closed":
        raise Conflict("this item is closed already")
    return item


def _both(session: Session, item: WorklistItem) -> tuple[Patient, Patient]:
    merged = session.get_one(Patient, item.patient_id)
    survivor = survivor_of(session, session.get_one(Patient, UUID(item.detail[ALIKE])))
    if survivor.data_key is None or merged.data_key is None:
        raise Conflict("the data of one of the two was erased: say that they are two people")
    return merged, survivor


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


def _take_over(
    unit: UnitOfWork, enrolment: Enrolment, *, merged: Patient, survivor: Patient
) -> tuple[EnrolmentRequest, Received]:
    """End an enrolment of the record that goes; return it as a request, and as it was sent."""
    app = unit.app
    known, given = read_patient(survivor, app.keyring), read_patient(merged, app.keyring)
    if known is None or given is None:
        raise Conflict("the data of one of the two was erased: say that they are two people")
    request = EnrolmentRequest(
        clinic=enrolment.clinic,
        protocol=enrolment.protocol,
        reference=enrolment.reference,
        procedure_at=enrolment.procedure_at,
        attributes=dict(enrolment.attributes),
        person=_as_known(given, known),
        channels=tuple(ChannelKind(channel) for channel in enrolment.channels),
    )
    cancel_unsent(unit.session, unit.by, reason=Reason.MERGED, enrolment_ids=[enrolment.id])
    enrolment.state, enrolment.reference = EnrolmentState.WITHDRAWN.value, None
    enrolment.ended_at, enrolment.finish_due_at = unit.by.at, None
    unit.session.flush()
    note_on_enrolment(
        unit.session, unit.by, enrolment, "enrolment.withdrawn", detail={"why": Reason.MERGED.value}
    )
    sent = read_content(
        protocol=enrolment.protocol,
        procedure_at=enrolment.procedure_at,
        attributes=enrolment.attributes,
        person=given,
        channels=request.channels,
    )
    return request, sent


def _as_known(given: Person, known: Person) -> Person:
    """Return the newer details under the identity that is known."""
    return replace(
        given,
        name=known.name or given.name,
        date_of_birth=known.date_of_birth or given.date_of_birth,
        nhs_number=known.nhs_number or given.nhs_number,
    )


def _enrol(unit: UnitOfWork, request: EnrolmentRequest, sent: Received) -> None:
    """Enrol the patient who was there, and know what was sent when it is sent again."""
    try:
        checked = check_request(unit.app, request)
    except InvalidInput:
        # So long ago that nothing of it would be of use.
        return
    made = enrol_or_update_in(unit, checked, on_conflict=OnConflict.UPDATE)
    enrolment = unit.session.get_one(Enrolment, made.enrolment_id)
    marks = marks_of(unit.app, enrolment.id, sent)
    enrolment.received = {**(enrolment.received or {}), **marks}


def _keep_objections(unit: UnitOfWork, merged: Patient, survivor: Patient) -> None:
    for each in open_objections(unit.session, patient_ids=[merged.id], contact_indexes=[]):
        lodge_objection(
            unit.session,
            unit.by,
            patient=survivor,
            channel=ChannelKind(each.channel) if each.channel else None,
            source=each.source,
            at=each.lodged_at,
        )
