"""Health checks: what is quiet, late or stuck shows by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.monitoring.health import (
    health_problems,
    last_sweeps,
    oldest_overdue,
    watched,
)
from followup.monitoring.heartbeats import record_heartbeat
from followup.monitoring.message_balance import states_now
from followup.sending.claim import claim_due
from followup.store.models.messages import Message
from followup.store.models.operations import Heartbeat, Sweep
from tests.support.apps import a_message, clock_of, enrol_one, make_app, rows, sms_of, sweep, tick
from tests.support.people import ENROLLED_AT
from tests.support.scripted_channel import VANISHED

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def found(app: AppContext) -> set[str]:
    return {ailment.code for ailment in health_problems(app)}


@pytest.fixture
def healthy(app: AppContext) -> AppContext:
    """An app context whose dispatcher has just run."""
    watched(app, "dispatch", lambda: 1)
    return app


def test_a_dispatcher_that_never_ran_shows(app: AppContext):
    assert found(app) == {"dispatcher-never-ran"}


def test_all_is_well_after_a_tick(healthy: AppContext):
    assert health_problems(healthy) == []


def test_a_quiet_dispatcher_shows(healthy: AppContext):
    clock_of(healthy).advance_real(MINUTE)
    assert health_problems(healthy) == []

    clock_of(healthy).advance_real(SECOND)
    (ailment,) = health_problems(healthy)
    assert ailment.code == "dispatcher-quiet"
    assert "61 s ago" in ailment.sentence
    assert "celery beat" in ailment.sentence


def test_a_dispatcher_that_fails_each_time_shows(healthy: AppContext):
    for _ in range(7):
        clock_of(healthy).advance_real(10 * SECOND)
        with pytest.raises(ZeroDivisionError):
            watched(healthy, "dispatch", lambda: 1 // 0)

    assert found(healthy) == {"dispatcher-quiet"}
    (row,) = rows(healthy, Sweep)
    assert (row.error, row.finished_real_at) == ("ZeroDivisionError", ENROLLED_AT)


def test_one_that_fails_at_its_first_run_has_never_ended_well(app: AppContext):
    with pytest.raises(ZeroDivisionError):
        watched(app, "dispatch", lambda: 1 // 0)

    assert found(app) == {"dispatcher-never-ran"}


def test_a_late_sweep_shows_by_its_own_measure(healthy: AppContext):
    watched(healthy, "expire", lambda: 0)
    watched(healthy, "seal-audit", lambda: 0)
    watched(healthy, "something-else", lambda: 0)

    clock_of(healthy).advance_real(2 * MINUTE)
    watched(healthy, "dispatch", lambda: 0)

    (ailment,) = health_problems(healthy)
    assert ailment.code == "sweeps-late"
    assert "expire" in ailment.sentence
    assert "seal-audit" not in ailment.sentence


def test_a_message_that_nobody_claims_shows(healthy: AppContext):
    enrol_one(healthy)
    clock_of(healthy).advance(5 * MINUTE)
    watched(healthy, "dispatch", lambda: 0)
    assert health_problems(healthy) == []

    clock_of(healthy).advance(SECOND)
    assert found(healthy) == {"messages-late"}
    with healthy.store.read() as session:
        assert oldest_overdue(session, healthy) == 5 * MINUTE + SECOND


def test_nothing_overdue_is_no_time_at_all(app: AppContext):
    with app.store.read() as session:
        assert oldest_overdue(session, app) == timedelta()
    a_message(app, claimable_at=ENROLLED_AT + MINUTE)

    with app.store.read() as session:
        assert oldest_overdue(session, app) == timedelta()


def test_a_message_that_is_stuck_on_its_way_shows(healthy: AppContext):
    enrol_one(healthy)
    claim_due(healthy)
    clock_of(healthy).advance_real(10 * MINUTE)
    watched(healthy, "dispatch", lambda: 0)

    (ailment,) = health_problems(healthy)
    assert ailment.code == "messages-stuck"
    assert ailment.sentence.startswith("1 messages have been on their way for over 10 minutes")


def test_an_outcome_that_stays_unknown_shows_until_a_person_has_it(healthy: AppContext):
    enrol_one(healthy)
    sms_of(healthy).script(VANISHED)
    tick(healthy)
    clock_of(healthy).advance_real(30 * MINUTE)
    watched(healthy, "dispatch", lambda: 0)

    assert found(healthy) == {"outcomes-unknown"}

    with healthy.store.write() as session:
        session.execute(update(Message).where(Message.state == "unknown").values(lease_until=None))
    assert health_problems(healthy) == []


def test_states_are_counted_those_of_none_too(app: AppContext):
    a_message(app)
    a_message(app, State.SENT)

    with app.store.read() as session:
        counts = states_now(session)

    assert set(counts) == {state.value for state in State}
    assert {state for state, count in counts.items() if count} == {"planned", "sent"}


def test_a_heartbeat_is_one_row_a_process(app: AppContext):
    record_heartbeat(app, "worker", "one:1")
    clock_of(app).advance_real(SECOND)
    record_heartbeat(app, "worker", "one:1")
    record_heartbeat(app, "worker", "one:2")

    assert {row.instance: row.real_at for row in rows(app, Heartbeat)} == {
        "one:1": ENROLLED_AT + SECOND,
        "one:2": ENROLLED_AT + SECOND,
    }


def test_an_idle_job_notes_itself_now_and_then_and_a_busy_one_always(app: AppContext):
    def noted():
        with app.store.read() as session:
            return {row.name: (row.started_real_at, row.found) for row in last_sweeps(session)}

    watched(app, "j", lambda: 0)
    clock_of(app).advance_real(SECOND)
    watched(app, "j", lambda: 0)
    assert noted() == {"j": (ENROLLED_AT, 0)}

    watched(app, "j", lambda: 7)
    assert noted() == {"j": (ENROLLED_AT + SECOND, 7)}

    clock_of(app).advance_real(5 * SECOND)
    watched(app, "j", lambda: 0)
    assert noted() == {"j": (ENROLLED_AT + 6 * SECOND, 0)}


def test_a_job_notes_where_the_service_s_clock_stood(app: AppContext):
    clock_of(app).advance_service(MINUTE)

    watched(app, "j", lambda: 1)

    assert rows(app, Sweep)[0].service_at == ENROLLED_AT + MINUTE


@pytest.fixture
def another(migrated_sqlite_url: str, tmp_path) -> Iterator[AppContext]:
    """A second app context in this process, on a database of its own."""
    made = make_app(f"sqlite:///{tmp_path / 'another.sqlite3'}")
    yield made
    made.close()


def test_two_databases_in_one_process_are_noted_apart(sqlite_app: AppContext, another: AppContext):
    watched(sqlite_app, "j", lambda: 0)
    watched(another, "j", lambda: 0)

    assert len(rows(another, Sweep)) == 1
    assert sweep(another) == 0
