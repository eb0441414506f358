"""Correction of an enrolment by what was sent again: applied as staff would, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from followup.consent.cancel_unsent import find_enrolment_for_change, note_on_enrolment
from followup.consent.in_force import ObjectionsInForce, addresses_of, objection_to_enrolment
from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, ContentDiffers
from followup.domain.lifecycle import EnrolmentState
from followup.domain.reasons import Reason
from followup.enrolment.enrol import (
    OTHER_PROTOCOL,
    CheckedEnrolment,
    Enrolled,
    EnrolmentRequest,
    must_be_alive,
)
from followup.enrolment.existing import merged_enrolments
from followup.enrolment.number_verification import keep_confirmed, verification_note
from followup.enrolment.objections import heed_objections
from followup.enrolment.reading_needs import change_needs
from followup.enrolment.received import (
    ANSWER,
    CHANNELS,
    PATIENT,
    PROTOCOL,
    TIME,
    added_channels,
    differences,
    marks_of,
)
from followup.enrolment.reschedule import (
    join_follow_ups,
    move_timeline,
    must_be_free,
    plan_lost_again,
    reopen_finished,
    replan_timeline,
    tell_of_move,
    write_generation,
)
from followup.patients import records as patients
from followup.patients.records import Person, open_objections
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient

REFERENCE = "reference"
NEEDS = f"{PATIENT}needs"


def apply_correction(
    unit: UnitOfWork, enrolment_id: UUID, checked: CheckedEnrolment, *, asks: bool = True
) -> Enrolled:
    """Apply to an enrolment what a request says anew; open it again if it was ended.

    What is not sent yet is planned anew where answers, channels or the time change; what was
    received is not repeated. A changed number is unconfirmed until staff confirm it. Raises
    `Conflict` for what can't be applied.
    """
    session, app = unit.session, unit.app
    enrolment = find_enrolment_for_change(session, enrolment_id, lock=True)
    patient = session.get_one(Patient, enrolment.patient_id, with_for_update=True)
    person = patients.read_patient(patient, app.keyring)
    if person is None:
        raise Conflict("the data of this enrolment's patient was erased; enrol the patient anew")
    must_be_alive(patient)
    merged = merged_enrolments(session, enrolment)
    fields = differences(app, enrolment, person, checked.content, merged=merged)
    if PROTOCOL in fields:
        raise ContentDiffers(enrolment.id, fields, refused=OTHER_PROTOCOL)
    corrected = _corrected(person, checked.request.person, fields)
    _must_be_nobody_else(unit, patient, person, corrected)
    changed = _correct_person(unit, patient, corrected, checked.request)
    if NEEDS in fields:
        change_needs(unit, patient, checked.request.person.needs, enrolment_id=enrolment.id)
    again = enrolment.state == EnrolmentState.WITHDRAWN
    if again or any(name in {TIME, CHANNELS} or name.startswith(ANSWER) for name in fields):
        _correct_timeline(unit, enrolment, checked, fields)
    if {"mobile", "email"} & set(changed):
        plan_lost_again(unit, patient_id=patient.id)
    if enrolment.reference is None and checked.request.reference is not None:
        enrolment.reference = checked.request.reference
        fields = (*fields, REFERENCE)
    if not fields and not again:
        objection = objection_to_enrolment(session, enrolment)
        return Enrolled(enrolment_id=enrolment.id, created=False, objection=objection)
    marks = marks_of(app, enrolment.id, checked.content)
    enrolment.received = {**(enrolment.received or {}), **marks}
    session.flush()
    note_on_enrolment(
        session, unit.by, enrolment, "enrolment.corrected", detail={"fields": list(fields)}
    )
    objection = heed_objections(
        unit, enrolment, patient, _in_force(unit, patient), asks=asks and again
    )
    return Enrolled(
        enrolment_id=enrolment.id,
        created=False,
        objection=objection,
        updated=fields,
        reopened=again,
    )


def _corrected(known: Person, given: Person, fields: Sequence[str]) -> Person:
    names = (*patients.SEALED_FIELDS, "language")
    new = {name: getattr(given, name) for name in names if f"{PATIENT}{name}" in fields}
    return replace(known, **new)


def _correct_person(
    unit: UnitOfWork, patient: Patient, corrected: Person, request: EnrolmentRequest
) -> tuple[str, ...]:
    """Write what is new about the patient; return the names of the details that changed."""
    changed = patients.update_patient(unit.session, patient, unit.app.keyring, corrected)
    # How staff made sure of a number says nothing of one that stands there since.
    number = request.number if corrected.mobile == request.person.mobile else None
    keep_confirmed(unit, patient, number)
    if changed:
        unit.session.flush()
        record_event(
            unit.session,
            unit.by,
            AuditEntry(
                action="patient.changed",
                clinic=patient.clinic,
                patient_id=patient.id,
                detail={"fields": list(changed), **verification_note(number)},
            ),
        )
    return changed


def _must_be_nobody_else(
    unit: UnitOfWork, patient: Patient, known: Person, corrected: Person
) -> None:
    indexes = unit.app.keyring.indexes
    if patients.find_another(unit.session, indexes, patient, before=known, after=corrected):
        message = (
            "another patient of this clinic has this NHS number, or this name and date of birth; "
            "nothing was changed. Find out which of the two it is, and correct the other one"
        )
        raise Conflict(message)


def _correct_timeline(
    unit: UnitOfWork, enrolment: Enrolment, checked: CheckedEnrolment, fields: Sequence[str]
) -> None:
    """Plan anew, for the answers, channels and time that were sent, what is not sent yet."""
    session, by, before = unit.session, unit.by, enrolment.procedure_at
    ended = enrolment.state == EnrolmentState.WITHDRAWN
    at = checked.procedure.at if TIME in fields else before
    answers = {
        key: value for key, value in checked.attributes.items() if f"{ANSWER}{key}" in fields
    }
    enrolment.attributes = {**enrolment.attributes, **answers}
    if CHANNELS in fields:
        added = added_channels(enrolment, checked.content, fields)
        chosen = [*enrolment.channels, *added] if added else checked.request.channels
        enrolment.channels = [ChannelKind(channel).value for channel in chosen]
    if ended:
        enrolment.state, enrolment.ended_at = EnrolmentState.ACTIVE.value, None
        enrolment.ended_reason_sealed = None
    with session.no_autoflush:
        must_be_free(session, enrolment, at)
    replan = move_timeline if TIME in fields else replan_timeline
    changed = replan(session, unit.app, enrolment, at)
    if ended and not changed.to_come:
        message = (
            f"enrolment {enrolment.id} was ended, and nothing of it would be of use any more: it "
            "stays ended"
        )
        raise Conflict(message)
    reason = Reason.RESCHEDULED if TIME in fields else Reason.CORRECTED
    write_generation(unit, enrolment, changed, procedure_at=at, reason=reason)
    if TIME in fields:
        note_on_enrolment(
            session,
            by,
            enrolment,
            "enrolment.rescheduled",
            detail=changed.note(before=before, to=at, generation=enrolment.generation),
        )
    if ended:
        note_on_enrolment(
            session, by, enrolment, "enrolment.reopened", detail={"to_come": changed.to_come}
        )
    reopen_finished(session, by, enrolment, changed)
    tell_of_move(unit, enrolment, changed)
    join_follow_ups(unit, patient_id=enrolment.patient_id)


def _in_force(unit: UnitOfWork, patient: Patient) -> ObjectionsInForce:
    indexes = [index for index in addresses_of(patient).values() if index is not None]
    return ObjectionsInForce(
        open_objections(unit.session, patient_ids=[patient.id], contact_indexes=indexes)
    )
