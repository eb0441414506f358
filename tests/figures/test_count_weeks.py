"""Weeks as the job counts them, against every message, reply, stop and item one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select, update

from followup.consent.objections import lodge_objection
from followup.domain.figures.counted import Counted
from followup.domain.lifecycle import State
from followup.figures.count_weeks import count_weeks
from followup.figures.read_figures import Chosen, read_times, read_weeks
from followup.messages.queries import segments_of
from followup.store.models.figures import WeekCounted
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import close_item, take_over_item
from tests.support.apps import (
    a_message,
    clock_of,
    enrol_one,
    messages,
    rows,
    run_until,
    sms_of,
    sweep,
)
from tests.support.people import CLINIC, ENROLLED_AT, SMS
from tests.support.scripted_channel import refuse
from tests.web.console.patients.test_patient import write

WEEK = date(2026, 10, 19)
"""The Monday on which the first patient is enrolled; the clocks go back on its Sunday."""
NEXT = date(2026, 10, 26)
SUNDAY_NIGHT = datetime(2026, 10, 25, 23, 59, tzinfo=UTC)
"""A minute before midnight by Plymouth's clock, an hour later than a week before."""


def weeks(app, **by):
    with app.store.read() as session:
        return read_weeks(session, Chosen(clinics=(CLINIC,), since=date(2026, 1, 1), **by))


def advice(app, state, **columns):
    return a_message(
        app, state, kind="advice", protocol="nerve-root-block", step="flare", **columns
    )


def test_every_message_counts_once_in_the_week_by_the_clinics_clock(app):
    window = {"not_before": SUNDAY_NIGHT, "not_after": SUNDAY_NIGHT + timedelta(hours=1)}
    late = window["not_after"] + timedelta(minutes=1)
    for state, columns in (
        (State.DELIVERED, {"delivered_at": SUNDAY_NIGHT}),
        (State.DELIVERED, {"delivered_at": late}),
        (State.SENT, {}),
        (State.SENT, {"channel": "email"}),
        (State.FAILED, {"reason": "30006"}),
        (State.EXPIRED, {"reason": "window-over"}),
        (State.UNKNOWN, {}),
        # What is no longer wanted did not fall due.
        (State.CANCELLED, {"reason": "withdrawn"}),
    ):
        advice(app, state, due_at=SUNDAY_NIGHT, **window, **columns)
    advice(app, State.DELIVERED, due_at=SUNDAY_NIGHT + timedelta(minutes=1))
    # Its time is still to come.
    advice(app, State.PLANNED, due_at=SUNDAY_NIGHT + timedelta(days=3))
    clock_of(app).advance_to(SUNDAY_NIGHT + timedelta(days=1))

    sweep(app, "count-weeks")

    found = weeks(app)
    assert found[WEEK].numbers == {
        Counted.IN_WINDOW: 2,
        Counted.LATE: 1,
        Counted.UNCONFIRMED: 1,
        Counted.NOT_DELIVERED: 2,
        Counted.UNDER_WAY: 1,
    }
    assert found[WEEK].causes == {"30006": 1, "window-over": 1}
    assert found[NEXT].numbers == {Counted.IN_WINDOW: 1}
    assert weeks(app, channel="email")[WEEK].numbers == {Counted.IN_WINDOW: 1}
    assert weeks(app, step="moving") == {}


def test_replies_and_stops_count_with_what_was_sent_before_them(app):
    enrol_one(app, 1, channels=(SMS,))
    run_until(app, ENROLLED_AT + timedelta(days=2))
    write(app, "Thank you")
    with app.store.write() as session:
        patient = session.scalars(select(Patient)).one()
        lodge_objection(session, app.by("cli:test"), patient=patient, channel=None, source="phone")
    clock_of(app).advance(timedelta(minutes=1))

    sweep(app, "count-weeks")

    sent = [one for one in messages(app) if one.sent_at and one.kind == "advice"]
    (last,) = weeks(app, step=sent[-1].step, protocol="nerve-root-block", language="en").values()
    assert (last.number(Counted.REPLIES), last.number(Counted.STOPS)) == (1, 1)
    (whole,) = weeks(app).values()
    with app.store.read() as session:
        taken = segments_of(session, messages(app))
    assert whole.number(Counted.SEGMENTS) == sum(taken.values()) > 0


def test_times_are_medians_by_urgency_in_and_out_of_office_hours(sqlite_app):
    sms_of(sqlite_app).script(refuse("21211", recipient=True))
    enrol_one(sqlite_app, 1, channels=(SMS,))
    run_until(sqlite_app, ENROLLED_AT + timedelta(minutes=1))
    (item,) = rows(sqlite_app, WorklistItem)
    clock_of(sqlite_app).advance_to(item.opened_at + timedelta(minutes=20))
    take_over_item(sqlite_app, item.id, actor="web:nurse@example.com")
    clock_of(sqlite_app).advance(timedelta(minutes=70))
    close_item(sqlite_app, item.id, outcome="told", actor="web:nurse@example.com")

    sweep(sqlite_app, "count-weeks")

    with sqlite_app.store.read() as session:
        found = read_times(session, Chosen(clinics=(CLINIC,), since=WEEK))
    ((key, by_week),) = found.items()
    assert key == (2, True)
    assert (by_week[WEEK].items, by_week[WEEK].looked, by_week[WEEK].closed) == (1, 20, 90)


def test_a_week_is_counted_again_while_it_runs_once_it_is_over_and_while_it_settles(sqlite_app):
    app, clock = sqlite_app, clock_of(sqlite_app)
    one = advice(app, State.SENT, due_at=ENROLLED_AT - timedelta(hours=1))
    assert [count_weeks(app), count_weeks(app)] == [1, 0]

    def receipt(state):
        with app.store.write() as session:
            session.execute(update(Message).where(Message.id == one).values(state=state))

    receipt("failed")
    clock.advance(timedelta(minutes=11))
    sweep(app, "count-weeks")
    assert weeks(app)[WEEK].number(Counted.NOT_DELIVERED) == 1

    receipt("delivered")
    clock.advance_to(ENROLLED_AT + timedelta(days=9))
    sweep(app, "count-weeks")
    assert weeks(app)[WEEK].numbers == {Counted.IN_WINDOW: 1}
    assert {each.week for each in rows(app, WeekCounted)} == {WEEK, NEXT}

    receipt("failed")
    clock.advance(timedelta(days=60))
    sweep(app, "count-weeks")
    assert weeks(app)[WEEK].number(Counted.NOT_DELIVERED) == 0
    clock.advance(timedelta(days=92))
    sweep(app, "count-weeks")
    assert weeks(app)[WEEK].number(Counted.NOT_DELIVERED) == 1
