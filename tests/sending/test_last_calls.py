"""A worker begins its next batch while the last calls of the one before are under way."""

from __future__ import annotations

from contextlib import closing
from threading import Event

from followup.context import AppContext
from followup.sending.claim import claim_due
from followup.sending.last_calls import MOST, LastCalls
from followup.sending.send_batch import send_batch
from tests.support.apps import EXECUTOR, count_by_state, enrol_one, messages, sms_of
from tests.support.people import SMS


def test_the_next_batch_is_sent_while_the_calls_of_the_first_are_under_way(sqlite_app: AppContext):
    called, answer, last_calls = Event(), Event(), LastCalls()

    def take_long(_outgoing) -> None:
        called.set()
        answer.wait(60)

    sms_of(sqlite_app).during_call = take_long
    made = send(sqlite_app, 1, last_calls)
    called.wait(60)
    sms_of(sqlite_app).during_call = None
    send(sqlite_app, 2)
    meanwhile = count_by_state(messages(sqlite_app))
    answer.set()
    last_calls.close()

    assert made == 0
    assert (meanwhile["sending"], meanwhile["sent"]) == (1, 1)
    assert count_by_state(messages(sqlite_app))["sent"] == 2


def send(app: AppContext, serial: int, last_calls: LastCalls | None = None) -> int:
    enrol_one(app, serial, channels=(SMS,))
    (batch,) = claim_due(app)
    return send_batch(
        app, batch.token, batch.message_ids, executor=EXECUTOR, last_calls=last_calls
    )


def test_a_batch_is_finished_at_once_where_others_are_still_settled_aside_or_it_is_closed():
    gate, last_calls, done = Event(), LastCalls(), list[str]()
    for _ in range(MOST):
        last_calls.settle(lambda: gate.wait(60))

    last_calls.settle(lambda: done.append("beside others"))
    gate.set()
    last_calls.close()
    last_calls.settle(lambda: done.append("after the end"))

    assert done == ["beside others", "after the end"]


def test_what_can_t_be_settled_keeps_no_other_batch_from_it():
    def fails() -> None:
        raise ConnectionError

    done = list[int]()
    with closing(LastCalls()) as last_calls:
        last_calls.settle(fails)
        for number in range(5):
            last_calls.settle(lambda number=number: done.append(number))

    assert sorted(done) == [*range(5)]
