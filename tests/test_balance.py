"""The balance sheet: everything that fell due is accounted for, and what is not shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from followup.balance import Scope, balance, balance_by
from followup.changes import pause, withdraw
from followup.channels.interface import ReportedStatus
from followup.clock import TimeLapseClock
from followup.dispatch import claim_due
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.receipts import take
from followup.store.models import Attempt, Message, Occurrence, Receipt, WorklistItem
from tests.kits import (
    a_message,
    balance_is_even,
    clock_of,
    email_of,
    enrol_one,
    make_kit,
    messages,
    run_until,
    sms_of,
    sweep,
    tick,
)
from tests.people import CLINIC, EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS
from tests.scripted_channel import LOST, refuse

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def force(kit: Kit, **values) -> None:
    """Write columns of every message that fell due, as no part of the product would."""
    with kit.store.write() as session:
        session.execute(update(Message).where(Message.due_at <= kit.clock.now()).values(**values))


def sheet(kit: Kit, scope: Scope | None = None) -> dict[str, int]:
    figures = balance(kit, scope).as_dict() if scope else balance(kit).as_dict()
    return {name: figure for name, figure in figures.items() if figure}


def test_nothing_due_balances(kit: Kit):
    assert sheet(kit) == {}


def test_each_class_is_counted_and_nothing_is_left_over(kit: Kit):
    def one(serial: int, **more):
        return enrol_one(kit, serial, channels=(SMS,), **more)

    for serial in range(1, 3):
        one(serial)
    tick(kit)
    first = next(iter(sms_of(kit).taken))
    take(kit, sms_of(kit).reaches(first, ReportedStatus.DELIVERED), provider="scripted")
    one(3)
    sms_of(kit).script(refuse("30003"))
    tick(kit)
    one(4)
    sms_of(kit).script(refuse("21610", opted_out=True))
    tick(kit)
    pause(kit, one(5), actor="cli:test")
    withdraw(kit, one(6), reason="x", actor="cli:test")
    one(7)
    claim_due(kit)
    one(8)
    one(9, procedure_at=ENROLLED_AT - 13 * HOUR)

    assert sheet(kit) == {
        "due": 9,
        "delivered": 1,
        "sent": 1,
        "with_a_person": 2,
        "expired": 1,
        "cancelled": 1,
        "held": 1,
        "in_progress": 2,
    }


def test_what_is_not_due_yet_is_not_counted(kit: Kit):
    enrol_one(kit, diabetic=True)

    assert balance(kit).due == 1
    clock_of(kit).advance_to(PROCEDURE_AT + 60 * DAY)
    assert balance(kit).due == 14


def test_a_message_whose_place_another_took_counts_once(kit: Kit):
    enrol_one(kit)
    sms_of(kit).script(refuse("21606"))
    tick(kit)
    tick(kit)

    assert sheet(kit) == {"due": 1, "sent": 1}


def test_a_scope_narrows_the_sheet(kit: Kit):
    enrol_one(kit)
    tick(kit)
    hour = Scope(since=ENROLLED_AT - HOUR, until=ENROLLED_AT + HOUR)
    before = Scope(until=ENROLLED_AT - HOUR)

    assert sheet(kit, Scope(clinic="derriford-pain", protocol="nerve-root-block")) == sheet(kit)
    assert sheet(kit, hour) == sheet(kit) == {"due": 1, "sent": 1}
    assert sheet(kit, Scope(clinic="elsewhere")) == {}
    assert sheet(kit, Scope(protocol="elsewhere")) == {}
    assert sheet(kit, before) == {}


def test_an_answer_that_failed_is_with_the_person_who_has_the_text(kit: Kit):
    a_message(kit, State.FAILED)

    assert sheet(kit) == {"due": 1, "with_a_person": 1}


# ----------------------------------------------------------------------- what must not hide


def test_a_message_that_is_gone_shows(kit: Kit):
    enrol_one(kit)
    tick(kit)
    balance_is_even(kit)

    with kit.store.write() as session:
        for table in (Receipt, Attempt, Message):
            session.execute(delete(table))

    assert balance(kit).remainder == 10
    assert balance(kit, Scope(clinic="derriford-pain")).remainder == 10
    assert balance(kit, Scope(clinic="elsewhere")).remainder == 0


def test_a_fallback_that_is_gone_shows(kit: Kit):
    enrol_one(kit)
    sms_of(kit).script(refuse("21606"))
    tick(kit)
    balance_is_even(kit)

    with kit.store.write() as session:
        session.execute(delete(Message).where(Message.fallback_of.is_not(None)))

    assert balance(kit).remainder == 1


def test_a_failure_without_a_person_shows(kit: Kit):
    enrol_one(kit, channels=(SMS,))
    sms_of(kit).script(refuse("21606"))
    tick(kit)
    balance_is_even(kit)

    with kit.store.write() as session:
        session.execute(delete(Occurrence))
        session.execute(delete(WorklistItem))

    assert balance(kit).remainder == 1


@pytest.mark.parametrize("state", ["claimed", "sending", "unknown"])
def test_a_lease_that_nobody_ended_shows(kit: Kit, state):
    enrol_one(kit)
    force(kit, state=state, lease_until=kit.clock.real_now())
    balance_is_even(kit)

    clock_of(kit).advance_real(timedelta(minutes=3))

    assert balance(kit).remainder == 1


def test_a_message_under_way_without_a_lease_shows(kit: Kit):
    enrol_one(kit)
    force(kit, state="sending", lease_until=None)

    assert balance(kit).remainder == 1


@pytest.mark.parametrize("state", ["planned", "held"])
def test_what_should_have_expired_shows(kit: Kit, state):
    enrol_one(kit)
    force(kit, state=state)
    clock_of(kit).advance_to(PROCEDURE_AT + 12 * HOUR)
    balance_is_even(kit)

    clock_of(kit).advance(timedelta(minutes=3))

    assert balance(kit).remainder == 1


def test_a_receipt_that_nobody_asked_after_shows(kit: Kit):
    enrol_one(kit)
    tick(kit)
    (due,) = {one.receipt_due_at for one in messages(kit) if one.receipt_due_at}
    clock_of(kit).advance_service(due - ENROLLED_AT)
    sheet_at_deadline = balance(kit, Scope(until=ENROLLED_AT + HOUR))
    assert sheet_at_deadline.sent == 1

    clock_of(kit).advance(timedelta(minutes=3))

    assert balance(kit, Scope(until=ENROLLED_AT + HOUR)).remainder == 1
    sweep(kit, "chase-receipts")
    assert balance(kit, Scope(until=ENROLLED_AT + HOUR)).with_a_person == 1


def test_a_grace_is_real_time_so_that_a_fast_clock_raises_no_alarm(migrated_url: str):
    real = [datetime(2026, 11, 22, 14, 0, tzinfo=UTC)]
    clock = TimeLapseClock(ENROLLED_AT, real[0], speed=3600, real=lambda: real[0])
    kit = make_kit(migrated_url, clock=clock)
    enrol_one(kit)
    real[0] += timedelta(seconds=13)  # thirteen hours: the window is over by more than an hour

    assert balance(kit).remainder == 0

    real[0] += timedelta(minutes=2)
    assert balance(kit).remainder > 0
    kit.close()


def test_six_weeks_with_trouble_balance_at_every_step(kit: Kit):
    for serial in range(1, 4):
        enrol_one(
            kit,
            serial,
            diabetic=serial % 2 == 0,
            channels=((SMS, EMAIL), (SMS,), (EMAIL,))[serial % 3],
        )
    sms_of(kit).script(*[LOST, refuse("30006", recipient=True)] * 6)
    email_of(kit).script(LOST, refuse("550"))

    for day in range(0, 50, 7):
        run_until(kit, ENROLLED_AT + day * DAY)
        balance_is_even(kit)

    figures = balance(kit)
    assert figures.due == figures.sent + figures.with_a_person + figures.suppressed


@pytest.mark.parametrize("by", ["day", "clinic", "protocol"])
def test_each_part_has_a_sheet_of_its_own_and_together_they_are_the_whole(kit: Kit, by: str):
    enrol_one(kit, 1)
    enrol_one(kit, 2)
    run_until(kit, ENROLLED_AT + timedelta(days=3))
    whole = balance(kit)

    sheets = balance_by(kit, by)

    assert {one.remainder for one in sheets.values()} == {0}
    for name, figure in whole.as_dict().items():
        assert sum(one.as_dict()[name] for one in sheets.values()) == figure
    keys = {"day": "2026-10-19", "clinic": CLINIC, "protocol": "nerve-root-block"}
    assert keys[by] in sheets
