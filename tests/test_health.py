"""Signs of life: what is quiet, late or stuck shows by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from followup.dispatch import claim_due
from followup.domain.lifecycle import State
from followup.health import ailments, last_sweeps, oldest_overdue, states_now, watched
from followup.heart import beat
from followup.kit import Kit
from followup.store.models import Heartbeat, Message, Sweep
from tests.kits import a_message, clock_of, enrol_one, make_kit, rows, sms_of, sweep, tick
from tests.people import ENROLLED_AT
from tests.scripted_channel import VANISHED

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def found(kit: Kit) -> set[str]:
    return {ailment.code for ailment in ailments(kit)}


@pytest.fixture
def healthy(kit: Kit) -> Kit:
    """A kit whose dispatcher has just run."""
    watched(kit, "dispatch", lambda: 1)
    return kit


def test_a_dispatcher_that_never_ran_shows(kit: Kit):
    assert found(kit) == {"dispatcher-never-ran"}


def test_all_is_well_after_a_tick(healthy: Kit):
    assert ailments(healthy) == []


def test_a_quiet_dispatcher_shows(healthy: Kit):
    clock_of(healthy).advance_real(MINUTE)
    assert ailments(healthy) == []

    clock_of(healthy).advance_real(SECOND)
    (ailment,) = ailments(healthy)
    assert ailment.code == "dispatcher-quiet"
    assert "61 s ago" in ailment.sentence
    assert "celery beat" in ailment.sentence


def test_a_dispatcher_that_fails_each_time_shows(healthy: Kit):
    for _ in range(7):
        clock_of(healthy).advance_real(10 * SECOND)
        with pytest.raises(ZeroDivisionError):
            watched(healthy, "dispatch", lambda: 1 // 0)

    assert found(healthy) == {"dispatcher-quiet"}
    (row,) = rows(healthy, Sweep)
    assert (row.error, row.finished_real_at) == ("ZeroDivisionError", ENROLLED_AT)


def test_one_that_fails_at_its_first_run_has_never_ended_well(kit: Kit):
    with pytest.raises(ZeroDivisionError):
        watched(kit, "dispatch", lambda: 1 // 0)

    assert found(kit) == {"dispatcher-never-ran"}


def test_a_late_sweep_shows_by_its_own_measure(healthy: Kit):
    watched(healthy, "expire", lambda: 0)
    watched(healthy, "seal-audit", lambda: 0)
    watched(healthy, "something-else", lambda: 0)

    clock_of(healthy).advance_real(2 * MINUTE)
    watched(healthy, "dispatch", lambda: 0)

    (ailment,) = ailments(healthy)
    assert ailment.code == "sweeps-late"
    assert "expire" in ailment.sentence
    assert "seal-audit" not in ailment.sentence


def test_a_message_that_nobody_claims_shows(healthy: Kit):
    enrol_one(healthy)
    clock_of(healthy).advance(5 * MINUTE)
    watched(healthy, "dispatch", lambda: 0)
    assert ailments(healthy) == []

    clock_of(healthy).advance(SECOND)
    assert found(healthy) == {"messages-late"}
    with healthy.store.read() as session:
        assert oldest_overdue(session, healthy) == 5 * MINUTE + SECOND


def test_nothing_overdue_is_no_time_at_all(kit: Kit):
    with kit.store.read() as session:
        assert oldest_overdue(session, kit) == timedelta()
    a_message(kit, claimable_at=ENROLLED_AT + MINUTE)

    with kit.store.read() as session:
        assert oldest_overdue(session, kit) == timedelta()


def test_a_message_that_is_stuck_on_its_way_shows(healthy: Kit):
    enrol_one(healthy)
    claim_due(healthy)
    clock_of(healthy).advance_real(10 * MINUTE)
    watched(healthy, "dispatch", lambda: 0)

    (ailment,) = ailments(healthy)
    assert ailment.code == "messages-stuck"
    assert ailment.sentence.startswith("1 messages have been on their way for over 10 minutes")


def test_an_outcome_that_stays_unknown_shows_until_a_person_has_it(healthy: Kit):
    enrol_one(healthy)
    sms_of(healthy).script(VANISHED)
    tick(healthy)
    clock_of(healthy).advance_real(30 * MINUTE)
    watched(healthy, "dispatch", lambda: 0)

    assert found(healthy) == {"outcomes-unknown"}

    with healthy.store.write() as session:
        session.execute(update(Message).where(Message.state == "unknown").values(lease_until=None))
    assert ailments(healthy) == []


def test_states_are_counted_those_of_none_too(kit: Kit):
    a_message(kit)
    a_message(kit, State.SENT)

    with kit.store.read() as session:
        counts = states_now(session)

    assert set(counts) == {state.value for state in State}
    assert {state for state, count in counts.items() if count} == {"planned", "sent"}


def test_a_heartbeat_is_one_row_a_process(kit: Kit):
    beat(kit, "worker", "one:1")
    clock_of(kit).advance_real(SECOND)
    beat(kit, "worker", "one:1")
    beat(kit, "worker", "one:2")

    assert {row.instance: row.real_at for row in rows(kit, Heartbeat)} == {
        "one:1": ENROLLED_AT + SECOND,
        "one:2": ENROLLED_AT + SECOND,
    }


def test_an_idle_job_notes_itself_now_and_then_and_a_busy_one_always(kit: Kit):
    def noted():
        with kit.store.read() as session:
            return {row.name: (row.started_real_at, row.found) for row in last_sweeps(session)}

    watched(kit, "j", lambda: 0)
    clock_of(kit).advance_real(SECOND)
    watched(kit, "j", lambda: 0)
    assert noted() == {"j": (ENROLLED_AT, 0)}

    watched(kit, "j", lambda: 7)
    assert noted() == {"j": (ENROLLED_AT + SECOND, 7)}

    clock_of(kit).advance_real(5 * SECOND)
    watched(kit, "j", lambda: 0)
    assert noted() == {"j": (ENROLLED_AT + 6 * SECOND, 0)}


def test_a_job_notes_where_the_service_s_clock_stood(kit: Kit):
    clock_of(kit).advance_service(MINUTE)

    watched(kit, "j", lambda: 1)

    assert rows(kit, Sweep)[0].service_at == ENROLLED_AT + MINUTE


@pytest.fixture
def another(migrated_sqlite_url: str, tmp_path) -> Iterator[Kit]:
    """A second kit in this process, on a database of its own."""
    made = make_kit(f"sqlite:///{tmp_path / 'another.sqlite3'}")
    yield made
    made.close()


def test_two_databases_in_one_process_are_noted_apart(sqlite_kit: Kit, another: Kit):
    watched(sqlite_kit, "j", lambda: 0)
    watched(another, "j", lambda: 0)

    assert len(rows(another, Sweep)) == 1
    assert sweep(another) == 0
