"""Who fell silent is missed; who ended in good order, or was replaced, is not."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from threading import Event

from followup.domain.errors import StoreUnavailable
from followup.monitoring.health import health_problems, watched
from followup.monitoring.heartbeats import (
    FORGOTTEN_AFTER,
    HeartbeatSign,
    HeartbeatThread,
    end_heartbeat,
    missed_heartbeats,
    record_heartbeat,
)
from followup.store.models.operations import Heartbeat
from tests.support.apps import clock_of, rows
from tests.support.people import ENROLLED_AT as NOW
from tests.support.waiting import wait_until

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def sign(instance, *, since, at=timedelta(), component="worker"):
    return HeartbeatSign(component=component, instance=instance, since=NOW - since, at=NOW - at)


def who(*found):
    return [one.instance for one in missed_heartbeats(found, now=NOW, silent=MINUTE)]


def test_one_that_beats_is_not_missed():
    assert who(sign("a", since=10 * MINUTE, at=MINUTE)) == []


def test_one_that_fell_silent_is_missed():
    alive = sign("b", since=10 * MINUTE)

    assert who(sign("a", since=10 * MINUTE, at=61 * SECOND), alive) == ["a"]


def test_one_that_began_afterwards_stands_in_for_one_that_fell_silent():
    gone = [
        sign("a", since=90 * MINUTE, at=9 * MINUTE),
        sign("b", since=90 * MINUTE, at=8 * MINUTE),
    ]

    assert who(*gone, sign("c", since=5 * MINUTE)) == ["b"]
    assert who(*gone, sign("c", since=5 * MINUTE), sign("d", since=2 * MINUTE)) == []
    assert who(*gone, sign("c", since=5 * MINUTE, component="beat")) == ["b"]


def test_one_that_is_long_gone_is_missed_only_if_it_was_the_last():
    gone = sign("a", since=9 * FORGOTTEN_AFTER, at=FORGOTTEN_AFTER + SECOND)

    assert who(gone, sign("b", since=9 * FORGOTTEN_AFTER)) == []
    assert who(gone) == ["a"]


def test_the_service_is_not_ready_while_one_is_missed(app):
    watched(app, "dispatch", lambda: 1)
    record_heartbeat(app, "beat", "here:1")
    clock_of(app).advance_real(MINUTE)
    assert [one.code for one in health_problems(app)] == []

    clock_of(app).advance_real(SECOND)
    watched(app, "dispatch", lambda: 1)
    (found,) = health_problems(app)

    assert found.code == "beat-silent"
    assert "here:1 for 61 s" in found.sentence
    end_heartbeat(app, "beat", "here:1")
    assert health_problems(app) == []


def test_a_heart_beats_for_what_is_alive_and_takes_its_signs_away(sqlite_app):
    alive, looked = Event(), Event()

    def pulse():
        looked.set()
        return alive.is_set()

    parts = {"worker": pulse, "web": lambda: True}
    every = timedelta(seconds=0.01)
    heart = HeartbeatThread(lambda: sqlite_app, parts, instance="here:1", every=every)
    assert looked.wait(5)
    wait_until(lambda: components(sqlite_app) == {"web"}, seconds=5)
    alive.set()
    wait_until(lambda: components(sqlite_app) == {"web", "worker"}, seconds=5)

    heart.close()

    assert components(sqlite_app) == set()


def test_a_heart_waits_for_a_database_that_is_away(sqlite_app):
    away = [StoreUnavailable("away"), StoreUnavailable("away")]

    def open_ledger():
        if away:
            raise away.pop()
        return sqlite_app

    every = timedelta(seconds=0.01)
    with closing(
        HeartbeatThread(open_ledger, {"web": lambda: True}, instance="here:1", every=every)
    ):
        wait_until(lambda: components(sqlite_app) == {"web"}, seconds=5)


def components(app):
    return {row.component for row in rows(app, Heartbeat)}
