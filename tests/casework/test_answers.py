"""Answers that are changed after the enrolment: what is unsent is planned anew for them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from followup.casework.answers import change_answers
from followup.context import AppContext
from followup.domain.errors import Conflict, InvalidInput
from followup.enrolment.agreed_channels import agree_to_email
from followup.enrolment.enrol_or_update import OnConflict, enrol_or_update
from followup.enrolment.reschedule import reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.store.models.patients import Patient
from tests.support.apps import actions, balance_is_even, enrol_one, messages, run_until, sms_of
from tests.support.people import ENROLLED_AT, PROCEDURE_AT, SMS, request

WHO = "web:nurse"
AHEAD = PROCEDURE_AT + timedelta(days=20)
MOVED = AHEAD + timedelta(days=7)
STEROID = {"diabetic": True, "steroid_given": True}


def booked(app: AppContext):
    return enrol_one(app, diabetic=True, steroid=False, procedure_at=AHEAD)


def planned(app: AppContext, enrolment) -> list[str]:
    return [one.step for one in messages(app, enrolment) if one.state == "planned"]


def test_once_it_is_known_what_was_injected_the_rest_is_planned_for_that(sqlite_app: AppContext):
    enrolment = booked(sqlite_app)
    run_until(sqlite_app, AHEAD + timedelta(minutes=1))
    sent = len(sms_of(sqlite_app).calls)
    before = planned(sqlite_app, enrolment)

    assert change_answers(sqlite_app, enrolment, STEROID, actor=WHO)

    after = planned(sqlite_app, enrolment)
    assert sorted(after) == sorted([*before, *["sugar"] * 4])
    run_until(sqlite_app, AHEAD + timedelta(minutes=2))
    assert len(sms_of(sqlite_app).calls) == sent == 3
    assert "enrolment.corrected" in actions(sqlite_app)
    balance_is_even(sqlite_app)


def by_staff(app: AppContext, enrolment):
    change_answers(app, enrolment, STEROID, actor=WHO)


def by_another_system(app: AppContext, _enrolment):
    enrol_or_update(
        app,
        request(diabetic=True, steroid=True, procedure_at=MOVED),
        actor="api:hospital",
        on_conflict=OnConflict.UPDATE,
    )


def by_a_yes_to_emails(app: AppContext, _enrolment):
    app.transact(
        WHO, lambda unit: agree_to_email(unit, unit.session.scalars(select(Patient)).one())
    )


@pytest.mark.parametrize("planned_anew", [by_staff, by_another_system, by_a_yes_to_emails])
def test_a_correction_of_a_moved_procedure_that_waits_is_not_lost(
    sqlite_app: AppContext, planned_anew
):
    enrolment = enrol_one(
        sqlite_app, diabetic=True, steroid=False, procedure_at=AHEAD, channels=(SMS,)
    )
    run_until(sqlite_app, AHEAD - timedelta(days=2))
    reschedule(sqlite_app, enrolment, MOVED, actor=WHO)

    planned_anew(sqlite_app, enrolment)

    [notice] = [
        one
        for one in messages(sqlite_app, enrolment)
        if one.step == "procedure-moved" and one.state == "planned"
    ]
    assert notice.due_at == sqlite_app.clock.now()
    assert "before-fasting" in planned(sqlite_app, enrolment)
    balance_is_even(sqlite_app)


def test_a_system_that_says_the_old_answer_again_does_not_undo_it(sqlite_app: AppContext):
    enrolment = booked(sqlite_app)
    change_answers(sqlite_app, enrolment, STEROID, actor=WHO)

    again = enrol_or_update(
        sqlite_app,
        request(diabetic=True, steroid=False, procedure_at=AHEAD),
        actor="api:hospital",
        on_conflict=OnConflict.UPDATE,
    )

    assert not again.changed
    assert planned(sqlite_app, enrolment).count("sugar") == 4


def test_the_same_answers_and_those_that_can_t_be_change_nothing(sqlite_app: AppContext):
    enrolment = booked(sqlite_app)

    assert not change_answers(
        sqlite_app, enrolment, {"diabetic": True, "steroid_given": False}, actor=WHO
    )
    with pytest.raises(InvalidInput, match="steroid_given"):
        change_answers(sqlite_app, enrolment, {"diabetic": True}, actor=WHO)
    withdraw_enrolment(sqlite_app, enrolment, actor=WHO, reason="cancelled")
    with pytest.raises(Conflict, match="withdrawn"):
        change_answers(sqlite_app, enrolment, STEROID, actor=WHO)

    assert {one.generation for one in messages(sqlite_app, enrolment)} == {1}
    assert sqlite_app.clock.now() == ENROLLED_AT
