"""The watchdog tells of trouble once, again after hours, and when it is over."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from followup.alarms import latest_alarms, open_alarms
from followup.blast_radius import HELD
from followup.channels.alert import Alert
from followup.domain.errors import StoreUnavailable
from followup.domain.lifecycle import State
from followup.health import watched
from followup.heart import beat
from followup.watchdog import Watchdog, watch
from tests.kits import a_message, clock_of, enrol_many, sms_of, tick
from tests.people import person
from tests.scripted_channel import VANISHED

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Pager:
    """Somebody who is told, and can be out of reach."""

    kind = "pager"

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
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
def dog(kit, pager):
    """A watchdog that has been up for long, on a service that does its work."""
    made = dog_of(kit, pager)
    clock_of(kit).advance_real(2 * MINUTE)
    work(kit)
    return made


def dog_of(kit, pager):
    return Watchdog(
        lambda: kit, [pager], name="test", alarming=kit.policy.alarming, clock=kit.clock
    )


def work(kit):
    watched(kit, "dispatch", lambda: 1)


def looks(dog, kit, count=1, *, working=True):
    """Look so many times, as far apart as in life."""
    for _ in range(count):
        if working:
            work(kit)
        dog.look()
        clock_of(kit).advance_real(15 * SECOND)


def kill_a_worker(kit):
    beat(kit, "worker", "gone:1")
    beat(kit, "worker", "here:2")
    clock_of(kit).advance_real(2 * MINUTE)
    beat(kit, "worker", "here:2")


def test_nothing_is_told_while_all_is_well(dog, kit, pager):
    looks(dog, kit, 3)

    assert pager.alerts == []


def test_an_alarm_is_told_once_at_the_second_look(dog, kit, pager):
    kill_a_worker(kit)

    looks(dog, kit)
    assert pager.told == []
    looks(dog, kit, 3)

    assert pager.told == ["+worker-silent"]
    (alert,) = pager.alerts
    assert alert.title == "followup: worker-silent"
    assert "gone:1" in alert.lines[0]
    assert alert.lines[-1] == "Told by test."


def test_what_is_over_at_the_next_look_wakes_nobody(dog, kit, pager):
    kill_a_worker(kit)
    looks(dog, kit)

    for _ in range(8):
        beat(kit, "worker", "gone:1")
        beat(kit, "worker", "here:2")
        looks(dog, kit)

    assert pager.told == []
    with kit.store.read() as session:
        assert open_alarms(session) == []


def test_that_it_is_over_is_told_once_it_stays_away(dog, kit, pager):
    kill_a_worker(kit)
    looks(dog, kit, 2)

    beat(kit, "worker", "gone:1")
    looks(dog, kit, 2)
    assert pager.told == ["+worker-silent"]
    for _ in range(6):
        beat(kit, "worker", "gone:1")
        beat(kit, "worker", "here:2")
        looks(dog, kit)

    assert pager.told == ["+worker-silent", "-worker-silent"]
    assert pager.alerts[-1].title == "followup: over: worker-silent"
    with kit.store.read() as session:
        assert open_alarms(session) == []
        assert [one.code for one in latest_alarms(session)] == ["worker-silent"]


def test_an_alarm_that_stays_up_is_told_again_after_hours(dog, kit, pager):
    a_message(kit, State.HELD, reason=HELD)
    looks(dog, kit, 2)

    clock_of(kit).advance_real(timedelta(hours=3, minutes=59))
    looks(dog, kit)
    assert len(pager.alerts) == 1
    clock_of(kit).advance_real(2 * MINUTE)
    looks(dog, kit, 3)

    assert pager.told == ["+blast-radius", "+blast-radius"]


def test_what_comes_again_later_is_a_new_alarm(dog, kit, pager):
    held = a_message(kit, State.HELD, reason=HELD)
    looks(dog, kit, 2)
    move_to(kit, held, State.CANCELLED)
    looks(dog, kit, 6)
    move_to(kit, held, State.HELD)
    looks(dog, kit, 3)

    assert pager.told == ["+blast-radius", "-blast-radius", "+blast-radius"]


def move_to(kit, message_id, state):
    from followup.store.models import Message  # noqa: PLC0415 - this test's alone

    with kit.store.write() as session:
        session.get(Message, message_id).state = state.value


def test_two_watchdogs_tell_an_alarm_once(dog, kit, pager):
    other = dog_of(kit, pager)
    clock_of(kit).advance_real(2 * MINUTE)
    kill_a_worker(kit)

    for _ in range(4):
        looks(other, kit)
        looks(dog, kit)

    assert pager.told == ["+worker-silent"]


def test_nobody_reached_is_tried_again(dog, kit, pager):
    kill_a_worker(kit)
    pager.reachable = False
    looks(dog, kit, 4)
    assert pager.told == []

    pager.reachable = True
    looks(dog, kit)

    assert pager.told == ["+worker-silent"]


def test_at_its_start_it_tells_nothing(kit, pager):
    fresh = dog_of(kit, pager)

    looks(fresh, kit, 4, working=False)
    assert pager.told == []
    looks(fresh, kit, 2, working=False)

    assert pager.told == ["+dispatcher-never-ran"]


def test_a_database_that_is_away_is_told_without_it(kit, pager):
    away = True

    def open_kit():
        if away:
            raise StoreUnavailable("away")
        return kit

    dog = Watchdog(open_kit, [pager], name="t", alarming=kit.policy.alarming, clock=kit.clock)
    looks(dog, kit)
    assert pager.told == []
    looks(dog, kit, 3)
    assert pager.told == ["+database-away"]

    away = False
    looks(dog, kit, 2)

    assert pager.told == ["+database-away", "-database-away"]


def test_a_database_that_never_answers_is_told_of(kit, pager):
    answering = threading.Event()

    def open_kit():
        answering.wait(30)
        return kit

    alarming = kit.policy.alarming
    dog = Watchdog(
        open_kit, [pager], name="t", alarming=type(alarming)(every=SECOND / 50), clock=kit.clock
    )
    stopping = threading.Event()
    watching = threading.Thread(
        target=watch, args=(dog, stopping), kwargs={"longest_look": 0.05}, daemon=True
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
def test_a_jump_of_failing_calls_is_told_of(kit, pager, failing):
    dog = dog_of(kit, pager)
    clock_of(kit).advance_real(2 * MINUTE)
    sms_of(kit).script(*[VANISHED] * failing)
    enrol_many(kit, 20)
    tick(kit)

    clock_of(kit).advance_real(SECOND)
    looks(dog, kit, 2)

    assert pager.told == (["+failures:scripted"] if failing == 5 else [])


def test_receipts_that_dry_up_are_told_of(kit, pager):
    dog = dog_of(kit, pager)
    enrol_many(kit, 10)
    tick(kit)
    clock_of(kit).advance_real(16 * MINUTE)

    looks(dog, kit, 2)

    assert "+receipts-dry:scripted" in pager.told


def test_what_is_unaccounted_for_is_told_of(dog, kit, pager):
    a_message(kit, State.CLAIMED, lease_until=kit.clock.real_now() - 5 * MINUTE)

    looks(dog, kit, 2)

    assert pager.told == ["+balance-remainder"]


def test_no_alarm_tells_of_a_patient(kit, pager):
    dog = dog_of(kit, pager)
    enrol_many(kit, 3)
    clock_of(kit).advance_real(10 * MINUTE)
    clock_of(kit).advance_service(10 * MINUTE)

    looks(dog, kit, 3)

    text = "\n".join(line for alert in pager.alerts for line in (alert.title, *alert.lines))
    assert "messages-late" in text
    for secret in (person().name, "7700", "999"):
        assert secret not in text
