"""Deaths that a feed tells of, and takes back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import select

from followup.context import UnitOfWork
from followup.domain.errors import Conflict, InvalidInput
from followup.domain.lifecycle import EnrolmentState
from followup.enrolment.reschedule import reopen_in
from followup.enrolment.withdraw import withdraw_in
from followup.intake.feed.details import patients_of
from followup.intake.feed.facts import Facts
from followup.intake.feed.inbox import FeedState
from followup.intake.feed.outcome import Applied
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import FeedVisit
from followup.store.models.patients import Patient

DIED = "The hospital’s system says that the patient has died."
OURS = "_deaths"
"""The name among the facts under which `deaths_in` finds them."""


def deaths_in(facts: Facts) -> dict[str, list[str]]:
    """Return whose death was recorded because the feed told of it.

    For each patient the enrolments that it ended, and that are not of the feed; all are ids.
    """
    return dict(facts.get(OURS, ["", {}])[1])


def record_death(unit: UnitOfWork, facts: Facts, visits: Sequence[FeedVisit]) -> list[Applied]:
    """Record that the patients of a person have died: nothing more goes out, from this commit on.

    Whoever sends looks once more before each call.
    """
    outcomes: list[Applied] = []
    for patient in patients_of(unit, visits):
        if patient.deceased_at is not None:
            continue
        theirs = _enrolments(unit, patient)
        before = {each.id for each in theirs if each.state == EnrolmentState.WITHDRAWN}
        withdraw_in(unit, theirs[0].id, reason=DIED, deceased=True)
        ended = {each.id for each in theirs if each.state == EnrolmentState.WITHDRAWN} - before
        for visit in visits:
            visit.stopped = visit.stopped or visit.enrolment_id in ended
        # What visits of the feed led to goes on by what these ask for then.
        others = sorted(str(each) for each in ended - {visit.enrolment_id for visit in visits})
        facts[OURS] = ["", {**deaths_in(facts), str(patient.id): others}]
        outcomes.append(
            Applied(
                state=FeedState.CANCELLED,
                code="died",
                clinic=patient.clinic,
                patient_id=patient.id,
            )
        )
    unit.session.flush()
    return outcomes


def take_death_back(unit: UnitOfWork, facts: Facts, visits: Sequence[FeedVisit]) -> None:
    """Take back a death that the feed had told of, and let go on what it ended.

    What belongs to the feed's own visits goes on as these ask for; the rest as it was.
    """
    told = deaths_in(facts)
    facts.pop(OURS, None)
    for patient in patients_of(unit, visits):
        if str(patient.id) not in told or patient.deceased_at is None:
            continue
        patient.deceased_at = None
        record_event(
            unit.session,
            unit.by,
            AuditEntry(
                action="patient.death-taken-back", clinic=patient.clinic, patient_id=patient.id
            ),
        )
        unit.session.flush()
        for enrolment in _enrolments(unit, patient):
            ended = str(enrolment.id) in told[str(patient.id)]
            if ended and enrolment.state == EnrolmentState.WITHDRAWN:
                # What is over by now, or can't be planned any more, stays ended.
                with suppress(Conflict, InvalidInput), unit.session.begin_nested():
                    reopen_in(unit, enrolment.id, enrolment.procedure_at)


def _enrolments(unit: UnitOfWork, patient: Patient) -> Sequence[Enrolment]:
    return unit.session.scalars(
        select(Enrolment)
        .where(Enrolment.patient_id == patient.id)
        .order_by(Enrolment.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
