"""A tick looks ahead: what falls due before the next has a look of its own, by no worker's time."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from queue import Queue

from kombu.exceptions import OperationalError
from sqlalchemy import update

from followup.context import AppContext
from followup.enrolment.pause import pause_enrolment
from followup.sending import throttle
from followup.sending.claim import ROOM_AGAIN, claim_batches
from followup.sending.send_batch import send_batch
from followup.store.models.messages import Message
from tasks import dispatch
from tests.support.apps import (
    EXECUTOR,
    clock_of,
    enrol_many,
    enrol_one,
    make_app,
    messages,
    sms_of,
)
from tests.support.people import SMS

SOON = timedelta(milliseconds=400)


def looks(app: AppContext, *, ahead: timedelta = timedelta()) -> tuple[int, list[timedelta]]:
    """Return how many messages a tick claims, and after what time it wants to look again."""
    told: list[timedelta] = []
    batches = list(claim_batches(app, look_again=told.append, ahead=ahead))
    return sum(len(batch.message_ids) for batch in batches), told


def due_in(app: AppContext, span: timedelta, *, serial: int = 1) -> datetime:
    """Enrol somebody whose first text falls due then; return when."""
    enrolment_id, due_at = enrol_one(app, serial, channels=(SMS,)), app.clock.now() + span
    first = (Message.enrolment_id == enrolment_id, Message.step == "going-home")
    with app.store.write() as session:
        times = {"claimable_at": due_at, "due_at": due_at, "not_before": due_at}
        session.execute(update(Message).where(*first).values(**times))
    return due_at


def test_a_tick_tells_when_the_next_message_falls_due_if_nothing_is_due(sqlite_app: AppContext):
    nothing = looks(sqlite_app)
    due_in(sqlite_app, SOON)

    assert nothing == (0, [])
    assert looks(sqlite_app) == (0, [SOON])


def test_where_nothing_is_due_what_falls_due_soon_is_claimed_ahead(app: AppContext):
    due_in(app, SOON)

    assert looks(app, ahead=SOON / 2) == (0, [SOON / 2])
    assert looks(app, ahead=SOON) == (1, [])


def test_what_is_due_is_claimed_without_what_falls_due_soon(app: AppContext):
    enrol_one(app, 1, channels=(SMS,))
    due_in(app, SOON, serial=2)

    assert looks(app, ahead=SOON) == (1, [])
    assert looks(app, ahead=SOON) == (1, [])


def test_a_worker_lets_what_was_claimed_ahead_fall_due_before_it_calls(
    app: AppContext, monkeypatch
):
    due_at = due_in(app, SOON)
    (batch,) = claim_batches(app, ahead=SOON)
    called_at = []
    sms_of(app).during_call = lambda _: called_at.append(app.clock.now())
    monkeypatch.setattr(throttle, "sleep", lambda s: clock_of(app).advance(timedelta(seconds=s)))

    assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 1

    assert called_at == [due_at]


def test_a_worker_whose_wait_ends_too_early_calls_nobody(app: AppContext, monkeypatch):
    due_at = due_in(app, SOON)
    (batch,) = claim_batches(app, ahead=SOON)
    monkeypatch.setattr(throttle, "sleep", lambda _: None)

    assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 0

    (put_back,) = (one for one in messages(app) if one.claimable_at == due_at)
    assert (put_back.state, put_back.reason) == ("planned", "not-yet")


def test_who_is_paused_while_a_worker_waits_for_the_time_is_sent_nothing(
    app: AppContext, monkeypatch
):
    due_in(app, SOON)
    (batch,) = claim_batches(app, ahead=SOON)
    enrolment_id = messages(app)[0].enrolment_id
    assert enrolment_id is not None

    def pause(seconds: float) -> None:
        pause_enrolment(app, enrolment_id, actor="cli:test")
        clock_of(app).advance(timedelta(seconds=seconds))

    monkeypatch.setattr(throttle, "sleep", pause)

    assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 0
    assert sms_of(app).calls == []


def test_a_tick_that_leaves_a_backlog_for_want_of_room_looks_again_soon(migrated_sqlite_url):
    with closing(make_app(migrated_sqlite_url, in_flight_limit=3, batch_size=2)) as app:
        enrol_many(app, 4, channels=(SMS,))

        assert looks(app) == (3, [ROOM_AGAIN])
        assert looks(app) == (0, [ROOM_AGAIN])


def test_a_look_ahead_is_a_tick_through_the_broker_and_only_a_few_follow_one(monkeypatch):
    ticks: Queue[tuple[int, ...]] = Queue()
    monkeypatch.setattr(dispatch.tick, "apply_async", lambda given, **_: ticks.put(given))
    begun: list[dispatch.Timer] = []

    class Noted(dispatch.Timer):
        def start(self) -> None:
            begun.append(self)
            super().start()

    monkeypatch.setattr(dispatch, "Timer", Noted)

    dispatch._look_again(dispatch.MOST_LOOKS, timedelta(milliseconds=1))
    assert ticks.get(timeout=60) == (dispatch.MOST_LOOKS - 1,)
    dispatch._look_again(0, timedelta())
    dispatch._look_again(dispatch.MOST_LOOKS, timedelta(hours=1))
    dispatch._look_again(1, timedelta())

    assert [one.interval for one in begun] == [0.003, dispatch.APART]
    begun[-1].cancel()


def test_a_look_ahead_without_a_broker_is_left_to_beat(monkeypatch):
    def away(*_: object, **__: object) -> None:
        raise OperationalError

    monkeypatch.setattr(dispatch.tick, "apply_async", away)

    dispatch._enqueue_tick(1)
