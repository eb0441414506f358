"""Answers given at enrolment, changed later: what is not sent yet is planned anew for them.

A patient who is booked ahead has answers that nobody can be sure of before the procedure.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from followup.consent.cancel_unsent import find_enrolment_for_change, note_on_enrolment
from followup.context import AppContext, UnitOfWork
from followup.domain.reasons import Reason
from followup.enrolment.received import ANSWER
from followup.enrolment.reschedule import (
    join_follow_ups,
    protocol_of,
    reopen_finished,
    replan_timeline,
    tell_of_move,
    write_generation,
)


def change_answers(
    app: AppContext, enrolment_id: UUID, given: Mapping[str, object], *, actor: str
) -> bool:
    """Put these answers in place of those given, and plan anew; return whether any is another.

    What was received is not repeated, and a person is asked about what is too late now. Raises
    `InvalidInput` for answers that the protocol does not take, and `Conflict` for an enrolment that
    was withdrawn or goes on in another, or whose protocol is no longer configured.
    """
    return app.transact(actor, lambda unit: _change(unit, enrolment_id, given))


def _change(unit: UnitOfWork, enrolment_id: UUID, given: Mapping[str, object]) -> bool:
    session, app = unit.session, unit.app
    enrolment = find_enrolment_for_change(session, enrolment_id, lock=True)
    answers = protocol_of(app, enrolment).check_attributes(given)
    changed = [key for key, answer in answers.items() if enrolment.attributes.get(key) != answer]
    if not changed:
        return False
    enrolment.attributes = {**enrolment.attributes, **answers}
    at = enrolment.procedure_at
    planned = replan_timeline(session, app, enrolment, at)
    write_generation(unit, enrolment, planned, procedure_at=at, reason=Reason.CORRECTED)
    fields = [f"{ANSWER}{key}" for key in changed]
    note_on_enrolment(session, unit.by, enrolment, "enrolment.corrected", detail={"fields": fields})
    reopen_finished(session, unit.by, enrolment, planned)
    tell_of_move(unit, enrolment, planned)
    join_follow_ups(unit, patient_id=enrolment.patient_id)
    return True
