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
from followup.enrolment.message_rows import add_generations
from followup.enrolment.missed_steps import ask_to_call
from followup.enrolment.objections import heed_objections
from followup.enrolment.reading_needs import ask_for_help
from followup.patients import records as patients
from followup.patients.match import PatientKey, lock_keys
from followup.patients.search_keys import write_search_keys
from followup.releases.reviews import require_enrollable
from followup.store.audit_log import record_events
from followup.store.engine.bulk import insert_objects
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient

ENROLMENT_BATCH = 200


@dataclass(frozen=True, slots=True)
class PreparedEnrolment:
    """A request that can be carried out, and by what its patient may be known."""

    checked: CheckedEnrolment
    keys: frozenset[PatientKey]


def prepare_enrolment(app: AppContext, request: EnrolmentRequest) -> PreparedEnrolment:
    """Do all of an enrolment that takes no database; raise `InvalidInput` as `check_request` does.

    Whoever enrols many does this for some while the database is busy with others.
    """
    checked = check_request(app, request)
    # Worked out here, and kept.
    _ = checked.timeline
    indexes = app.keyring.indexes
    keys = patient_keys(indexes, request.person, clinic=request.clinic, reference=request.reference)
    return PreparedEnrolment(checked, keys)


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
    prepared = [prepare_enrolment(app, request) for request in requests]
    return enrol_prepared(app, prepared, actor=actor, on_conflict=on_conflict)


def enrol_prepared(
    app: AppContext,
    prepared: Sequence[PreparedEnrolment],
    *,
    actor: str,
    on_conflict: OnConflict = OnConflict.REFUSE,
) -> list[Enrolled]:
    """Do what `enrol_all` does; raises `Conflict` alone."""
    checked = [each.checked for each in prepared]
    known_by = [each.keys for each in prepared]

    def work(unit: UnitOfWork) -> list[Enrolled]:
        keys = {key for each in known_by for key in each}
        lock_keys(unit.session, keys)
        in_force = objections_to(unit.session, app, [each.request for each in checked], keys)
        fresh = _fresh(checked, known_by, known_patients(unit.session, keys))
        enrolled = _enrol_fresh(unit, fresh, in_force)
        done = dict(zip(fresh, enrolled, strict=True))
        return [
            done.get(place)
            or enrol_or_update_in(unit, each, on_conflict=on_conflict, in_force=in_force)
            for place, each in enumerate(checked)
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
    checked: Sequence[CheckedEnrolment],
    known_by: Sequence[frozenset[PatientKey]],
    known: Iterable[PatientKey],
) -> Mapping[int, CheckedEnrolment]:
    """Return, by their places, those that nothing that is known or before them clashes with."""
    met = set(known)
    fresh: dict[int, CheckedEnrolment] = {}
    for place, (each, own) in enumerate(zip(checked, known_by, strict=True)):
        if met.isdisjoint(own):
            fresh[place] = each
        met |= own
    return fresh


def _enrol_fresh(
    unit: UnitOfWork,
    fresh: Mapping[int, CheckedEnrolment],
    in_force: ObjectionsInForce,
) -> list[Enrolled]:
    session, app, by = unit.session, unit.app, unit.by
    all_checked = list(fresh.values())
    for clinic, protocol in {(one.request.clinic, one.request.protocol) for one in all_checked}:
        require_enrollable(session, app, clinic, protocol)
    people = [
        patients.new_patient(app.keyring, each.request.person, clinic=each.request.clinic, at=by.at)
        for each in all_checked
    ]
    enrolments = [
        new_enrolment(app, each, patient, by=by)
        for each, patient in zip(all_checked, people, strict=True)
    ]
    insert_objects(session, Patient, people)
    write_search_keys(
        session,
        app.keyring.indexes,
        zip(people, (each.request.person for each in all_checked), strict=True),
        are_new=True,
    )
    insert_objects(session, Enrolment, enrolments)
    pairs = list(zip(enrolments, all_checked, strict=True))
    timelines = [timeline_of(*pair) for pair in pairs]
    add_generations(unit, timelines)
    record_events(session, by, (new_enrolments(*pair) for pair in pairs))
    ask_to_call(unit, timelines)
    for enrolment, patient, each in zip(enrolments, people, all_checked, strict=True):
        needs = each.request.person.needs
        if needs:
            ask_for_help(unit, patient, needs, enrolment_id=enrolment.id)
    return [
        Enrolled(
            enrolment_id=enrolment.id,
            created=True,
            objection=heed_objections(unit, enrolment, patient, in_force),
        )
        for enrolment, patient in zip(enrolments, people, strict=True)
    ]
