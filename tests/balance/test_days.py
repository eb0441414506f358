"""Days that are over for long are summed once: the sheet stays what counting everything says."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete, select, update

from followup.balance.days import close_days
from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.monitoring.message_balance import Scope, balance, balance_by, states_now
from followup.monitoring.metrics import collect_metrics
from followup.store.engine.bulk import insert_many
from followup.store.engine.types import new_id
from followup.store.models.balance import BalanceDay, BalanceFigure, BalanceTotal
from followup.store.models.enrolments import Generation
from followup.store.models.messages import Message
from tests.support.apps import clock_of, enrol_one, rows, tick
from tests.support.people import CLINIC, ENROLLED_AT
from tests.support.rows_read import rows_read

DAY = timedelta(days=1)
SETTLED = (State.DELIVERED, State.CANCELLED, State.EXPIRED, State.SUPPRESSED, State.SENT)


def grow_old(app: AppContext, timelines: int) -> None:
    """Give one enrolment timelines of the past, a day apart, of which nothing is to come."""
    enrol_one(app)
    clock_of(app).advance_to(ENROLLED_AT + 70 * DAY)
    with app.store.write() as session:
        for place, one in enumerate(session.scalars(select(Message).order_by(Message.due_at))):
            one.state = SETTLED[place % len(SETTLED)].value
    grow_older(app, range(1, timelines))


def grow_older(app: AppContext, days_before: range) -> None:
    with app.store.write() as session:
        ledger = session.scalars(
            select(Generation).where(Generation.number == 1).order_by(Generation.procedure_at)
        ).first()
        assert ledger
        of_the_first = (Message.enrolment_id == ledger.enrolment_id, Message.generation == 1)
        first = session.scalars(select(Message).where(*of_the_first)).all()
        timelines, messages = list[dict[str, Any]](), list[dict[str, Any]]()
        for back in days_before:
            number = {"number": 1 + back, "created_at": ledger.created_at - back * DAY}
            timelines.append(columns(ledger) | number)
            messages += [
                columns(one)
                | {
                    "id": new_id(one.due_at),
                    "generation": 1 + back,
                    "due_at": one.due_at - back * DAY,
                }
                for one in first
            ]
        insert_many(session, Generation, timelines)
        insert_many(session, Message, messages)


def columns(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.c}


def close_all(app: AppContext) -> None:
    while close_days(app):
        pass


def check_all(app: AppContext) -> None:
    for _ in rows(app, BalanceDay):
        clock_of(app).advance_real(timedelta(seconds=1))
        close_days(app)


def everything(app: AppContext) -> list[Any]:
    """Return all that is told of the balance."""
    noon = ENROLLED_AT.replace(hour=12)
    scopes = [
        Scope(),
        Scope(clinic=CLINIC),
        Scope(protocol="nerve-root-block"),
        Scope(clinic="elsewhere"),
        Scope(since=noon - 3 * DAY, until=noon + DAY),
        Scope(until=noon.replace(hour=0)),
    ]
    sheets = [balance(app, scope) for scope in scopes]
    parts = [balance_by(app, by, scope) for by in ("day", "clinic", "protocol") for scope in scopes]
    with app.store.read() as session:
        return [*sheets, *parts, states_now(session)]


def test_sums_of_closed_days_say_what_counting_every_message_says(app: AppContext):
    grow_old(app, 5)
    enrol_one(app, 2, procedure_at=app.clock.now())
    counted = everything(app)
    assert counted[0].remainder == 0

    close_all(app)

    assert len(rows(app, BalanceFigure)) > 50
    assert not [day for day in rows(app, BalanceDay) if day.is_open]
    assert everything(app) == counted


def test_what_is_under_way_again_is_counted_at_once_and_its_day_is_opened(sqlite_app: AppContext):
    grow_old(sqlite_app, 2)
    close_all(sqlite_app)
    before = balance(sqlite_app)

    with sqlite_app.store.write() as session:
        [one, *_] = session.scalars(select(Message).where(Message.state == "delivered"))
        one.state, one.lease_until = "unknown", sqlite_app.clock.real_now() - DAY

    after = balance(sqlite_app)
    assert (after.due, after.remainder) == (before.due, 1)
    assert after.delivered == before.delivered - 1
    check_all(sqlite_app)
    assert [day.day for day in rows(sqlite_app, BalanceDay) if day.is_open] == [one.due_at.date()]
    assert balance(sqlite_app) == after


def test_a_message_that_is_gone_from_a_closed_day_is_missed_once_the_day_is_counted_again(
    sqlite_app: AppContext,
):
    grow_old(sqlite_app, 2)
    close_all(sqlite_app)

    with sqlite_app.store.write() as session:
        [gone, late, *_] = session.scalars(select(Message).where(Message.state == "expired"))
        session.execute(delete(Message).where(Message.id == gone.id))
        session.execute(update(Message).where(Message.id == late.id).values(state="delivered"))

    check_all(sqlite_app)
    sheet = balance(sqlite_app)
    assert sheet.remainder == 1
    assert sum(one.remainder for one in balance_by(sqlite_app, "clinic").values()) == 1
    with sqlite_app.store.read() as session:
        counted = session.scalars(select(Message.state)).all()
    assert sheet.delivered == counted.count("delivered")


def test_enrolling_for_a_day_that_is_closed_leaves_nothing_over(sqlite_app: AppContext):
    grow_old(sqlite_app, 2)
    close_all(sqlite_app)

    now = sqlite_app.clock.now()
    enrol_one(sqlite_app, 2, procedure_at=now - 40 * DAY)
    tick(sqlite_app)

    counted = balance(sqlite_app)
    assert counted.remainder == 0
    assert counted.expired > 3
    assert [day for day in rows(sqlite_app, BalanceDay) if day.is_open]
    check_all(sqlite_app)
    assert balance(sqlite_app) == counted
    assert not [day for day in rows(sqlite_app, BalanceDay) if day.is_open]


def test_a_sheet_reads_no_more_rows_after_seven_times_the_history(postgres_app: AppContext):
    grow_old(postgres_app, 8)
    enrol_one(postgres_app, 2, procedure_at=postgres_app.clock.now())
    close_all(postgres_app)
    asked = (balance, collect_metrics)
    before = [rows_read(postgres_app, partial(ask, postgres_app)) for ask in asked]

    with postgres_app.store.write() as session:
        for table in (BalanceDay, BalanceFigure, BalanceTotal):
            session.execute(delete(table))
    grow_older(postgres_app, range(8, 60))
    unclosed = [rows_read(postgres_app, partial(ask, postgres_app)) for ask in asked]
    close_all(postgres_app)
    with postgres_app.store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as it:
        it.exec_driver_sql("VACUUM ANALYZE")

    after = [rows_read(postgres_app, partial(ask, postgres_app)) for ask in asked]

    for few, many, all_of_it in zip(before, after, unclosed, strict=True):
        assert many <= 1.2 * few + 50 < all_of_it / 2
