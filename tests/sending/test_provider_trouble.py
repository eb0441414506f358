"""A provider that is away, asks for patience, or comes back: what waits, and how it drains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.providers.resilience.circuit_breaker import (
    PROBE_MESSAGES,
    SHORTEST_OPEN,
    InProcessCircuitBreaker,
)
from followup.providers.resilience.rate_limiter import Grant, InProcessRateLimiter
from followup.routing.accounts import account_of, sender_of
from followup.sending import throttle as pacing
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.sending.throttle import put_back, spread_over_time
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Attempt, Message
from tests.support.apps import (
    EXECUTOR,
    Seconds,
    clock_of,
    count_by_state,
    email_of,
    enrol_many,
    enrol_one,
    make_app,
    messages,
    rows,
    run_jobs,
    sms_of,
    sweep,
    tasks,
    tick,
)
from tests.support.people import CLINIC, EMAIL, SMS
from tests.support.scripted_channel import ACCEPT, DOWN, VANISHED, busy, refuse, unavailable


@pytest.fixture
def app(
    migrated_url: str, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppContext]:
    """An app with a real breaker and a real pace of 100 texts a second; a nap lets time pass."""
    made = make_app(
        migrated_url,
        breaker=InProcessCircuitBreaker(opens_after=3, seconds=seconds),
        pace=InProcessRateLimiter(seconds=seconds),
        per_second={SMS: 100, EMAIL: 100},
        batch_size=10,
    )
    monkeypatch.setattr(pacing, "sleep", lambda span: let_pass(made, seconds, span))
    with closing(made):
        yield made


def let_pass(app, seconds, span):
    seconds.passed += span
    clock_of(app).advance(timedelta(seconds=span))


def note_times(app, seconds):
    """Return a list to which each later call of the SMS provider adds when it was made."""
    made = []
    sms_of(app).during_call = lambda _: made.append(seconds.passed)
    return made


def going_home(app):
    return [one for one in messages(app) if one.step == "going-home"]


def test_a_provider_that_is_away_is_left_alone(app):
    enrol_many(app, 30)
    sms_of(app).script(*[DOWN] * 30)

    tick(app)
    first = len(sms_of(app).calls)
    for _ in range(5):
        tick(app)

    # The first batch is on its way when it opens; the others are put back uncalled.
    assert first <= 10
    assert len(sms_of(app).calls) == first
    assert count_by_state(going_home(app)) == {State.PLANNED: 30}


def test_what_waits_for_a_provider_has_made_no_attempt_and_no_noise(app):
    enrol_many(app, 30)
    sms_of(app).script(*[DOWN] * 30)
    tick(app)
    attempts, events = len(rows(app, Attempt)), len(rows(app, AuditEvent))

    for _ in range(5):
        tick(app)

    assert len(rows(app, Attempt)) == attempts <= 10
    assert len(rows(app, AuditEvent)) == events


def test_messages_of_the_other_channel_go_on(app):
    enrol_many(app, 10)
    by_mail = enrol_one(app, 50, channels=(EMAIL,))
    sms_of(app).script(*[DOWN] * 30)

    tick(app)
    tick(app)

    assert len(email_of(app).calls) == 1
    assert [one.state for one in messages(app, by_mail) if one.step == "going-home"] == ["sent"]


def test_a_few_go_first_when_the_time_is_up_and_then_all(app, seconds):
    enrol_many(app, 30)
    sms_of(app).script(*[DOWN] * 10)
    tick(app)
    sms_of(app)._script.clear()
    before = len(sms_of(app).calls)

    let_pass(app, seconds, SHORTEST_OPEN)
    tick(app)
    probes = len(sms_of(app).calls) - before
    for _ in range(60):
        let_pass(app, seconds, 1)
        tick(app)

    assert probes == PROBE_MESSAGES
    assert count_by_state(going_home(app)) == {State.SENT: 30}


def test_a_backlog_drains_slowly_at_first(app, seconds):
    enrol_many(app, 60)
    sms_of(app).script(*[DOWN] * 60)
    tick(app)
    sms_of(app)._script.clear()
    let_pass(app, seconds, SHORTEST_OPEN)
    tick(app)
    made = note_times(app, seconds)
    back_at = seconds.passed
    for _ in range(30):
        let_pass(app, seconds, 0.5)
        tick(app)

    # Of 100 a second 5 go at first, and a sixtieth more with each second.
    passed = [at - back_at for at in made]
    assert sum(at <= 1 for at in passed) <= 8
    assert 20 <= sum(at <= 4 for at in passed) <= 40
    assert len(passed) == 60 - PROBE_MESSAGES


def test_a_backlog_drains_by_priority_and_what_became_useless_expires(app, seconds):
    enrol_many(app, 20)
    app.breaker.note(account_of(app.channels[SMS]), [False] * 3)
    with app.store.write() as session:
        due = sorted(one.id for one in going_home(app))
        for ids, values in (
            (due[:5], {"priority": 1}),
            (due[5:10], {"not_after": clock_of(app).now() + timedelta(seconds=2)}),
        ):
            session.execute(update(Message).where(Message.id.in_(ids)).values(**values))
    tick(app)
    assert sms_of(app).calls == []

    for _ in range(20):
        let_pass(app, seconds, SHORTEST_OPEN)
        sweep(app)
        tick(app)

    order = [call.message_id for call in sms_of(app).calls]
    assert set(order[:5]) == set(due[:5])
    assert count_by_state(going_home(app)) == {State.SENT: 15, State.EXPIRED: 5}


def test_unknown_outcomes_open_it_too_and_are_found_out(app, seconds):
    enrol_many(app, 8)
    sms_of(app).script(*[VANISHED] * 8)

    run_jobs(app)

    assert app.breaker.is_open(account_of(app.channels[SMS]))
    for _ in range(30):
        let_pass(app, seconds, 20)
        run_jobs(app)
    assert count_by_state(going_home(app)) == {State.SENT: 8}
    assert len(sms_of(app).taken) == 8


@pytest.mark.parametrize(
    "answer",
    [refuse(), refuse("21211", recipient=True), unavailable("450"), busy()],
    ids=["refused", "wrong number", "not this one now", "slower"],
)
def test_answers_prove_that_a_provider_is_there(app, answer):
    enrol_many(app, 10)
    sms_of(app).script(*[answer] * 10)

    tick(app)

    assert not app.breaker.is_open(account_of(app.channels[SMS]))


def test_calls_that_have_not_begun_when_it_opens_are_not_made(app):
    enrol_many(app, 10)
    (batch,) = claim_due(app)

    def open_it(_):
        app.breaker.note(account_of(app.channels[SMS]), [False] * 3)

    sms_of(app).during_call = open_it
    send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)

    # As many as there are threads may have begun.
    assert len(sms_of(app).calls) <= 8
    outcomes = {attempt.outcome for attempt in rows(app, Attempt)}
    assert outcomes == {"accepted", "not-called"}
    assert tasks(app) == []


# ------------------------------------------------------------------------------------- pace


def test_a_sender_told_slower_is_slowed_down_and_nothing_is_lost(app, seconds):
    enrol_many(app, 100)
    sms_of(app).script(busy(retry_after=timedelta(seconds=3)))
    made, began_at = note_times(app, seconds), seconds.passed
    for _ in range(10):
        tick(app)
        let_pass(app, seconds, 1)

    # The first batch is on its way when it is told; after 3 seconds it goes on at half the pace.
    passed = [at - began_at for at in made]
    assert sum(at < 3 for at in passed) <= 10
    assert sum(at < 4 for at in passed) <= 10 + 55
    assert count_by_state(going_home(app)) == {State.SENT: 100}


def test_a_provider_that_asks_for_an_hour_gets_a_minute_for_the_sender(app):
    enrol_one(app)
    sms_of(app).script(busy(retry_after=timedelta(hours=1)))

    tick(app)

    held = app.pace.take(sender_of(app, app.channels[SMS], CLINIC), 1, per_second=100)
    assert held.wait <= timedelta(minutes=1)
    (message,) = going_home(app)
    # The message itself waits as long as it was asked to.
    assert message.claimable_at >= clock_of(app).now() + timedelta(minutes=59)


def test_no_more_is_claimed_than_the_pace_lets_go(app, seconds):
    enrol_many(app, 40)
    slow = replace(app, policy=replace(app.policy, per_second={SMS: 20, EMAIL: 20}))
    slow.pace.begin_again(sender_of(app, app.channels[SMS], CLINIC))

    claimed = sum(len(batch.message_ids) for batch in claim_due(slow))

    # In ten seconds: one a second at first, and a third of one more with each second.
    assert claimed == 26
    assert claim_due(slow) == []


def test_nothing_is_claimed_for_a_sender_that_is_held(app):
    enrol_many(app, 3)
    app.pace.slow_down(sender_of(app, app.channels[SMS], CLINIC), timedelta(minutes=1))

    assert claim_due(app) == []


def test_nothing_is_claimed_while_more_is_in_flight_than_may_be(app):
    enrol_many(app, 30)
    narrow = replace(app, policy=replace(app.policy, in_flight_limit=10))
    assert sum(len(batch.message_ids) for batch in claim_due(narrow)) == 10

    narrower = replace(app, policy=replace(app.policy, in_flight_limit=5))

    assert claim_due(narrow) == []
    assert claim_due(narrower) == []


def test_what_the_pace_does_not_grant_comes_back_second_by_second_in_order(app):
    enrol_many(app, 10)
    (batch,) = claim_due(app)
    now = clock_of(app).now()

    put_back(
        app, batch.token, batch.message_ids, reason="pace", grant=Grant(0, timedelta(seconds=3), 4)
    )

    back = {one.id: one for one in going_home(app)}
    waits = [(back[id_].claimable_at - now).total_seconds() for id_ in batch.message_ids]
    assert waits == [3] * 4 + [4] * 4 + [5] * 2
    assert {one.reason for one in back.values()} == {"pace"}


def test_messages_are_spread_over_a_minute_at_most():
    ids = list(range(1000))

    portions = list(spread_over_time(ids, Grant(0, timedelta(seconds=1), 2.9)))

    assert [len(portion) for _, portion in portions] == [2] * 59 + [1000 - 118]
    assert portions[-1][0] == timedelta(seconds=60)
    assert [one for _, portion in portions for one in portion] == ids
    assert list(spread_over_time([], Grant(0, timedelta(0), 1))) == []
    assert (
        len(next(portion for _, portion in spread_over_time(ids, Grant(0, timedelta(0), 0.2)))) == 1
    )
    assert list(spread_over_time(ids, Grant(0, timedelta(0)))) == [(timedelta(0), ids)]


def test_an_answer_goes_before_advice(app, seconds):
    enrol_many(app, 3)
    with app.store.write() as session:
        (urgent, *_) = sorted(one.id for one in going_home(app))
        session.execute(update(Message).where(Message.id == urgent).values(priority=0))
    sms_of(app).script(ACCEPT)

    claimed = [id_ for batch in claim_due(app) for id_ in batch.message_ids]

    assert claimed[0] == urgent
