"""The periodic jobs: one for every state in which a message could get stuck, safe to run twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import update

from followup import jobs as sweeps
from followup.context import AppContext
from followup.domain.lifecycle import FINAL_STATES, State
from followup.enrolment.pause import pause_enrolment
from followup.jobs import JOBS, PeriodicJob
from followup.sending.claim import claim_due
from followup.sending.stuck_messages import cancel_ended, expire_overdue, release_leases
from followup.store.engine.types import new_id
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.operations import Switch
from followup.worklist.items import occurrences
from tasks.app import resources
from tasks.sweeps import sweep as sweep_task
from tests.support.apps import (
    actions,
    balance_is_even,
    clock_of,
    enrol_many,
    enrol_one,
    make_app,
    message,
    messages,
    run_until,
    sms_of,
    sweep,
    tasks,
    tick,
)
from tests.support.people import ENROLLED_AT, PROCEDURE_AT, SMS

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_every_state_that_is_not_final_is_watched_by_a_job():
    watched = {state for job in JOBS for state in job.watches}

    assert watched == set(State) - FINAL_STATES


def test_jobs_have_names_of_their_own():
    assert len({job.name for job in JOBS}) == len(JOBS)


def test_a_job_goes_on_until_nothing_is_left(sqlite_app: AppContext):
    left = [3, 2, 1, 0, 99]

    assert PeriodicJob(name="j", every=HOUR, run=lambda _: left.pop(0)).until_empty(sqlite_app) == 6


def test_a_job_that_never_ends_is_ended(sqlite_app: AppContext, monkeypatch):
    monkeypatch.setattr(sweeps, "MOST_BATCHES", 5)

    assert PeriodicJob(name="j", every=HOUR, run=lambda _: 1).until_empty(sqlite_app) == 5


def test_a_job_that_takes_long_leaves_the_rest_for_the_next_run(sqlite_app: AppContext):
    def slow(app):
        clock_of(app).advance_real(sweeps.LONGEST_RUN)
        return 1

    assert PeriodicJob(name="j", every=HOUR, run=slow).until_empty(sqlite_app) == 2


def test_all_jobs_over_nothing_find_nothing(app: AppContext):
    assert sweep(app) == 0


# ----------------------------------------------------------------------------------- expiry


def test_what_nobody_claimed_expires_and_a_person_is_asked_where_the_step_says_so(app: AppContext):
    enrolment_id = enrol_one(app)
    clock_of(app).advance_to(PROCEDURE_AT + 60 * DAY)

    assert sweep(app, "expire") == 10

    assert {one.state for one in messages(app, enrolment_id)} == {"expired"}
    assert {(task.kind, task.detail["step"]) for task in tasks(app)} == {("missed", "red-flags")}
    (item,) = tasks(app)
    with app.store.read() as session:
        assert len(occurrences(session, item.id)) == 4
    assert sweep(app, "expire") == 0
    balance_is_even(app)


def test_what_is_held_expires_too(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")
    clock_of(app).advance_to(PROCEDURE_AT + 60 * DAY)

    sweep(app, "expire")

    assert {one.state for one in messages(app, enrolment_id)} == {"expired"}
    (item,) = tasks(app)
    with app.store.read() as session:
        assert len(occurrences(session, item.id)) == 4


def test_expiry_happens_in_batches(app: AppContext):
    enrol_many(app, 5)
    clock_of(app).advance_to(PROCEDURE_AT + 12 * HOUR)

    assert expire_overdue(app, limit=3) == 3
    assert expire_overdue(app, limit=3) == 2


# ----------------------------------------------------------------------------------- leases


def test_what_a_worker_never_took_up_is_planned_again(app: AppContext):
    enrolment_id = enrol_one(app)
    claim_due(app)
    clock_of(app).advance_real(app.policy.lease)

    assert sweep(app, "release-leases") == 1

    going_home = message(app, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("planned", "lease-over")
    assert going_home.attempt_count == 0
    assert tick(app) == 1


def test_a_lease_that_still_runs_is_left_alone(app: AppContext):
    enrol_one(app)
    claim_due(app)
    clock_of(app).advance_real(app.policy.lease - timedelta(seconds=1))

    assert release_leases(app) == 0


# ----------------------------------------------------------------------------------- ended


def test_what_is_left_of_an_ended_enrolment_is_cancelled(app: AppContext):
    enrol_one(app, 1)
    other = enrol_one(app, 2)
    pause_enrolment(app, other, actor="cli:test")
    with app.store.write() as session:
        session.execute(update(Enrolment).values(state="withdrawn"))

    assert sweep(app, "cancel-ended") == 20

    assert {(one.state, one.reason) for one in messages(app)} == {("cancelled", "withdrawn")}
    assert cancel_ended(app) == 0


# ------------------------------------------------------------------------------------ held


def test_what_nothing_holds_any_more_goes_again(app: AppContext):
    enrolment_id = enrol_one(app)
    switch = Switch(
        id=new_id(ENROLLED_AT),
        scope="step",
        value="going-home",
        reason="test",
        thrown_at=ENROLLED_AT,
        thrown_by="cli:test",
    )
    with app.store.write() as session:
        session.add(switch)
    tick(app)
    assert message(app, enrolment_id, "going-home").state == "held"
    assert sweep(app, "release-held") == 0

    with app.store.write() as session:
        session.execute(update(Switch).values(lifted_at=ENROLLED_AT, lifted_by="cli:test"))
    assert sweep(app, "release-held") == 1

    tick(app)
    assert message(app, enrolment_id, "going-home").state == "sent"


def test_what_is_paused_stays_held(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")

    assert sweep(app, "release-held") == 0


def test_what_was_held_in_the_moment_of_a_resume_goes_again(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")
    # As after a worker that had read "paused" a moment before.
    with app.store.write() as session:
        session.execute(update(Enrolment).values(state="active"))

    assert sweep(app, "release-held") == 10


def test_what_is_over_is_not_planned_again(app: AppContext):
    enrol_one(app)
    with app.store.write() as session:
        session.execute(update(Message).values(state="held", reason="switch"))
    clock_of(app).advance_to(PROCEDURE_AT + 60 * DAY)

    assert sweep(app, "release-held") == 0


# ------------------------------------------------------------------------ twice, and at once


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_job_that_runs_twice_does_nothing_the_second_time(app: AppContext, job):
    """After six weeks with trouble in them, everything is settled and stays so."""
    enrol_many(app, 2, diabetic=True, channels=(SMS,))
    tick(app)
    clock_of(app).advance(3 * DAY)
    job.until_empty(app)
    before = [(one.id, one.state, one.reason) for one in messages(app)]
    events = len(actions(app))

    job.until_empty(app)

    assert [(one.id, one.state, one.reason) for one in messages(app)] == before
    assert len(actions(app)) == events


def test_all_jobs_by_four_at_once_come_to_the_same_as_by_one(migrated_url: str):
    app = make_app(migrated_url)
    enrol_many(app, 6, diabetic=True, channels=(SMS,))
    tick(app)
    claim_due(app)
    clock_of(app).advance(20 * DAY)
    together = Barrier(4)

    def run(_):
        together.wait()
        for job in JOBS:
            job.until_empty(app)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))

    assert {one.state for one in messages(app) if one.not_after <= app.clock.now()} <= {
        "expired",
        "sent",
    }
    moves = [action for action in actions(app) if action == "message.expired"]
    assert len(moves) == sum(one.state == "expired" for one in messages(app))
    assert len(tasks(app)) == len({task.subject for task in tasks(app)})
    balance_is_even(app)
    app.close()


def test_six_weeks_without_trouble_need_no_sweep_but_time(app: AppContext):
    enrol_one(app, diabetic=True)

    run_until(app, PROCEDURE_AT + 43 * DAY)

    assert {one.state for one in messages(app)} == {"sent"}
    assert len(sms_of(app).calls) == 14
    balance_is_even(app)


def test_a_failing_job_keeps_no_other_from_running(sqlite_app, monkeypatch):
    ran: list[str] = []

    def run(app: AppContext) -> int:
        ran.append("ran")
        return 0

    def fail(app: AppContext) -> int:
        raise ValueError("a bug")

    jobs = {
        name: PeriodicJob(name=name, every=HOUR, run=fail if name == "b" else run) for name in "abc"
    }
    monkeypatch.setattr("tasks.sweeps.BY_NAME", jobs)
    monkeypatch.setattr(resources, "app", lambda: sqlite_app)

    with pytest.raises(ValueError, match="a bug"):
        sweep_task("a", "b", "c")

    assert ran == ["ran", "ran"]
