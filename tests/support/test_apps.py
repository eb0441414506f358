"""The app that other tests stand on works, from enrolment to delivery, on both databases."""

from __future__ import annotations

from datetime import timedelta

from followup.context import AppContext
from tests.support.apps import (
    count_by_state,
    enrol_one,
    make_app,
    messages,
    run_until,
    sms_of,
    states,
)
from tests.support.people import ENROLLED_AT


def test_a_patient_of_the_app_gets_what_the_protocol_says(app: AppContext):
    enrolment = enrol_one(app, diabetic=True)

    run_until(app, ENROLLED_AT + timedelta(days=2))

    assert states(app, enrolment)["going-home", 1] == "sent"
    assert len(sms_of(app).taken) == 7


def test_the_sandbox_delivers_all_of_six_weeks(migrated_url: str):
    app = make_app(migrated_url, sandbox=True)
    enrol_one(app, diabetic=True)

    run_until(app, ENROLLED_AT + timedelta(days=50))

    assert count_by_state(messages(app)) == {"delivered": 14}
    app.close()
