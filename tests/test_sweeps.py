"""The periodic jobs: one for every state in which a message could get stuck, safe to run twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import update

from followup import sweeps
from followup.changes import pause
from followup.dispatch import claim_due
from followup.domain.lifecycle import FINAL, State
from followup.kit import Kit
from followup.store.models import Enrolment, Message, Switch
from followup.store.types import new_id
from followup.sweeps import JOBS, Job, cancel_ended, expire_overdue, release_leases
from followup.worklist import occurrences
from tasks.app import resources
from tasks.sweeps import sweep as sweep_task
from tests.kits import (
    actions,
    balance_is_even,
    clock_of,
    enrol_many,
    enrol_one,
    make_kit,
    message,
    messages,
    run_until,
    sms_of,
    sweep,
    tasks,
    tick,
)
from tests.people import ENROLLED_AT, PROCEDURE_AT, SMS

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_every_state_that_is_not_final_is_watched_by_a_job():
    watched = {state for job in JOBS for state in job.watches}

    assert watched == set(State) - FINAL


def test_jobs_have_names_of_their_own():
    assert len({job.name for job in JOBS}) == len(JOBS)


def test_a_job_goes_on_until_nothing_is_left(sqlite_kit: Kit):
    left = [3, 2, 1, 0, 99]

    assert Job(name="j", every=HOUR, run=lambda _: left.pop(0)).until_empty(sqlite_kit) == 6


def test_a_job_that_never_ends_is_ended(sqlite_kit: Kit, monkeypatch):
    monkeypatch.setattr(sweeps, "MOST_BATCHES", 5)

    assert Job(name="j", every=HOUR, run=lambda _: 1).until_empty(sqlite_kit) == 5


def test_a_job_that_takes_long_leaves_the_rest_for_the_next_run(sqlite_kit: Kit):
    def slow(kit):
        clock_of(kit).advance_real(sweeps.LONGEST_RUN)
        return 1

    assert Job(name="j", every=HOUR, run=slow).until_empty(sqlite_kit) == 2


def test_all_jobs_over_nothing_find_nothing(kit: Kit):
    assert sweep(kit) == 0


# ----------------------------------------------------------------------------------- expiry


def test_what_nobody_claimed_expires_and_a_person_is_asked_where_the_step_says_so(kit: Kit):
    enrolment_id = enrol_one(kit)
    clock_of(kit).advance_to(PROCEDURE_AT + 60 * DAY)

    assert sweep(kit, "expire") == 10

    assert {one.state for one in messages(kit, enrolment_id)} == {"expired"}
    assert {(task.kind, task.detail["step"]) for task in tasks(kit)} == {("missed", "red-flags")}
    (item,) = tasks(kit)
    with kit.store.read() as session:
        assert len(occurrences(session, item.id)) == 4
    assert sweep(kit, "expire") == 0
    balance_is_even(kit)


def test_what_is_held_expires_too(kit: Kit):
    enrolment_id = enrol_one(kit)
    pause(kit, enrolment_id, actor="cli:test")
    clock_of(kit).advance_to(PROCEDURE_AT + 60 * DAY)

    sweep(kit, "expire")

    assert {one.state for one in messages(kit, enrolment_id)} == {"expired"}
    (item,) = tasks(kit)
    with kit.store.read() as session:
        assert len(occurrences(session, item.id)) == 4


def test_expiry_happens_in_batches(kit: Kit):
    enrol_many(kit, 5)
    clock_of(kit).advance_to(PROCEDURE_AT + 12 * HOUR)

    assert expire_overdue(kit, limit=3) == 3
    assert expire_overdue(kit, limit=3) == 2


# ----------------------------------------------------------------------------------- leases


def test_what_a_worker_never_took_up_is_planned_again(kit: Kit):
    enrolment_id = enrol_one(kit)
    claim_due(kit)
    clock_of(kit).advance_real(kit.policy.lease)

    assert sweep(kit, "release-leases") == 1

    going_home = message(kit, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("planned", "lease-over")
    assert going_home.attempt_count == 0
    assert tick(kit) == 1


def test_a_lease_that_still_runs_is_left_alone(kit: Kit):
    enrol_one(kit)
    claim_due(kit)
    clock_of(kit).advance_real(kit.policy.lease - timedelta(seconds=1))

    assert release_leases(kit) == 0


# ----------------------------------------------------------------------------------- ended


def test_what_is_left_of_an_ended_enrolment_is_cancelled(kit: Kit):
    enrol_one(kit, 1)
    other = enrol_one(kit, 2)
    pause(kit, other, actor="cli:test")
    with kit.store.write() as session:
        session.execute(update(Enrolment).values(state="withdrawn"))

    assert sweep(kit, "cancel-ended") == 20

    assert {(one.state, one.reason) for one in messages(kit)} == {("cancelled", "withdrawn")}
    assert cancel_ended(kit) == 0


# ------------------------------------------------------------------------------------ held


def test_what_nothing_holds_any_more_goes_again(kit: Kit):
    enrolment_id = enrol_one(kit)
    switch = Switch(
        id=new_id(ENROLLED_AT),
        scope="step",
        value="going-home",
        reason="test",
        thrown_at=ENROLLED_AT,
        thrown_by="cli:test",
    )
    with kit.store.write() as session:
        session.add(switch)
    tick(kit)
    assert message(kit, enrolment_id, "going-home").state == "held"
    assert sweep(kit, "release-held") == 0

    with kit.store.write() as session:
        session.execute(update(Switch).values(lifted_at=ENROLLED_AT, lifted_by="cli:test"))
    assert sweep(kit, "release-held") == 1

    tick(kit)
    assert message(kit, enrolment_id, "going-home").state == "sent"


def test_what_is_paused_stays_held(kit: Kit):
    enrolment_id = enrol_one(kit)
    pause(kit, enrolment_id, actor="cli:test")

    assert sweep(kit, "release-held") == 0


def test_what_was_held_in_the_moment_of_a_resume_goes_again(kit: Kit):
    enrolment_id = enrol_one(kit)
    pause(kit, enrolment_id, actor="cli:test")
    # As after a worker that had read "paused" a moment before.
    with kit.store.write() as session:
        session.execute(update(Enrolment).values(state="active"))

    assert sweep(kit, "release-held") == 10


def test_what_is_over_is_not_planned_again(kit: Kit):
    enrol_one(kit)
    with kit.store.write() as session:
        session.execute(update(Message).values(state="held", reason="switch"))
    clock_of(kit).advance_to(PROCEDURE_AT + 60 * DAY)

    assert sweep(kit, "release-held") == 0


# ------------------------------------------------------------------------ twice, and at once


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_job_that_runs_twice_does_nothing_the_second_time(kit: Kit, job):
    """After six weeks with trouble in them, everything is settled and stays so."""
    enrol_many(kit, 2, diabetic=True, channels=(SMS,))
    tick(kit)
    clock_of(kit).advance(3 * DAY)
    job.until_empty(kit)
    before = [(one.id, one.state, one.reason) for one in messages(kit)]
    events = len(actions(kit))

    job.until_empty(kit)

    assert [(one.id, one.state, one.reason) for one in messages(kit)] == before
    assert len(actions(kit)) == events


def test_all_jobs_by_four_at_once_come_to_the_same_as_by_one(migrated_url: str):
    kit = make_kit(migrated_url)
    enrol_many(kit, 6, diabetic=True, channels=(SMS,))
    tick(kit)
    claim_due(kit)
    clock_of(kit).advance(20 * DAY)
    together = Barrier(4)

    def run(_):
        together.wait()
        for job in JOBS:
            job.until_empty(kit)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))

    assert {one.state for one in messages(kit) if one.not_after <= kit.clock.now()} <= {
        "expired",
        "sent",
    }
    moves = [action for action in actions(kit) if action == "message.expired"]
    assert len(moves) == sum(one.state == "expired" for one in messages(kit))
    assert len(tasks(kit)) == len({task.subject for task in tasks(kit)})
    balance_is_even(kit)
    kit.close()


def test_six_weeks_without_trouble_need_no_sweep_but_time(kit: Kit):
    enrol_one(kit, diabetic=True)

    run_until(kit, PROCEDURE_AT + 43 * DAY)

    assert {one.state for one in messages(kit)} == {"sent"}
    assert len(sms_of(kit).calls) == 14
    balance_is_even(kit)


def test_a_failing_job_keeps_no_other_from_running(sqlite_kit, monkeypatch):
    ran: list[str] = []

    def run(kit: Kit) -> int:
        ran.append("ran")
        return 0

    def fail(kit: Kit) -> int:
        raise ValueError("a bug")

    jobs = {name: Job(name=name, every=HOUR, run=fail if name == "b" else run) for name in "abc"}
    monkeypatch.setattr("tasks.sweeps.BY_NAME", jobs)
    monkeypatch.setattr(resources, "kit", lambda: sqlite_kit)

    with pytest.raises(ValueError, match="a bug"):
        sweep_task("a", "b", "c")

    assert ran == ["ran", "ran"]
