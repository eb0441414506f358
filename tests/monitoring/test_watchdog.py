"""The watchdog tells of trouble once, again after hours, and when it is over."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from followup.domain.errors import StoreUnavailable
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.monitoring.alarms import latest_alarms, open_alarms
from followup.monitoring.health import watched
from followup.monitoring.heartbeats import record_heartbeat
from followup.monitoring.watchdog import Watchdog, run_watchdog
from followup.providers.operator_alerts import OperatorAlert
from tests.support.apps import a_message, clock_of, enrol_many, sms_of, tick
from tests.support.people import person
from tests.support.scripted_channel import VANISHED

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Pager:
    """Somebody who is told, and can be out of reach."""

    kind = "pager"

    def __init__(self) -> None:
        self.alerts: list[OperatorAlert] = []
        self.reachable = True

    def tell(self, alert):
        if not self.reachable:
            raise ConnectionRefusedError
        self.alerts.append(alert)

    @property
    def told(self):
        """Return the codes told so far, each with a + for raised or a - for over."""
        return [
            ("-" if one["over"] else "+") + one["code"]
            for alert in self.alerts
            for one in alert.details
        ]


@pytest.fixture
def pager():
    return Pager()


@pytest.fixture
def dog(app, pager):
    """A watchdog that has been up for long, on a service that does its work."""
    made = dog_of(app, pager)
    clock_of(app).advance_real(2 * MINUTE)
    work(app)
    return made


def dog_of(app, pager):
    return Watchdog(
        lambda: app, [pager], name="test", alarming=app.policy.alarming, clock=app.clock
    )


def work(app):
    watched(app, "dispatch", lambda: 1)


def looks(dog, app, count=1, *, working=True):
    """Look so many times, as far apart as in life."""
    for _ in range(count):
        if working:
            work(app)
        dog.look()
        clock_of(app).advance_real(15 * SECOND)


def kill_a_worker(app):
    record_heartbeat(app, "worker", "gone:1")
    record_heartbeat(app, "worker", "here:2")
    clock_of(app).advance_real(2 * MINUTE)
    record_heartbeat(app, "worker", "here:2")


def test_nothing_is_told_while_all_is_well(dog, app, pager):
    looks(dog, app, 3)

    assert pager.alerts == []


def test_an_alarm_is_told_once_at_the_second_look(dog, app, pager):
    kill_a_worker(app)

    looks(dog, app)
    assert pager.told == []
    looks(dog, app, 3)

    assert pager.told == ["+worker-silent"]
    (alert,) = pager.alerts
    assert alert.title == "followup: worker-silent"
    assert "gone:1" in alert.lines[0]
    assert alert.lines[-1] == "Told by test."


def test_what_is_over_at_the_next_look_wakes_nobody(dog, app, pager):
    kill_a_worker(app)
    looks(dog, app)

    for _ in range(8):
        record_heartbeat(app, "worker", "gone:1")
        record_heartbeat(app, "worker", "here:2")
        looks(dog, app)

    assert pager.told == []
    with app.store.read() as session:
        assert open_alarms(session) == []


def test_that_it_is_over_is_told_once_it_stays_away(dog, app, pager):
    kill_a_worker(app)
    looks(dog, app, 2)

    record_heartbeat(app, "worker", "gone:1")
    looks(dog, app, 2)
    assert pager.told == ["+worker-silent"]
    for _ in range(6):
        record_heartbeat(app, "worker", "gone:1")
        record_heartbeat(app, "worker", "here:2")
        looks(dog, app)

    assert pager.told == ["+worker-silent", "-worker-silent"]
    assert pager.alerts[-1].title == "followup: over: worker-silent"
    with app.store.read() as session:
        assert open_alarms(session) == []
        assert [one.code for one in latest_alarms(session)] == ["worker-silent"]


def test_an_alarm_that_stays_up_is_told_again_after_hours(dog, app, pager):
    a_message(app, State.HELD, reason=Reason.VOLUME_LIMIT)
    looks(dog, app, 2)

    clock_of(app).advance_real(timedelta(hours=3, minutes=59))
    looks(dog, app)
    assert len(pager.alerts) == 1
    clock_of(app).advance_real(2 * MINUTE)
    looks(dog, app, 3)

    assert pager.told == ["+blast-radius", "+blast-radius"]


def test_what_comes_again_later_is_a_new_alarm(dog, app, pager):
    held = a_message(app, State.HELD, reason=Reason.VOLUME_LIMIT)
    looks(dog, app, 2)
    move_to(app, held, State.CANCELLED)
    looks(dog, app, 6)
    move_to(app, held, State.HELD)
    looks(dog, app, 3)

    assert pager.told == ["+blast-radius", "-blast-radius", "+blast-radius"]


def move_to(app, message_id, state):
    from followup.store.models.messages import Message  # noqa: PLC0415 - this test's alone

    with app.store.write() as session:
        session.get(Message, message_id).state = state.value


def test_two_watchdogs_tell_an_alarm_once(dog, app, pager):
    other = dog_of(app, pager)
    clock_of(app).advance_real(2 * MINUTE)
    kill_a_worker(app)

    for _ in range(4):
        looks(other, app)
        looks(dog, app)

    assert pager.told == ["+worker-silent"]


def test_nobody_reached_is_tried_again(dog, app, pager):
    kill_a_worker(app)
    pager.reachable = False
    looks(dog, app, 4)
    assert pager.told == []

    pager.reachable = True
    looks(dog, app)

    assert pager.told == ["+worker-silent"]


def test_at_its_start_it_tells_nothing(app, pager):
    fresh = dog_of(app, pager)

    looks(fresh, app, 4, working=False)
    assert pager.told == []
    looks(fresh, app, 2, working=False)

    assert pager.told == ["+dispatcher-never-ran"]


def test_a_database_that_is_away_is_told_without_it(app, pager):
    away = True

    def open_app():
        if away:
            raise StoreUnavailable("away")
        return app

    dog = Watchdog(open_app, [pager], name="t", alarming=app.policy.alarming, clock=app.clock)
    looks(dog, app)
    assert pager.told == []
    looks(dog, app, 3)
    assert pager.told == ["+database-away"]

    away = False
    looks(dog, app, 2)

    assert pager.told == ["+database-away", "-database-away"]


def test_a_database_that_never_answers_is_told_of(app, pager):
    answering = threading.Event()

    def open_app():
        answering.wait(30)
        # A look that is under way when the test ends must neither tell that it is back nor open
        # a database that is being closed.
        raise OSError("it never answered")

    alarming = app.policy.alarming
    dog = Watchdog(
        open_app, [pager], name="t", alarming=type(alarming)(every=SECOND / 50), clock=app.clock
    )
    stopping = threading.Event()
    watching = threading.Thread(
        target=run_watchdog, args=(dog, stopping), kwargs={"longest_look": 0.05}, daemon=True
    )
    watching.start()
    for _ in range(500):
        if pager.told:
            break
        stopping.wait(0.01)
    stopping.set()
    answering.set()
    watching.join(5)

    assert pager.told == ["+database-away"]


@pytest.mark.parametrize("failing", [4, 5])
def test_a_jump_of_failing_calls_is_told_of(app, pager, failing):
    dog = dog_of(app, pager)
    clock_of(app).advance_real(2 * MINUTE)
    sms_of(app).script(*[VANISHED] * failing)
    enrol_many(app, 20)
    tick(app)

    clock_of(app).advance_real(SECOND)
    looks(dog, app, 2)

    assert pager.told == (["+failures:scripted"] if failing == 5 else [])


def test_receipts_that_dry_up_are_told_of(app, pager):
    dog = dog_of(app, pager)
    enrol_many(app, 10)
    tick(app)
    clock_of(app).advance_real(16 * MINUTE)

    looks(dog, app, 2)

    assert "+receipts-dry:scripted" in pager.told


def test_what_is_unaccounted_for_is_told_of(dog, app, pager):
    a_message(app, State.CLAIMED, lease_until=app.clock.real_now() - 5 * MINUTE)

    looks(dog, app, 2)

    assert pager.told == ["+balance-remainder"]


def test_no_alarm_tells_of_a_patient(app, pager):
    dog = dog_of(app, pager)
    enrol_many(app, 3)
    clock_of(app).advance_real(10 * MINUTE)
    clock_of(app).advance_service(10 * MINUTE)

    looks(dog, app, 3)

    text = "\n".join(line for alert in pager.alerts for line in (alert.title, *alert.lines))
    assert "messages-late" in text
    for secret in (person().name, "7700", "999"):
        assert secret not in text
