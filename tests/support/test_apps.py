"""The app that other tests stand on works, from enrolment to delivery, on both databases."""

from __future__ import annotations

from datetime import timedelta

from followup.context import AppContext
from followup.jobs import JOBS
from tests.support.apps import (
    RUN_BY_NAME,
    clock_of,
    count_by_state,
    email_of,
    enrol_many,
    enrol_one,
    idle_jobs,
    make_app,
    messages,
    next_event,
    run_jobs,
    run_until,
    sms_of,
    states,
)
from tests.support.people import ENROLLED_AT
from tests.support.scripted_channel import LOST, refuse, unavailable


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


def test_a_job_that_is_left_out_would_have_found_nothing(app: AppContext):
    enrol_many(app, 3, diabetic=True)
    for channel in (sms_of(app), email_of(app)):
        channel.script(unavailable(), LOST, refuse())
    seen = set()

    for _ in range(30):
        run_jobs(app)
        idle = idle_jobs(app) - RUN_BY_NAME
        seen |= idle
        assert [job.until_empty(app) for job in JOBS if job.name in idle] == [0] * len(idle)
        clock_of(app).advance_to(next_event(app))

    assert {"settle-unknown", "release-held", "work-off-feeds", "escalate"} <= seen
