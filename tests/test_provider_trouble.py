"""A provider that is away, asks for patience, or comes back: what waits, and how it drains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from followup import pacing
from followup.accounts import account_of, sender_of
from followup.channels.breaker import PROBES, SHORTEST_OPEN, InProcessBreaker
from followup.channels.pace import Grant, InProcessPace
from followup.dispatch import claim_due
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.pacing import put_back, spread
from followup.send import deliver
from followup.store.models import Attempt, AuditEvent, Message
from tests.kits import (
    EXECUTOR,
    Seconds,
    clock_of,
    count_by_state,
    email_of,
    enrol_many,
    enrol_one,
    make_kit,
    messages,
    rows,
    run_jobs,
    sms_of,
    sweep,
    tasks,
    tick,
)
from tests.people import CLINIC, EMAIL, SMS
from tests.scripted_channel import ACCEPT, DOWN, VANISHED, busy, refuse, unavailable


@pytest.fixture
def kit(migrated_url: str, seconds: Seconds, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    """A kit with a real breaker and a real pace of 100 texts a second; a nap lets time pass."""
    made = make_kit(
        migrated_url,
        breaker=InProcessBreaker(opens_after=3, seconds=seconds),
        pace=InProcessPace(seconds=seconds),
        per_second={SMS: 100, EMAIL: 100},
        batch_size=10,
    )
    monkeypatch.setattr(pacing, "sleep", lambda span: let_pass(made, seconds, span))
    with closing(made):
        yield made


def let_pass(kit, seconds, span):
    seconds.passed += span
    clock_of(kit).advance(timedelta(seconds=span))


def note_times(kit, seconds):
    """Return a list to which each later call of the SMS provider adds when it was made."""
    made = []
    sms_of(kit).during_call = lambda _: made.append(seconds.passed)
    return made


def going_home(kit):
    return [one for one in messages(kit) if one.step == "going-home"]


def test_a_provider_that_is_away_is_left_alone(kit):
    enrol_many(kit, 30)
    sms_of(kit).script(*[DOWN] * 30)

    tick(kit)
    first = len(sms_of(kit).calls)
    for _ in range(5):
        tick(kit)

    # The first batch is on its way when it opens; the others are put back uncalled.
    assert first <= 10
    assert len(sms_of(kit).calls) == first
    assert count_by_state(going_home(kit)) == {State.PLANNED: 30}


def test_what_waits_for_a_provider_has_made_no_attempt_and_no_noise(kit):
    enrol_many(kit, 30)
    sms_of(kit).script(*[DOWN] * 30)
    tick(kit)
    attempts, events = len(rows(kit, Attempt)), len(rows(kit, AuditEvent))

    for _ in range(5):
        tick(kit)

    assert len(rows(kit, Attempt)) == attempts <= 10
    assert len(rows(kit, AuditEvent)) == events


def test_messages_of_the_other_channel_go_on(kit):
    enrol_many(kit, 10)
    by_mail = enrol_one(kit, 50, channels=(EMAIL,))
    sms_of(kit).script(*[DOWN] * 30)

    tick(kit)
    tick(kit)

    assert len(email_of(kit).calls) == 1
    assert [one.state for one in messages(kit, by_mail) if one.step == "going-home"] == ["sent"]


def test_a_few_go_first_when_the_time_is_up_and_then_all(kit, seconds):
    enrol_many(kit, 30)
    sms_of(kit).script(*[DOWN] * 10)
    tick(kit)
    sms_of(kit)._script.clear()
    before = len(sms_of(kit).calls)

    let_pass(kit, seconds, SHORTEST_OPEN)
    tick(kit)
    probes = len(sms_of(kit).calls) - before
    for _ in range(60):
        let_pass(kit, seconds, 1)
        tick(kit)

    assert probes == PROBES
    assert count_by_state(going_home(kit)) == {State.SENT: 30}


def test_a_backlog_drains_slowly_at_first(kit, seconds):
    enrol_many(kit, 60)
    sms_of(kit).script(*[DOWN] * 60)
    tick(kit)
    sms_of(kit)._script.clear()
    let_pass(kit, seconds, SHORTEST_OPEN)
    tick(kit)
    made = note_times(kit, seconds)
    back_at = seconds.passed
    for _ in range(30):
        let_pass(kit, seconds, 0.5)
        tick(kit)

    # Of 100 a second 5 go at first, and a sixtieth more with each second.
    passed = [at - back_at for at in made]
    assert sum(at <= 1 for at in passed) <= 8
    assert 20 <= sum(at <= 4 for at in passed) <= 40
    assert len(passed) == 60 - PROBES


def test_a_backlog_drains_by_priority_and_what_became_useless_expires(kit, seconds):
    enrol_many(kit, 20)
    kit.breaker.note(account_of(kit.channels[SMS]), [False] * 3)
    with kit.store.write() as session:
        due = sorted(one.id for one in going_home(kit))
        for ids, values in (
            (due[:5], {"priority": 1}),
            (due[5:10], {"not_after": clock_of(kit).now() + timedelta(seconds=2)}),
        ):
            session.execute(update(Message).where(Message.id.in_(ids)).values(**values))
    tick(kit)
    assert sms_of(kit).calls == []

    for _ in range(20):
        let_pass(kit, seconds, SHORTEST_OPEN)
        sweep(kit)
        tick(kit)

    order = [call.message_id for call in sms_of(kit).calls]
    assert set(order[:5]) == set(due[:5])
    assert count_by_state(going_home(kit)) == {State.SENT: 15, State.EXPIRED: 5}


def test_unknown_outcomes_open_it_too_and_are_found_out(kit, seconds):
    enrol_many(kit, 8)
    sms_of(kit).script(*[VANISHED] * 8)

    run_jobs(kit)

    assert kit.breaker.is_open(account_of(kit.channels[SMS]))
    for _ in range(30):
        let_pass(kit, seconds, 20)
        run_jobs(kit)
    assert count_by_state(going_home(kit)) == {State.SENT: 8}
    assert len(sms_of(kit).taken) == 8


@pytest.mark.parametrize(
    "answer",
    [refuse(), refuse("21211", recipient=True), unavailable("450"), busy()],
    ids=["refused", "wrong number", "not this one now", "slower"],
)
def test_answers_prove_that_a_provider_is_there(kit, answer):
    enrol_many(kit, 10)
    sms_of(kit).script(*[answer] * 10)

    tick(kit)

    assert not kit.breaker.is_open(account_of(kit.channels[SMS]))


def test_calls_that_have_not_begun_when_it_opens_are_not_made(kit):
    enrol_many(kit, 10)
    (batch,) = claim_due(kit)

    def open_it(_):
        kit.breaker.note(account_of(kit.channels[SMS]), [False] * 3)

    sms_of(kit).during_call = open_it
    deliver(kit, batch.token, batch.message_ids, executor=EXECUTOR)

    # As many as there are threads may have begun.
    assert len(sms_of(kit).calls) <= 8
    outcomes = {attempt.outcome for attempt in rows(kit, Attempt)}
    assert outcomes == {"accepted", "not-called"}
    assert tasks(kit) == []


# ------------------------------------------------------------------------------------- pace


def test_a_sender_told_slower_is_slowed_down_and_nothing_is_lost(kit, seconds):
    enrol_many(kit, 100)
    sms_of(kit).script(busy(retry_after=timedelta(seconds=3)))
    made, began_at = note_times(kit, seconds), seconds.passed
    for _ in range(10):
        tick(kit)
        let_pass(kit, seconds, 1)

    # The first batch is on its way when it is told; after 3 seconds it goes on at half the pace.
    passed = [at - began_at for at in made]
    assert sum(at < 3 for at in passed) <= 10
    assert sum(at < 4 for at in passed) <= 10 + 55
    assert count_by_state(going_home(kit)) == {State.SENT: 100}


def test_a_provider_that_asks_for_an_hour_gets_a_minute_for_the_sender(kit):
    enrol_one(kit)
    sms_of(kit).script(busy(retry_after=timedelta(hours=1)))

    tick(kit)

    held = kit.pace.take(sender_of(kit, kit.channels[SMS], CLINIC), 1, per_second=100)
    assert held.wait <= timedelta(minutes=1)
    (message,) = going_home(kit)
    # The message itself waits as long as it was asked to.
    assert message.claimable_at >= clock_of(kit).now() + timedelta(minutes=59)


def test_no_more_is_claimed_than_the_pace_lets_go(kit, seconds):
    enrol_many(kit, 40)
    slow = replace(kit, policy=replace(kit.policy, per_second={SMS: 20, EMAIL: 20}))
    slow.pace.begin_again(sender_of(kit, kit.channels[SMS], CLINIC))

    claimed = sum(len(batch.message_ids) for batch in claim_due(slow))

    # In ten seconds: one a second at first, and a third of one more with each second.
    assert claimed == 26
    assert claim_due(slow) == []


def test_nothing_is_claimed_for_a_sender_that_is_held(kit):
    enrol_many(kit, 3)
    kit.pace.slow_down(sender_of(kit, kit.channels[SMS], CLINIC), timedelta(minutes=1))

    assert claim_due(kit) == []


def test_nothing_is_claimed_while_more_is_in_flight_than_may_be(kit):
    enrol_many(kit, 30)
    narrow = replace(kit, policy=replace(kit.policy, in_flight_limit=10))
    assert sum(len(batch.message_ids) for batch in claim_due(narrow)) == 10

    narrower = replace(kit, policy=replace(kit.policy, in_flight_limit=5))

    assert claim_due(narrow) == []
    assert claim_due(narrower) == []


def test_what_the_pace_does_not_grant_comes_back_second_by_second_in_order(kit):
    enrol_many(kit, 10)
    (batch,) = claim_due(kit)
    now = clock_of(kit).now()

    put_back(
        kit, batch.token, batch.message_ids, reason="pace", grant=Grant(0, timedelta(seconds=3), 4)
    )

    back = {one.id: one for one in going_home(kit)}
    waits = [(back[id_].claimable_at - now).total_seconds() for id_ in batch.message_ids]
    assert waits == [3] * 4 + [4] * 4 + [5] * 2
    assert {one.reason for one in back.values()} == {"pace"}


def test_messages_are_spread_over_a_minute_at_most():
    ids = list(range(1000))

    portions = list(spread(ids, Grant(0, timedelta(seconds=1), 2.9)))

    assert [len(portion) for _, portion in portions] == [2] * 59 + [1000 - 118]
    assert portions[-1][0] == timedelta(seconds=60)
    assert [one for _, portion in portions for one in portion] == ids
    assert list(spread([], Grant(0, timedelta(0), 1))) == []
    assert len(next(portion for _, portion in spread(ids, Grant(0, timedelta(0), 0.2)))) == 1
    assert list(spread(ids, Grant(0, timedelta(0)))) == [(timedelta(0), ids)]


def test_an_answer_goes_before_advice(kit, seconds):
    enrol_many(kit, 3)
    with kit.store.write() as session:
        (urgent, *_) = sorted(one.id for one in going_home(kit))
        session.execute(update(Message).where(Message.id == urgent).values(priority=0))
    sms_of(kit).script(ACCEPT)

    claimed = [id_ for batch in claim_due(kit) for id_ in batch.message_ids]

    assert claimed[0] == urgent
