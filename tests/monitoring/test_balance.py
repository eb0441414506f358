"""The balance sheet: everything that fell due is accounted for, and what is not shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from followup.clock import TimeLapseClock
from followup.context import AppContext
from followup.delivery.receipts import take_receipt
from followup.domain.lifecycle import State
from followup.enrolment.pause import pause_enrolment
from followup.enrolment.withdraw import withdraw_enrolment
from followup.monitoring.message_balance import Scope, balance, balance_by
from followup.providers.interface import ReportedStatus
from followup.sending.claim import claim_due
from followup.store.models.messages import Attempt, Message, Receipt
from followup.store.models.worklist import Occurrence, WorklistItem
from tests.support.apps import (
    a_message,
    balance_is_even,
    clock_of,
    email_of,
    enrol_one,
    make_app,
    messages,
    run_until,
    sms_of,
    sweep,
    tick,
)
from tests.support.people import CLINIC, EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS
from tests.support.scripted_channel import LOST, refuse

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def force(app: AppContext, **values) -> None:
    """Write columns of every message that fell due, as no part of the product would."""
    with app.store.write() as session:
        session.execute(update(Message).where(Message.due_at <= app.clock.now()).values(**values))


def sheet(app: AppContext, scope: Scope | None = None) -> dict[str, int]:
    figures = balance(app, scope).as_dict() if scope else balance(app).as_dict()
    return {name: figure for name, figure in figures.items() if figure}


def test_nothing_due_balances(app: AppContext):
    assert sheet(app) == {}


def test_each_class_is_counted_and_nothing_is_left_over(app: AppContext):
    def one(serial: int, **more):
        return enrol_one(app, serial, channels=(SMS,), **more)

    for serial in range(1, 3):
        one(serial)
    tick(app)
    first = next(iter(sms_of(app).taken))
    take_receipt(app, sms_of(app).reaches(first, ReportedStatus.DELIVERED), provider="scripted")
    one(3)
    sms_of(app).script(refuse("30003"))
    tick(app)
    one(4)
    sms_of(app).script(refuse("21610", opted_out=True))
    tick(app)
    pause_enrolment(app, one(5), actor="cli:test")
    withdraw_enrolment(app, one(6), reason="x", actor="cli:test")
    one(7)
    claim_due(app)
    one(8)
    one(9, procedure_at=ENROLLED_AT - 13 * HOUR)

    assert sheet(app) == {
        "due": 9,
        "delivered": 1,
        "sent": 1,
        "with_a_person": 2,
        "expired": 1,
        "cancelled": 1,
        "held": 1,
        "in_progress": 2,
    }


def test_what_is_not_due_yet_is_not_counted(app: AppContext):
    enrol_one(app, diabetic=True)

    assert balance(app).due == 1
    clock_of(app).advance_to(PROCEDURE_AT + 60 * DAY)
    assert balance(app).due == 14


def test_a_message_whose_place_another_took_counts_once(app: AppContext):
    enrol_one(app)
    sms_of(app).script(refuse("21606"))
    tick(app)
    tick(app)

    assert sheet(app) == {"due": 1, "sent": 1}


def test_a_scope_narrows_the_sheet(app: AppContext):
    enrol_one(app)
    tick(app)
    hour = Scope(since=ENROLLED_AT - HOUR, until=ENROLLED_AT + HOUR)
    before = Scope(until=ENROLLED_AT - HOUR)

    assert sheet(app, Scope(clinic="derriford-pain", protocol="nerve-root-block")) == sheet(app)
    assert sheet(app, hour) == sheet(app) == {"due": 1, "sent": 1}
    assert sheet(app, Scope(clinic="elsewhere")) == {}
    assert sheet(app, Scope(protocol="elsewhere")) == {}
    assert sheet(app, before) == {}


def test_an_answer_that_failed_is_with_the_person_who_has_the_text(app: AppContext):
    a_message(app, State.FAILED)

    assert sheet(app) == {"due": 1, "with_a_person": 1}


# ----------------------------------------------------------------------- what must not hide


def test_a_message_that_is_gone_shows(app: AppContext):
    enrol_one(app)
    tick(app)
    balance_is_even(app)

    with app.store.write() as session:
        for table in (Receipt, Attempt, Message):
            session.execute(delete(table))

    assert balance(app).remainder == 10
    assert balance(app, Scope(clinic="derriford-pain")).remainder == 10
    assert balance(app, Scope(clinic="elsewhere")).remainder == 0


def test_a_fallback_that_is_gone_shows(app: AppContext):
    enrol_one(app)
    sms_of(app).script(refuse("21606"))
    tick(app)
    balance_is_even(app)

    with app.store.write() as session:
        session.execute(delete(Message).where(Message.fallback_of.is_not(None)))

    assert balance(app).remainder == 1


def test_a_failure_without_a_person_shows(app: AppContext):
    enrol_one(app, channels=(SMS,))
    sms_of(app).script(refuse("21606"))
    tick(app)
    balance_is_even(app)

    with app.store.write() as session:
        session.execute(delete(Occurrence))
        session.execute(delete(WorklistItem))

    assert balance(app).remainder == 1


@pytest.mark.parametrize("state", ["claimed", "sending", "unknown"])
def test_a_lease_that_nobody_ended_shows(app: AppContext, state):
    enrol_one(app)
    force(app, state=state, lease_until=app.clock.real_now())
    balance_is_even(app)

    clock_of(app).advance_real(timedelta(minutes=3))

    assert balance(app).remainder == 1


def test_a_message_under_way_without_a_lease_shows(app: AppContext):
    enrol_one(app)
    force(app, state="sending", lease_until=None)

    assert balance(app).remainder == 1


@pytest.mark.parametrize("state", ["planned", "held"])
def test_what_should_have_expired_shows(app: AppContext, state):
    enrol_one(app)
    force(app, state=state)
    clock_of(app).advance_to(PROCEDURE_AT + 12 * HOUR)
    balance_is_even(app)

    clock_of(app).advance(timedelta(minutes=3))

    assert balance(app).remainder == 1


def test_a_receipt_that_nobody_asked_after_shows(app: AppContext):
    enrol_one(app)
    tick(app)
    (due,) = {one.receipt_due_at for one in messages(app) if one.receipt_due_at}
    clock_of(app).advance_service(due - ENROLLED_AT)
    sheet_at_deadline = balance(app, Scope(until=ENROLLED_AT + HOUR))
    assert sheet_at_deadline.sent == 1

    clock_of(app).advance(timedelta(minutes=3))

    assert balance(app, Scope(until=ENROLLED_AT + HOUR)).remainder == 1
    sweep(app, "chase-receipts")
    assert balance(app, Scope(until=ENROLLED_AT + HOUR)).with_a_person == 1


def test_a_grace_is_real_time_so_that_a_fast_clock_raises_no_alarm(migrated_url: str):
    real = [datetime(2026, 11, 22, 14, 0, tzinfo=UTC)]
    clock = TimeLapseClock(ENROLLED_AT, real[0], speed=3600, real=lambda: real[0])
    app = make_app(migrated_url, clock=clock)
    enrol_one(app)
    real[0] += timedelta(seconds=13)  # thirteen hours: the window is over by more than an hour

    assert balance(app).remainder == 0

    real[0] += timedelta(minutes=2)
    assert balance(app).remainder > 0
    app.close()


def test_six_weeks_with_trouble_balance_at_every_step(app: AppContext):
    for serial in range(1, 4):
        enrol_one(
            app,
            serial,
            diabetic=serial % 2 == 0,
            channels=((SMS, EMAIL), (SMS,), (EMAIL,))[serial % 3],
        )
    sms_of(app).script(*[LOST, refuse("30006", recipient=True)] * 6)
    email_of(app).script(LOST, refuse("550"))

    for day in range(0, 50, 7):
        run_until(app, ENROLLED_AT + day * DAY)
        balance_is_even(app)

    figures = balance(app)
    assert figures.due == figures.sent + figures.with_a_person + figures.suppressed


@pytest.mark.parametrize("by", ["day", "clinic", "protocol"])
def test_each_part_has_a_sheet_of_its_own_and_together_they_are_the_whole(app: AppContext, by: str):
    enrol_one(app, 1)
    enrol_one(app, 2)
    run_until(app, ENROLLED_AT + timedelta(days=3))
    whole = balance(app)

    sheets = balance_by(app, by)

    assert {one.remainder for one in sheets.values()} == {0}
    for name, figure in whole.as_dict().items():
        assert sum(one.as_dict()[name] for one in sheets.values()) == figure
    keys = {"day": "2026-10-19", "clinic": CLINIC, "protocol": "nerve-root-block"}
    assert keys[by] in sheets
