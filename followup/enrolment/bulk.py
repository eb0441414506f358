"""Bulk enrolment: many patients in one transaction, in a fraction of the statements.

More than some hundreds at once would hold up the dispatcher on SQLite, and no transaction may last
so long that the audit trail is sealed before it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from followup.consent.in_force import ObjectionsInForce
from followup.context import AppContext, UnitOfWork
from followup.domain.errors import AlreadyEnrolled
from followup.domain.intake.on_conflict import OnConflict
from followup.enrolment.enrol import (
    CheckedEnrolment,
    Enrolled,
    EnrolmentRequest,
    check_request,
    new_enrolment,
    new_enrolments,
    objections_to,
    timeline_of,
)
from followup.enrolment.enrol_or_update import enrol_or_update, enrol_or_update_in
from followup.enrolment.existing import known_patients, patient_keys
from followup.enrolment.message_rows import (
    MessageRow,
    MessageRows,
    TimelineRows,
    add_generations,
)
from followup.enrolment.missed_steps import ask_to_call
from followup.enrolment.objections import heed_objections
from followup.enrolment.reading_needs import ask_for_help
from followup.patients import records as patients
from followup.patients.match import PatientKey, alike_among, lock_keys
from followup.patients.search_keys import SearchRow, insert_search_rows, search_rows
from followup.releases.reviews import require_enrollable
from followup.store.audit_log import AuditContext, record_events
from followup.store.engine.bulk import insert_objects
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient

ENROLMENT_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedEnrolment:
    """A request that can be carried out, and by what its patient may be known.

    The rows are those of somebody new: where the patient is there, they are not used.
    """

    checked: CheckedEnrolment
    keys: frozenset[PatientKey]
    patient: Patient
    search_rows: list[SearchRow]
    enrolment: Enrolment
    messages: list[MessageRow]

    @property
    def timeline(self) -> TimelineRows:
        return timeline_of(self.enrolment, self.checked)


def prepare_enrolment(
    app: AppContext, request: EnrolmentRequest, *, by: AuditContext, make: MessageRows
) -> PreparedEnrolment:
    """Do all of an enrolment that takes no database; raise `InvalidInput` as `check_request` does.

    Whoever enrols many does this for some while the database is busy with others.
    """
    checked = check_request(app, request)
    indexes, person = app.keyring.indexes, request.person
    patient = patients.new_patient(app.keyring, person, clinic=request.clinic, at=by.at)
    enrolment = new_enrolment(app, checked, patient, by=by)
    keys = patient_keys(indexes, person, clinic=request.clinic, reference=request.reference)
    return PreparedEnrolment(
        checked=checked,
        keys=keys,
        patient=patient,
        search_rows=search_rows(indexes, patient, person, alike=alike_among(keys)),
        enrolment=enrolment,
        messages=make.of(timeline_of(enrolment, checked), by=by),
    )


def enrol_all(
    app: AppContext,
    requests: Sequence[EnrolmentRequest],
    *,
    actor: str,
    on_conflict: OnConflict = OnConflict.REFUSE,
) -> list[Enrolled]:
    """Enrol patients as `enrol_or_update` does, all of them or none; return them in order.

    Raises `InvalidInput` or `Conflict` as it does.
    """
    by, make = app.by(actor), MessageRows(app)
    prepared = [prepare_enrolment(app, request, by=by, make=make) for request in requests]
    return enrol_prepared(app, prepared, actor=actor, on_conflict=on_conflict)


def enrol_prepared(
    app: AppContext,
    prepared: Sequence[PreparedEnrolment],
    *,
    actor: str,
    on_conflict: OnConflict = OnConflict.REFUSE,
) -> list[Enrolled]:
    """Do what `enrol_all` does; raises `Conflict` alone."""

    def work(unit: UnitOfWork) -> list[Enrolled]:
        keys = {key for each in prepared for key in each.keys}
        lock_keys(unit.session, keys)
        in_force = objections_to(
            unit.session, app, [each.checked.request for each in prepared], keys
        )
        fresh = _fresh(prepared, known_patients(unit.session, keys))
        enrolled = _enrol_fresh(unit, list(fresh.values()), in_force)
        done = dict(zip(fresh, enrolled, strict=True))
        return [
            done.get(place)
            or enrol_or_update_in(unit, each.checked, on_conflict=on_conflict, in_force=in_force)
            for place, each in enumerate(prepared)
        ]

    return app.transact(actor, work)


def enrol_all_again(
    app: AppContext,
    request: EnrolmentRequest,
    *,
    actor: str,
    on_conflict: OnConflict = OnConflict.REFUSE,
) -> Enrolled:
    """Enrol one patient; one without a reference who has the procedure already is left as is."""
    try:
        return enrol_or_update(app, request, actor=actor, on_conflict=on_conflict)
    except AlreadyEnrolled as error:
        if request.reference is not None:
            raise
        return Enrolled(enrolment_id=error.enrolment_id, created=False, objection=error.objection)


def _fresh(
    prepared: Sequence[PreparedEnrolment], known: Iterable[PatientKey]
) -> Mapping[int, PreparedEnrolment]:
    """Return, by their places, those that nothing that is known or before them clashes with."""
    met = set(known)
    fresh: dict[int, PreparedEnrolment] = {}
    for place, each in enumerate(prepared):
        if met.isdisjoint(each.keys):
            fresh[place] = each
        met |= each.keys
    return fresh


def _enrol_fresh(
    unit: UnitOfWork, fresh: Sequence[PreparedEnrolment], in_force: ObjectionsInForce
) -> list[Enrolled]:
    session, app = unit.session, unit.app
    requests = [each.checked.request for each in fresh]
    for clinic, protocol in {(one.clinic, one.protocol) for one in requests}:
        require_enrollable(session, app, clinic, protocol)
    insert_objects(session, Patient, [each.patient for each in fresh])
    insert_search_rows(session, [row for each in fresh for row in each.search_rows])
    insert_objects(session, Enrolment, [each.enrolment for each in fresh])
    timelines = [each.timeline for each in fresh]
    add_generations(unit, timelines, [row for each in fresh for row in each.messages])
    record_events(session, unit.by, (new_enrolments(one.enrolment, one.checked) for one in fresh))
    ask_to_call(unit, timelines)
    for each in fresh:
        if needs := each.checked.request.person.needs:
            ask_for_help(unit, each.patient, needs, enrolment_id=each.enrolment.id)
    return [
        Enrolled(
            enrolment_id=each.enrolment.id,
            created=True,
            objection=heed_objections(unit, each.enrolment, each.patient, in_force),
        )
        for each in fresh
    ]
