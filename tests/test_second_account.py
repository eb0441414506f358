"""A second account stands in while the first is away: nothing is lost by it, or sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from followup import after_restore, pacing
from followup.accounts import account_of, line_now, way_words
from followup.catalogue import Catalogue
from followup.channels.breaker import PROBES, SHORTEST_OPEN, InProcessBreaker
from followup.channels.interface import Listed, Report, ReportedStatus
from followup.channels.pace import InProcessPace
from followup.dispatch import claim_due
from followup.domain.lifecycle import State
from followup.escalation import escalate_overdue
from followup.figures import figures
from followup.kit import Kit, OnCall
from followup.receipts import Taken, apply_parked, take
from followup.send import deliver
from followup.standing import RESTORED
from followup.standing_in import ONE_SPELL, spells
from followup.store.models import Attempt, Message, Restore, StandIn
from followup.store.types import new_id
from followup.symptoms import held_up
from tests.kits import (
    EXECUTOR,
    Seconds,
    actions,
    balance_is_even,
    clock_of,
    count_by_state,
    enrol_many,
    enrol_one,
    make_kit,
    messages,
    rows,
    run_jobs,
    shipped_catalogue,
    sweep,
    tasks,
    tick,
)
from tests.people import CLINIC, EMAIL, SMS
from tests.scripted_channel import (
    DOWN,
    LOST,
    VANISHED,
    ScriptedChannel,
    busy,
    refuse,
)
from tests.test_hot_path import counting
from tests.test_replies import take as text_in

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


def kit_with(url: str, seconds: Seconds, **given) -> Kit:
    return make_kit(
        url,
        channels={SMS: Asked(SMS, account=FIRST), EMAIL: ScriptedChannel(EMAIL)},
        standby={SMS: ScriptedChannel(SMS, account=SECOND, sender="second-sender")},
        breaker=InProcessBreaker(opens_after=OPENS_AFTER, seconds=seconds),
        pace=InProcessPace(seconds=seconds),
        per_second={SMS: 100, EMAIL: 100},
        batch_size=10,
        **given,
    )


@pytest.fixture
def kit(
    migrated_sqlite_url: str, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kit]:
    """A kit with two SMS accounts, a real breaker and a real pace; a nap lets time pass."""
    with closing(kit_with(migrated_sqlite_url, seconds)) as made:
        monkeypatch.setattr(pacing, "sleep", lambda span: let_pass(made, seconds, span))
        yield made


@pytest.fixture
def either_kit(
    migrated_url: str, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kit]:
    """The same once on each database."""
    with closing(kit_with(migrated_url, seconds)) as made:
        monkeypatch.setattr(pacing, "sleep", lambda span: let_pass(made, seconds, span))
        yield made


def let_pass(kit, seconds, span):
    seconds.passed += span
    clock_of(kit).advance(timedelta(seconds=span))


def first_of(kit: Kit) -> Asked:
    channel = kit.channels[SMS]
    assert isinstance(channel, Asked)
    return channel


def second_of(kit: Kit) -> ScriptedChannel:
    channel = kit.standby[SMS]
    assert isinstance(channel, ScriptedChannel)
    return channel


def take_first_away(kit):
    kit.breaker.note(account_of(first_of(kit)), [False] * OPENS_AFTER)


def going_home(kit):
    return [one for one in messages(kit) if one.step == "going-home"]


def attempts(kit):
    return sorted(rows(kit, Attempt), key=lambda one: (one.message_id, one.number))


def play(kit, seconds, rounds=40, span=5.0):
    for _ in range(rounds):
        let_pass(kit, seconds, span)
        sweep(kit)
        tick(kit)


# ---------------------------------------------------------------------------- failing over


def test_what_the_first_account_can_not_take_goes_through_the_second(either_kit, seconds):
    kit = either_kit
    enrol_many(kit, 30)
    first_of(kit).script(*[DOWN] * 1000)
    first_of(kit).there = False

    tick(kit)
    play(kit, seconds, rounds=10)

    assert len(first_of(kit).calls) <= 10
    assert len(second_of(kit).taken) == 30
    assert count_by_state(going_home(kit)) == {State.SENT: 30}
    taken = [one for one in attempts(kit) if one.outcome == "accepted"]
    assert {(one.account, one.sender) for one in taken} == {(SECOND, "second-sender")}
    balance_is_even(kit)


def test_while_the_first_account_is_there_the_second_is_left_alone(kit):
    enrol_many(kit, 30)

    run_jobs(kit)

    assert second_of(kit).calls == []
    assert {one.account for one in attempts(kit)} == {FIRST}


def test_a_clinics_own_number_belongs_to_the_first_account_alone(
    migrated_sqlite_url, seconds, monkeypatch
):
    shipped = shipped_catalogue()
    clinic = replace(shipped.clinics[CLINIC], sms_sender=OWN_NUMBER)
    catalogue: Catalogue = replace(shipped, clinics={CLINIC: clinic})
    with closing(kit_with(migrated_sqlite_url, seconds, catalogue=catalogue)) as kit:
        enrol_many(kit, 2)
        enrol_one(kit, 3)
        (batch,) = claim_due(kit)
        one, *rest = batch.message_ids
        deliver(kit, batch.token, [one], executor=EXECUTOR)
        take_first_away(kit)
        deliver(kit, batch.token, rest, executor=EXECUTOR)

        assert [call.sender for call in first_of(kit).calls] == [OWN_NUMBER]
        assert {call.sender for call in second_of(kit).calls} == {"second-sender"}
        assert {call.text for call in second_of(kit).calls} == {first_of(kit).calls[0].text}


def test_calls_that_have_not_begun_when_the_first_goes_away_are_made_by_the_second(kit, seconds):
    enrol_many(kit, 10)
    (batch,) = claim_due(kit)
    first_of(kit).script(*[DOWN] * 10)
    first_of(kit).during_call = lambda _: take_first_away(kit)

    deliver(kit, batch.token, batch.message_ids, executor=EXECUTOR)
    tick(kit)

    # As many as there are threads may have begun; the others have made no call.
    begun = len(first_of(kit).calls)
    assert begun <= 8
    assert len(second_of(kit).taken) == 10 - begun
    assert {one.outcome for one in attempts(kit)} == {"unavailable", "not-called", "accepted"}


def test_the_second_is_claimed_for_even_while_the_firsts_senders_are_held(kit):
    enrol_many(kit, 5)
    kit.pace.slow_down(f"{FIRST}:{first_of(kit).sender}", timedelta(minutes=1))
    assert claim_due(kit) == []

    take_first_away(kit)
    tick(kit)

    assert len(second_of(kit).taken) == 5


def test_two_senders_of_one_name_have_a_pace_each(kit):
    second_of(kit).sender = first_of(kit).sender
    second_of(kit).script(busy(retry_after=timedelta(minutes=1)))
    enrol_one(kit, 1)
    take_first_away(kit)
    tick(kit)

    kit.breaker.note(account_of(first_of(kit)), [True])
    enrol_one(kit, 2)
    tick(kit)

    assert len(first_of(kit).taken) == 1


# ----------------------------------------------------------------- what stays with its account


def test_what_the_first_account_may_have_is_never_sent_through_the_second(kit, seconds):
    enrol_many(kit, 5)
    first_of(kit).script(*[LOST] * 5)
    first_of(kit).looks_away = True
    tick(kit)

    # For an hour the first can't say, while the second would gladly send.
    first_of(kit).script(*[DOWN] * 1000)
    play(kit, seconds, rounds=15, span=300.0)

    ours = {one.id for one in going_home(kit)}
    assert not {call.message_id for call in second_of(kit).calls} & ours
    assert count_by_state(going_home(kit)) == {State.UNKNOWN: 5}


def test_it_is_looked_for_at_its_own_account_though_the_second_sends_now(kit, seconds):
    enrol_many(kit, 5)
    first_of(kit).script(*[LOST] * 5)
    tick(kit)
    assert not kit.breaker.look(account_of(first_of(kit)), 1).granted

    sweep(kit, "settle-unknown")

    assert len(first_of(kit).sought) == 5
    assert second_of(kit).sought == []
    assert count_by_state(going_home(kit)) == {State.SENT: 5}
    assert len(first_of(kit).taken) == 5


def test_what_the_first_provably_does_not_have_goes_through_the_second(kit, seconds):
    enrol_many(kit, 5)
    first_of(kit).script(*[VANISHED] * 5, *[DOWN] * 1000)
    first_of(kit).there = False
    tick(kit)

    play(kit, seconds, rounds=20)
    assert second_of(kit).calls == []
    play(kit, seconds, rounds=20)

    assert first_of(kit).taken == {}
    assert len(second_of(kit).taken) == 5
    outcomes = [(one.account, one.outcome) for one in attempts(kit)]
    assert sorted(outcomes) == [(FIRST, "absent")] * 5 + [(SECOND, "accepted")] * 5


def test_what_the_second_may_have_is_looked_for_there_though_the_first_is_back(kit, seconds):
    enrol_one(kit)
    take_first_away(kit)
    second_of(kit).script(LOST)
    tick(kit)
    kit.breaker.note(account_of(first_of(kit)), [True])

    sweep(kit, "settle-unknown")

    assert first_of(kit).calls == first_of(kit).sought == []
    assert count_by_state(going_home(kit)) == {State.SENT: 1}


def test_an_overdue_receipt_is_asked_for_at_the_account_that_sent_it(kit):
    enrol_one(kit)
    take_first_away(kit)
    tick(kit)
    (sent,) = going_home(kit)
    second_of(kit).reaches(attempts(kit)[0].provider_id, ReportedStatus.DELIVERED)
    clock_of(kit).advance_to(sent.receipt_due_at)

    sweep(kit, "chase-receipts")

    assert count_by_state(going_home(kit)) == {State.DELIVERED: 1}


def test_of_an_account_that_is_not_set_up_any_more_nothing_is_believed(kit, seconds):
    enrol_one(kit)
    take_first_away(kit)
    second_of(kit).script(VANISHED)
    tick(kit)
    without = replace(kit, standby={})

    for _ in range(20):
        let_pass(kit, seconds, 300)
        sweep(without)
        tick(without)

    assert count_by_state(going_home(kit)) == {State.UNKNOWN: 1}
    assert [item.kind for item in tasks(kit)].count("unknown") == 1
    ours = {one.id for one in going_home(kit)}
    assert not {call.message_id for call in first_of(kit).calls} & ours


def test_accounts_that_change_places_keep_what_is_theirs(kit, seconds):
    enrol_one(kit)
    first_of(kit).script(LOST)
    tick(kit)
    swapped = replace(
        kit,
        channels={**kit.channels, SMS: second_of(kit)},
        standby={SMS: first_of(kit)},
    )

    play(swapped, seconds)

    assert len(first_of(kit).taken) == 1
    ours = {one.id for one in going_home(kit)}
    assert not {call.message_id for call in second_of(kit).calls} & ours
    assert count_by_state(going_home(kit)) == {State.SENT: 1}


def test_no_account_reports_on_the_texts_of_another(either_kit):
    kit = either_kit
    enrol_one(kit)
    take_first_away(kit)
    tick(kit)
    (attempt,) = attempts(kit)
    delivered = Report(provider_id=attempt.provider_id, status=ReportedStatus.DELIVERED)
    ids = {"message_id": attempt.message_id, "attempt_id": attempt.id}

    by_id = take(kit, delivered, provider="scripted", account=FIRST)
    by_ours = take(
        kit, replace(delivered, provider_id="other"), provider="scripted", account=FIRST, **ids
    )
    early = replace(delivered, provider_id="early")
    parked = take(kit, early, provider="scripted", account=FIRST)
    with kit.store.write() as session:
        session.execute(update(Attempt).values(provider_id="early"))

    assert (by_id, by_ours) == (Taken.MISDIRECTED, Taken.MISDIRECTED)
    assert parked is Taken.PARKED
    assert apply_parked(kit) == 0
    assert count_by_state(going_home(kit)) == {State.SENT: 1}
    assert take(kit, early, provider="scripted", account=SECOND, **ids) is not Taken.MISDIRECTED


def test_what_may_have_gone_out_before_a_restore_is_looked_for_at_both(either_kit, seconds):
    kit = either_kit
    enrol_one(kit)
    take_first_away(kit)
    second_of(kit).script(LOST)
    tick(kit)
    # As after a restore: nobody knows by which account it went, and the first is presumed.
    with kit.store.write() as session:
        session.execute(update(Attempt).values(account=FIRST, sender="x", code=RESTORED))

    second_of(kit).looks_away = True
    sweep(kit, "settle-unknown")
    assert count_by_state(going_home(kit)) == {State.UNKNOWN: 1}
    second_of(kit).looks_away = False
    play(kit, seconds, rounds=4)

    (attempt,) = attempts(kit)
    assert count_by_state(going_home(kit)) == {State.SENT: 1}
    assert (attempt.account, attempt.sender) == (SECOND, "second-sender")
    assert [sought.outgoing.sender for sought in first_of(kit).sought][:1] == ["x"]
    assert {sought.outgoing.sender for sought in second_of(kit).sought} == {"second-sender"}


def test_after_a_restore_a_receipt_says_which_account_it_was(either_kit):
    kit = either_kit
    enrol_one(kit)
    take_first_away(kit)
    second_of(kit).script(LOST)
    tick(kit)
    with kit.store.write() as session:
        session.execute(update(Attempt).values(account=FIRST, code=RESTORED))
    delivered = Report(provider_id="of-the-second", status=ReportedStatus.DELIVERED)
    ids = {"message_id": attempts(kit)[0].message_id, "attempt_id": new_id(clock_of(kit).now())}

    taken = take(kit, delivered, provider="scripted", account=SECOND, **ids)

    (attempt,) = attempts(kit)
    assert taken is Taken.APPLIED
    assert (attempt.account, attempt.sender) == (SECOND, "second-sender")
    assert count_by_state(going_home(kit)) == {State.DELIVERED: 1}


# --------------------------------------------------------------------------- what fails over


def test_a_number_at_fault_is_at_fault_by_either_account(kit):
    enrol_one(kit)
    first_of(kit).script(refuse("21211", recipient=True))

    run_jobs(kit)

    assert second_of(kit).calls == []
    assert count_by_state(going_home(kit))[State.FAILED] == 1


def test_slower_is_no_reason_to_go_elsewhere(kit):
    enrol_many(kit, 10)
    first_of(kit).script(*[busy()] * 10)

    tick(kit)
    tick(kit)

    assert second_of(kit).calls == []


def test_with_both_away_everything_waits_and_nothing_is_lost(kit, seconds):
    enrol_many(kit, 12)
    first_of(kit).script(*[DOWN] * 1000)
    second_of(kit).script(*[DOWN] * 1000)
    first_of(kit).there = False

    play(kit, seconds, rounds=3)
    made = len(first_of(kit).calls) + len(second_of(kit).calls)
    assert count_by_state(going_home(kit)) == {State.PLANNED: 12}
    assert made < 40

    second_of(kit)._script.clear()
    play(kit, seconds, rounds=60)
    assert count_by_state(going_home(kit)) == {State.SENT: 12}
    assert len(second_of(kit).taken) == 12


def test_with_both_away_the_first_is_tried_with_whatever_there_is(kit, seconds):
    enrol_many(kit, 5)
    first_of(kit).script(*[DOWN] * 8)
    second_of(kit).script(*[DOWN] * 100_000)

    play(kit, seconds, rounds=30)

    assert {one.account for one in attempts(kit)} == {FIRST, SECOND}
    assert len(first_of(kit).taken) == 5
    assert count_by_state(going_home(kit)) == {State.SENT: 5}


# ------------------------------------------------------------------------------- going back


def test_one_text_alone_is_risked_to_find_out_whether_the_first_is_back(kit, seconds):
    enrol_many(kit, 10)
    take_first_away(kit)
    let_pass(kit, seconds, SHORTEST_OPEN)
    first_of(kit).script(DOWN)

    tick(kit)

    assert PROBES > 1
    assert len(first_of(kit).calls) == 1
    assert len(second_of(kit).taken) == 9


def test_no_text_is_risked_twice_and_none_that_answers_a_patient(kit, seconds):
    enrol_many(kit, 6)
    with kit.store.write() as session:
        ids = sorted(one.id for one in going_home(kit))
        for some, values in ((ids[:3], {"attempt_count": 1}), (ids[3:], {"priority": 0})):
            session.execute(update(Message).where(Message.id.in_(some)).values(**values))
    take_first_away(kit)
    let_pass(kit, seconds, SHORTEST_OPEN)

    tick(kit)

    assert first_of(kit).calls == []
    assert len(second_of(kit).taken) == 6
    enrol_one(kit, 11)
    tick(kit)
    assert len(first_of(kit).taken) == 1


def test_no_text_is_risked_before_the_first_answers_a_question(kit, seconds):
    enrol_many(kit, 10)
    take_first_away(kit)
    first_of(kit).there = False
    let_pass(kit, seconds, SHORTEST_OPEN)

    tick(kit)
    tick(kit)

    assert first_of(kit).questions == 1
    assert first_of(kit).calls == []
    assert len(second_of(kit).taken) == 10
    # It stays away for longer than before.
    assert kit.breaker.look(account_of(first_of(kit)), 1).wait > timedelta(seconds=SHORTEST_OPEN)


def test_texts_go_back_to_the_first_by_themselves(kit, seconds):
    take_first_away(kit)
    enrol_many(kit, 5)
    tick(kit)
    let_pass(kit, seconds, SHORTEST_OPEN)
    enrol_one(kit, 11)
    tick(kit)
    let_pass(kit, seconds, 60)
    before = len(second_of(kit).calls)

    enrol_many(kit, 5, first=21)
    tick(kit)

    assert len(second_of(kit).calls) == before == 5
    assert len(first_of(kit).taken) == 6


# ------------------------------------------------------------------------------ being told


def test_the_operator_is_told_since_when_and_until_when(either_kit, seconds):
    kit = either_kit
    began = clock_of(kit).real_now()
    take_first_away(kit)
    enrol_many(kit, 3)
    tick(kit)
    let_pass(kit, seconds, 1)
    told = {one.code: one.sentence for one in held_up(kit)}
    assert f"since {began:%H:%M} UTC" in told["second-account:sms"]
    assert figures(kit).second_account == {"sms": timedelta(seconds=1)}

    let_pass(kit, seconds, SHORTEST_OPEN)
    enrol_one(kit, 11)
    tick(kit)

    assert "second-account:sms" not in {one.code for one in held_up(kit)}
    assert figures(kit).second_account == {}
    ours = [one for one in actions(kit) if one.startswith("second-account")]
    assert ours == ["second-account.began", "second-account.ended"]


def test_a_first_account_that_was_back_for_a_moment_makes_no_second_spell(either_kit, seconds):
    kit = either_kit
    began = clock_of(kit).real_now()
    take_first_away(kit)
    enrol_one(kit, 1)
    tick(kit)
    kit.breaker.note(account_of(first_of(kit)), [True])
    enrol_one(kit, 2)
    tick(kit)
    take_first_away(kit)
    enrol_one(kit, 3)
    tick(kit)

    with kit.store.read() as session:
        (spell,) = spells(session)
    assert spell.since == began
    assert len(rows(kit, StandIn)) == 1

    kit.breaker.note(account_of(first_of(kit)), [True])
    enrol_one(kit, 4)
    tick(kit)
    let_pass(kit, seconds, ONE_SPELL.total_seconds())
    take_first_away(kit)
    enrol_one(kit, 5)
    tick(kit)
    assert len(rows(kit, StandIn)) == 2


def test_a_second_account_that_is_away_too_is_an_alarm_of_its_own(kit):
    take_first_away(kit)
    kit.breaker.note(account_of(second_of(kit)), [False] * OPENS_AFTER)

    codes = {one.code for one in held_up(kit)}

    assert {"provider-down:scripted", "second-account-down:scripted"} <= codes


def test_words_say_which_account_an_attempt_used(kit):
    first = way_words(kit, SMS, account=FIRST, sender="+447700900111")
    second = way_words(kit, SMS, account=SECOND, sender="+447700900222")
    old = way_words(kit, SMS, account="AC-old", sender="+447700900333")
    alone = replace(kit, standby={})

    assert first == "first SMS account, from +447700900111"
    assert second == "second SMS account, from +447700900222"
    assert old == "an account that is not set up any more, from +447700900333"
    assert way_words(alone, SMS, account=FIRST, sender="+447700900111") is None


def test_whoever_sends_a_single_text_takes_the_account_that_is_there(kit):
    assert line_now(kit, SMS) is first_of(kit)
    take_first_away(kit)
    assert line_now(kit, SMS) is second_of(kit)
    assert line_now(kit, EMAIL) is kit.channels[EMAIL]
    assert line_now(replace(kit, standby={}), SMS) is first_of(kit)


def test_on_call_staff_are_told_through_the_account_that_is_there(kit):
    enrol_one(kit)
    text_in(kit, "STOP cant feel my legs")
    take_first_away(kit)
    on_call = replace(kit, policy=replace(kit.policy, on_call=OnCall(sms=("+447700900700",))))
    clock_of(kit).advance(timedelta(minutes=20))

    escalate_overdue(on_call)

    assert first_of(kit).calls == []
    [told] = second_of(kit).calls
    assert (told.to, told.sender) == ("+447700900700", "second-sender")


def test_while_the_first_is_there_the_second_costs_one_statement_in_seconds(kit):
    enrol_many(kit, 30)

    with counting(kit) as counted:
        tick(kit)

    assert sum("stand_ins" in statement for statement in counted.statements) == 1
    without = replace(kit, standby={})
    enrol_many(kit, 5, first=51)
    clock_of(kit).advance(timedelta(minutes=1))
    with counting(kit) as counted:
        tick(without)
    assert not any("stand_ins" in statement for statement in counted.statements)


def test_after_a_restore_the_lists_of_both_accounts_are_read(kit):
    at = clock_of(kit).now()
    restore = Restore(taken_real_at=at, restored_real_at=at)
    lists = {
        FIRST: [a_text("start", came_at=at + timedelta(minutes=2))],
        SECOND: [a_text("stop", came_at=at + timedelta(minutes=1))],
    }
    both = replace(
        kit,
        channels={**kit.channels, SMS: Listing(SMS, lists[FIRST])},
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
