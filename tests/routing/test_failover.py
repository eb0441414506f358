"""A second account stands in while the first is away: nothing is lost by it, or sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from followup.casework.escalation import escalate_overdue
from followup.catalogue.load import Catalogue
from followup.context import AppContext, OnCall
from followup.delivery.receipts import TakenReceipt, apply_parked_receipts, take_receipt
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.monitoring.anomalies import delayed_messages
from followup.monitoring.metrics import collect_metrics
from followup.providers.interface import Listed, ProviderReport, ReportedStatus
from followup.providers.resilience.circuit_breaker import (
    PROBE_MESSAGES,
    SHORTEST_OPEN,
    InProcessCircuitBreaker,
)
from followup.providers.resilience.rate_limiter import InProcessRateLimiter
from followup.recovery import catch_up as after_restore
from followup.routing.accounts import account_of, line_now, way_words
from followup.routing.failover import ONE_PERIOD, failover_periods
from followup.sending import throttle as pacing
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.store.engine.types import new_id
from followup.store.models.messages import Attempt, Message
from followup.store.models.operations import Restore, StandIn
from tests.replies.test_inbound import take as text_in
from tests.sending.test_hot_path import counting
from tests.support.apps import (
    EXECUTOR,
    Seconds,
    actions,
    balance_is_even,
    clock_of,
    count_by_state,
    enrol_many,
    enrol_one,
    make_app,
    messages,
    rows,
    run_jobs,
    shipped_catalogue,
    sweep,
    tasks,
    tick,
)
from tests.support.people import CLINIC, EMAIL, SMS
from tests.support.scripted_channel import DOWN, LOST, VANISHED, ScriptedChannel, busy, refuse

FIRST, SECOND = "AC-first", "AC-second"
OWN_NUMBER = "+447700900555"
OPENS_AFTER = 3


class Asked(ScriptedChannel):
    """A scripted channel that can be asked whether it is there."""

    there = True
    questions = 0

    def answers(self) -> bool:
        self.questions += 1
        return self.there


def app_with(url: str, seconds: Seconds, **given) -> AppContext:
    return make_app(
        url,
        channels={SMS: Asked(SMS, account=FIRST), EMAIL: ScriptedChannel(EMAIL)},
        standby={SMS: ScriptedChannel(SMS, account=SECOND, sender="second-sender")},
        breaker=InProcessCircuitBreaker(opens_after=OPENS_AFTER, seconds=seconds),
        pace=InProcessRateLimiter(seconds=seconds),
        per_second={SMS: 100, EMAIL: 100},
        batch_size=10,
        **given,
    )


@pytest.fixture
def app(
    migrated_sqlite_url: str, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppContext]:
    """An app with two SMS accounts, a real breaker and a real pace; a nap lets time pass."""
    with closing(app_with(migrated_sqlite_url, seconds)) as made:
        monkeypatch.setattr(pacing, "sleep", lambda span: let_pass(made, seconds, span))
        yield made


@pytest.fixture
def either_app(
    migrated_url: str, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppContext]:
    """The same once on each database."""
    with closing(app_with(migrated_url, seconds)) as made:
        monkeypatch.setattr(pacing, "sleep", lambda span: let_pass(made, seconds, span))
        yield made


def let_pass(app, seconds, span):
    seconds.passed += span
    clock_of(app).advance(timedelta(seconds=span))


def first_of(app: AppContext) -> Asked:
    channel = app.channels[SMS]
    assert isinstance(channel, Asked)
    return channel


def second_of(app: AppContext) -> ScriptedChannel:
    channel = app.standby[SMS]
    assert isinstance(channel, ScriptedChannel)
    return channel


def take_first_away(app):
    app.breaker.note(account_of(first_of(app)), [False] * OPENS_AFTER)


def going_home(app):
    return [one for one in messages(app) if one.step == "going-home"]


def attempts(app):
    return sorted(rows(app, Attempt), key=lambda one: (one.message_id, one.number))


def play(app, seconds, rounds=40, span=5.0):
    for _ in range(rounds):
        let_pass(app, seconds, span)
        sweep(app)
        tick(app)


# ---------------------------------------------------------------------------- failing over


def test_what_the_first_account_can_not_take_goes_through_the_second(either_app, seconds):
    app = either_app
    enrol_many(app, 30)
    first_of(app).script(*[DOWN] * 1000)
    first_of(app).there = False

    tick(app)
    play(app, seconds, rounds=10)

    assert len(first_of(app).calls) <= 10
    assert len(second_of(app).taken) == 30
    assert count_by_state(going_home(app)) == {State.SENT: 30}
    taken = [one for one in attempts(app) if one.outcome == "accepted"]
    assert {(one.account, one.sender) for one in taken} == {(SECOND, "second-sender")}
    balance_is_even(app)


def test_while_the_first_account_is_there_the_second_is_left_alone(app):
    enrol_many(app, 30)

    run_jobs(app)

    assert second_of(app).calls == []
    assert {one.account for one in attempts(app)} == {FIRST}


def test_a_clinics_own_number_belongs_to_the_first_account_alone(
    migrated_sqlite_url, seconds, monkeypatch
):
    shipped = shipped_catalogue()
    clinic = replace(shipped.clinics[CLINIC], sms_sender=OWN_NUMBER)
    catalogue: Catalogue = replace(shipped, clinics={CLINIC: clinic})
    with closing(app_with(migrated_sqlite_url, seconds, catalogue=catalogue)) as app:
        enrol_many(app, 2)
        enrol_one(app, 3)
        (batch,) = claim_due(app)
        one, *rest = batch.message_ids
        send_batch(app, batch.token, [one], executor=EXECUTOR)
        take_first_away(app)
        send_batch(app, batch.token, rest, executor=EXECUTOR)

        assert [call.sender for call in first_of(app).calls] == [OWN_NUMBER]
        assert {call.sender for call in second_of(app).calls} == {"second-sender"}
        assert {call.text for call in second_of(app).calls} == {first_of(app).calls[0].text}


def test_calls_that_have_not_begun_when_the_first_goes_away_are_made_by_the_second(app, seconds):
    enrol_many(app, 10)
    (batch,) = claim_due(app)
    first_of(app).script(*[DOWN] * 10)
    first_of(app).during_call = lambda _: take_first_away(app)

    send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)
    tick(app)

    # As many as there are threads may have begun; the others have made no call.
    begun = len(first_of(app).calls)
    assert begun <= 8
    assert len(second_of(app).taken) == 10 - begun
    assert {one.outcome for one in attempts(app)} == {"unavailable", "not-called", "accepted"}


def test_the_second_is_claimed_for_even_while_the_firsts_senders_are_held(app):
    enrol_many(app, 5)
    app.pace.slow_down(f"{FIRST}:{first_of(app).sender}", timedelta(minutes=1))
    assert claim_due(app) == []

    take_first_away(app)
    tick(app)

    assert len(second_of(app).taken) == 5


def test_two_senders_of_one_name_have_a_pace_each(app):
    second_of(app).sender = first_of(app).sender
    second_of(app).script(busy(retry_after=timedelta(minutes=1)))
    enrol_one(app, 1)
    take_first_away(app)
    tick(app)

    app.breaker.note(account_of(first_of(app)), [True])
    enrol_one(app, 2)
    tick(app)

    assert len(first_of(app).taken) == 1


# ----------------------------------------------------------------- what stays with its account


def test_what_the_first_account_may_have_is_never_sent_through_the_second(app, seconds):
    enrol_many(app, 5)
    first_of(app).script(*[LOST] * 5)
    first_of(app).looks_away = True
    tick(app)

    # For an hour the first can't say, while the second would gladly send.
    first_of(app).script(*[DOWN] * 1000)
    play(app, seconds, rounds=15, span=300.0)

    ours = {one.id for one in going_home(app)}
    assert not {call.message_id for call in second_of(app).calls} & ours
    assert count_by_state(going_home(app)) == {State.UNKNOWN: 5}


def test_it_is_looked_for_at_its_own_account_though_the_second_sends_now(app, seconds):
    enrol_many(app, 5)
    first_of(app).script(*[LOST] * 5)
    tick(app)
    assert not app.breaker.look(account_of(first_of(app)), 1).granted

    sweep(app, "settle-unknown")

    assert len(first_of(app).sought) == 5
    assert second_of(app).sought == []
    assert count_by_state(going_home(app)) == {State.SENT: 5}
    assert len(first_of(app).taken) == 5


def test_what_the_first_provably_does_not_have_goes_through_the_second(app, seconds):
    enrol_many(app, 5)
    first_of(app).script(*[VANISHED] * 5, *[DOWN] * 1000)
    first_of(app).there = False
    tick(app)

    play(app, seconds, rounds=20)
    assert second_of(app).calls == []
    play(app, seconds, rounds=20)

    assert first_of(app).taken == {}
    assert len(second_of(app).taken) == 5
    outcomes = [(one.account, one.outcome) for one in attempts(app)]
    assert sorted(outcomes) == [(FIRST, "absent")] * 5 + [(SECOND, "accepted")] * 5


def test_what_the_second_may_have_is_looked_for_there_though_the_first_is_back(app, seconds):
    enrol_one(app)
    take_first_away(app)
    second_of(app).script(LOST)
    tick(app)
    app.breaker.note(account_of(first_of(app)), [True])

    sweep(app, "settle-unknown")

    assert first_of(app).calls == first_of(app).sought == []
    assert count_by_state(going_home(app)) == {State.SENT: 1}


def test_an_overdue_receipt_is_asked_for_at_the_account_that_sent_it(app):
    enrol_one(app)
    take_first_away(app)
    tick(app)
    (sent,) = going_home(app)
    second_of(app).reaches(attempts(app)[0].provider_id, ReportedStatus.DELIVERED)
    clock_of(app).advance_to(sent.receipt_due_at)

    sweep(app, "chase-receipts")

    assert count_by_state(going_home(app)) == {State.DELIVERED: 1}


def test_of_an_account_that_is_not_set_up_any_more_nothing_is_believed(app, seconds):
    enrol_one(app)
    take_first_away(app)
    second_of(app).script(VANISHED)
    tick(app)
    without = replace(app, standby={})

    for _ in range(20):
        let_pass(app, seconds, 300)
        sweep(without)
        tick(without)

    assert count_by_state(going_home(app)) == {State.UNKNOWN: 1}
    assert [item.kind for item in tasks(app)].count("unknown") == 1
    ours = {one.id for one in going_home(app)}
    assert not {call.message_id for call in first_of(app).calls} & ours


def test_accounts_that_change_places_keep_what_is_theirs(app, seconds):
    enrol_one(app)
    first_of(app).script(LOST)
    tick(app)
    swapped = replace(
        app,
        channels={**app.channels, SMS: second_of(app)},
        standby={SMS: first_of(app)},
    )

    play(swapped, seconds)

    assert len(first_of(app).taken) == 1
    ours = {one.id for one in going_home(app)}
    assert not {call.message_id for call in second_of(app).calls} & ours
    assert count_by_state(going_home(app)) == {State.SENT: 1}


def test_no_account_reports_on_the_texts_of_another(either_app):
    app = either_app
    enrol_one(app)
    take_first_away(app)
    tick(app)
    (attempt,) = attempts(app)
    delivered = ProviderReport(provider_id=attempt.provider_id, status=ReportedStatus.DELIVERED)
    ids = {"message_id": attempt.message_id, "attempt_id": attempt.id}

    by_id = take_receipt(app, delivered, provider="scripted", account=FIRST)
    by_ours = take_receipt(
        app, replace(delivered, provider_id="other"), provider="scripted", account=FIRST, **ids
    )
    early = replace(delivered, provider_id="early")
    parked = take_receipt(app, early, provider="scripted", account=FIRST)
    with app.store.write() as session:
        session.execute(update(Attempt).values(provider_id="early"))

    assert (by_id, by_ours) == (TakenReceipt.MISDIRECTED, TakenReceipt.MISDIRECTED)
    assert parked is TakenReceipt.PARKED
    assert apply_parked_receipts(app) == 0
    assert count_by_state(going_home(app)) == {State.SENT: 1}
    assert (
        take_receipt(app, early, provider="scripted", account=SECOND, **ids)
        is not TakenReceipt.MISDIRECTED
    )


def test_what_may_have_gone_out_before_a_restore_is_looked_for_at_both(either_app, seconds):
    app = either_app
    enrol_one(app)
    take_first_away(app)
    second_of(app).script(LOST)
    tick(app)
    # As after a restore: nobody knows by which account it went, and the first is presumed.
    with app.store.write() as session:
        session.execute(update(Attempt).values(account=FIRST, sender="x", code=Reason.RESTORED))

    second_of(app).looks_away = True
    sweep(app, "settle-unknown")
    assert count_by_state(going_home(app)) == {State.UNKNOWN: 1}
    second_of(app).looks_away = False
    play(app, seconds, rounds=4)

    (attempt,) = attempts(app)
    assert count_by_state(going_home(app)) == {State.SENT: 1}
    assert (attempt.account, attempt.sender) == (SECOND, "second-sender")
    assert [sought.outgoing.sender for sought in first_of(app).sought][:1] == ["x"]
    assert {sought.outgoing.sender for sought in second_of(app).sought} == {"second-sender"}


def test_after_a_restore_a_receipt_says_which_account_it_was(either_app):
    app = either_app
    enrol_one(app)
    take_first_away(app)
    second_of(app).script(LOST)
    tick(app)
    with app.store.write() as session:
        session.execute(update(Attempt).values(account=FIRST, code=Reason.RESTORED))
    delivered = ProviderReport(provider_id="of-the-second", status=ReportedStatus.DELIVERED)
    ids = {"message_id": attempts(app)[0].message_id, "attempt_id": new_id(clock_of(app).now())}

    taken = take_receipt(app, delivered, provider="scripted", account=SECOND, **ids)

    (attempt,) = attempts(app)
    assert taken is TakenReceipt.APPLIED
    assert (attempt.account, attempt.sender) == (SECOND, "second-sender")
    assert count_by_state(going_home(app)) == {State.DELIVERED: 1}


# --------------------------------------------------------------------------- what fails over


def test_a_number_at_fault_is_at_fault_by_either_account(app):
    enrol_one(app)
    first_of(app).script(refuse("21211", recipient=True))

    run_jobs(app)

    assert second_of(app).calls == []
    assert count_by_state(going_home(app))[State.FAILED] == 1


def test_slower_is_no_reason_to_go_elsewhere(app):
    enrol_many(app, 10)
    first_of(app).script(*[busy()] * 10)

    tick(app)
    tick(app)

    assert second_of(app).calls == []


def test_with_both_away_everything_waits_and_nothing_is_lost(app, seconds):
    enrol_many(app, 12)
    first_of(app).script(*[DOWN] * 1000)
    second_of(app).script(*[DOWN] * 1000)
    first_of(app).there = False

    play(app, seconds, rounds=3)
    made = len(first_of(app).calls) + len(second_of(app).calls)
    assert count_by_state(going_home(app)) == {State.PLANNED: 12}
    assert made < 40

    second_of(app)._script.clear()
    play(app, seconds, rounds=60)
    assert count_by_state(going_home(app)) == {State.SENT: 12}
    assert len(second_of(app).taken) == 12


def test_with_both_away_the_first_is_tried_with_whatever_there_is(app, seconds):
    enrol_many(app, 5)
    first_of(app).script(*[DOWN] * 8)
    second_of(app).script(*[DOWN] * 100_000)

    play(app, seconds, rounds=30)

    assert {one.account for one in attempts(app)} == {FIRST, SECOND}
    assert len(first_of(app).taken) == 5
    assert count_by_state(going_home(app)) == {State.SENT: 5}


# ------------------------------------------------------------------------------- going back


def test_one_text_alone_is_risked_to_find_out_whether_the_first_is_back(app, seconds):
    enrol_many(app, 10)
    take_first_away(app)
    let_pass(app, seconds, SHORTEST_OPEN)
    first_of(app).script(DOWN)

    tick(app)

    assert PROBE_MESSAGES > 1
    assert len(first_of(app).calls) == 1
    assert len(second_of(app).taken) == 9


def test_no_text_is_risked_twice_and_none_that_answers_a_patient(app, seconds):
    enrol_many(app, 6)
    with app.store.write() as session:
        ids = sorted(one.id for one in going_home(app))
        for some, values in ((ids[:3], {"attempt_count": 1}), (ids[3:], {"priority": 0})):
            session.execute(update(Message).where(Message.id.in_(some)).values(**values))
    take_first_away(app)
    let_pass(app, seconds, SHORTEST_OPEN)

    tick(app)

    assert first_of(app).calls == []
    assert len(second_of(app).taken) == 6
    enrol_one(app, 11)
    tick(app)
    assert len(first_of(app).taken) == 1


def test_no_text_is_risked_before_the_first_answers_a_question(app, seconds):
    enrol_many(app, 10)
    take_first_away(app)
    first_of(app).there = False
    let_pass(app, seconds, SHORTEST_OPEN)

    tick(app)
    tick(app)

    assert first_of(app).questions == 1
    assert first_of(app).calls == []
    assert len(second_of(app).taken) == 10
    # It stays away for longer than before.
    assert app.breaker.look(account_of(first_of(app)), 1).wait > timedelta(seconds=SHORTEST_OPEN)


def test_texts_go_back_to_the_first_by_themselves(app, seconds):
    take_first_away(app)
    enrol_many(app, 5)
    tick(app)
    let_pass(app, seconds, SHORTEST_OPEN)
    enrol_one(app, 11)
    tick(app)
    let_pass(app, seconds, 60)
    before = len(second_of(app).calls)

    enrol_many(app, 5, first=21)
    tick(app)

    assert len(second_of(app).calls) == before == 5
    assert len(first_of(app).taken) == 6


# ------------------------------------------------------------------------------ being told


def test_the_operator_is_told_since_when_and_until_when(either_app, seconds):
    app = either_app
    began = clock_of(app).real_now()
    take_first_away(app)
    enrol_many(app, 3)
    tick(app)
    let_pass(app, seconds, 1)
    told = {one.code: one.sentence for one in delayed_messages(app)}
    assert f"since {began:%H:%M} UTC" in told["second-account:sms"]
    assert collect_metrics(app).second_account == {"sms": timedelta(seconds=1)}

    let_pass(app, seconds, SHORTEST_OPEN)
    enrol_one(app, 11)
    tick(app)

    assert "second-account:sms" not in {one.code for one in delayed_messages(app)}
    assert collect_metrics(app).second_account == {}
    ours = [one for one in actions(app) if one.startswith("second-account")]
    assert ours == ["second-account.began", "second-account.ended"]


def test_a_first_account_that_was_back_for_a_moment_makes_no_second_spell(either_app, seconds):
    app = either_app
    began = clock_of(app).real_now()
    take_first_away(app)
    enrol_one(app, 1)
    tick(app)
    app.breaker.note(account_of(first_of(app)), [True])
    enrol_one(app, 2)
    tick(app)
    take_first_away(app)
    enrol_one(app, 3)
    tick(app)

    with app.store.read() as session:
        (spell,) = failover_periods(session)
    assert spell.since == began
    assert len(rows(app, StandIn)) == 1

    app.breaker.note(account_of(first_of(app)), [True])
    enrol_one(app, 4)
    tick(app)
    let_pass(app, seconds, ONE_PERIOD.total_seconds())
    take_first_away(app)
    enrol_one(app, 5)
    tick(app)
    assert len(rows(app, StandIn)) == 2


def test_a_second_account_that_is_away_too_is_an_alarm_of_its_own(app):
    take_first_away(app)
    app.breaker.note(account_of(second_of(app)), [False] * OPENS_AFTER)

    codes = {one.code for one in delayed_messages(app)}

    assert {"provider-down:scripted", "second-account-down:scripted"} <= codes


def test_words_say_which_account_an_attempt_used(app):
    first = way_words(app, SMS, account=FIRST, sender="+447700900111")
    second = way_words(app, SMS, account=SECOND, sender="+447700900222")
    old = way_words(app, SMS, account="AC-old", sender="+447700900333")
    alone = replace(app, standby={})

    assert first == "first SMS account, from +447700900111"
    assert second == "second SMS account, from +447700900222"
    assert old == "an account that is not set up any more, from +447700900333"
    assert way_words(alone, SMS, account=FIRST, sender="+447700900111") is None


def test_whoever_sends_a_single_text_takes_the_account_that_is_there(app):
    assert line_now(app, SMS) is first_of(app)
    take_first_away(app)
    assert line_now(app, SMS) is second_of(app)
    assert line_now(app, EMAIL) is app.channels[EMAIL]
    assert line_now(replace(app, standby={}), SMS) is first_of(app)


def test_on_call_staff_are_told_through_the_account_that_is_there(app):
    enrol_one(app)
    text_in(app, "STOP cant feel my legs")
    take_first_away(app)
    on_call = replace(app, policy=replace(app.policy, on_call=OnCall(sms=("+447700900700",))))
    clock_of(app).advance(timedelta(minutes=20))

    escalate_overdue(on_call)

    assert first_of(app).calls == []
    [told] = second_of(app).calls
    assert (told.to, told.sender) == ("+447700900700", "second-sender")


def test_while_the_first_is_there_the_second_costs_one_statement_in_seconds(app):
    enrol_many(app, 30)

    with counting(app) as counted:
        tick(app)

    assert sum("stand_ins" in statement for statement in counted.statements) == 1
    without = replace(app, standby={})
    enrol_many(app, 5, first=51)
    clock_of(app).advance(timedelta(minutes=1))
    with counting(app) as counted:
        tick(without)
    assert not any("stand_ins" in statement for statement in counted.statements)


def test_after_a_restore_the_lists_of_both_accounts_are_read(app):
    at = clock_of(app).now()
    restore = Restore(taken_real_at=at, restored_real_at=at)
    lists = {
        FIRST: [a_text("start", came_at=at + timedelta(minutes=2))],
        SECOND: [a_text("stop", came_at=at + timedelta(minutes=1))],
    }
    both = replace(
        app,
        channels={**app.channels, SMS: Listing(SMS, lists[FIRST])},
        standby={SMS: Listing(SMS, lists[SECOND])},
    )
    half = replace(both, standby={SMS: Listing(SMS, None)})

    texts, is_whole = after_restore._listed(both, restore)
    some, is_all = after_restore._listed(half, restore)

    assert ([one.body for one in texts], is_whole) == (["stop", "start"], True)
    assert ([one.body for one in some], is_all) == (["start"], False)


class Listing(ScriptedChannel):
    """A scripted channel with a history, or with one that can't be read."""

    def __init__(self, kind, texts) -> None:
        super().__init__(kind)
        self.listed = texts

    def listed_since(self, since):
        return self.listed


def a_text(body, *, came_at):
    return Listed(
        provider_id=f"SM-{body}",
        came_in=True,
        from_="+447700900001",
        to="+447700900500",
        body=body,
        media_count=0,
        created_at=came_at,
    )
