"""A tick looks ahead: what falls due before the next has a look of its own, by no worker's time."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from queue import Queue

from kombu.exceptions import OperationalError
from sqlalchemy import update

from followup.context import AppContext
from followup.sending.claim import ROOM_AGAIN, claim_batches
from followup.store.models.messages import Message
from tasks import dispatch
from tests.support.apps import enrol_many, enrol_one, make_app
from tests.support.people import SMS

SOON = timedelta(milliseconds=400)


def looks(app: AppContext) -> tuple[int, list[timedelta]]:
    """Return how many messages a tick claims, and after what time it wants to look again."""
    told: list[timedelta] = []
    batches = list(claim_batches(app, look_again=told.append))
    return sum(len(batch.message_ids) for batch in batches), told


def test_a_tick_tells_when_the_next_message_falls_due_if_nothing_is_due(sqlite_app: AppContext):
    nothing = looks(sqlite_app)
    enrol_one(sqlite_app, channels=(SMS,))
    with sqlite_app.store.write() as session:
        session.execute(update(Message).values(claimable_at=sqlite_app.clock.now() + SOON))

    assert nothing == (0, [])
    assert looks(sqlite_app) == (0, [SOON])


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
