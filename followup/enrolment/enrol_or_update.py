"""Enrolment, or correction of the one that is there: the one entry for all that comes in."""

from __future__ import annotations

from sqlalchemy.orm import Session

from followup.consent.in_force import ObjectionsInForce
from followup.context import AppContext, UnitOfWork
from followup.domain.errors import EnrolmentClash
from followup.domain.intake.on_conflict import OnConflict
from followup.enrolment.correct import apply_correction
from followup.enrolment.enrol import (
    CheckedEnrolment,
    Enrolled,
    EnrolmentRequest,
    Foreseen,
    check_request,
    dry_run,
    enrol_in,
)


def enrol_or_update(
    app: AppContext,
    request: EnrolmentRequest,
    *,
    actor: str,
    on_conflict: OnConflict = OnConflict.REFUSE,
) -> Enrolled:
    """Enrol a patient, or apply what is sent to the enrolment that is there, in one transaction.

    The same content again changes nothing. Raises what `enrol` does; of an `EnrolmentClash`,
    `needs` is the `on_conflict` that would apply it.
    """
    checked = check_request(app, request)
    return app.transact(
        actor, lambda unit: enrol_or_update_in(unit, checked, on_conflict=on_conflict)
    )


def enrol_or_update_in(
    unit: UnitOfWork,
    checked: CheckedEnrolment,
    *,
    on_conflict: OnConflict,
    in_force: ObjectionsInForce | None = None,
) -> Enrolled:
    """Do what `enrol_or_update` does within a transaction."""
    try:
        return enrol_in(unit, checked, in_force=in_force)
    except EnrolmentClash as clash:
        # It is raised before anything is written.
        if not on_conflict.allows(clash.needs):
            raise
        return apply_correction(unit, clash.enrolment_id, checked)


def foresee(
    session: Session,
    app: AppContext,
    checked: CheckedEnrolment,
    *,
    on_conflict: OnConflict,
    in_force: ObjectionsInForce | None = None,
) -> Foreseen:
    """Return what would come of it; raise what is known to be refused, and write nothing."""
    try:
        return dry_run(session, app, checked, in_force=in_force)
    except EnrolmentClash as clash:
        if not on_conflict.allows(clash.needs):
            raise
        return Foreseen(enrolment_id=clash.enrolment_id, updates=clash.fields, changes=True)
