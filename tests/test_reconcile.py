"""Unknown outcomes: looked for, "not there" waited for, never sent again blindly, then a person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import update

from followup.channels.interface import CannotTell, Report, ReportedStatus
from followup.dispatch import claim_due
from followup.kit import Kit
from followup.pacing import Portion
from followup.receipts import take
from followup.reconcile import abandon_sending, settle_unknown
from followup.send import _start
from followup.store.models import Attempt, Message, Patient
from tests.kits import (
    actions,
    balance_is_even,
    clock_of,
    email_of,
    enrol_many,
    enrol_one,
    message,
    messages,
    rows,
    sms_of,
    sweep,
    tasks,
    tick,
)
from tests.people import EMAIL, PROCEDURE_AT, SMS, person
from tests.scripted_channel import LOST, VANISHED, ScriptedChannel

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def going_home(kit: Kit) -> str:
    (state,) = {one.state for one in messages(kit) if one.step == "going-home"}
    return state


@pytest.fixture
def vanished(kit: Kit) -> Kit:
    """A kit in which one text was lost on its way to the provider, and nobody knows."""
    enrol_one(kit)
    sms_of(kit).script(VANISHED)
    tick(kit)
    return kit


@pytest.fixture
def lost(kit: Kit) -> Kit:
    """A kit in which one text was taken, and the answer lost."""
    enrol_one(kit)
    sms_of(kit).script(LOST)
    tick(kit)
    return kit


# --------------------------------------------------------------------------------- found


def test_what_the_provider_has_is_found_at_once(lost: Kit):
    assert sweep(lost, "settle-unknown") == 1

    assert going_home(lost) == "sent"
    (attempt,) = rows(lost, Attempt)
    assert attempt.provider_id in sms_of(lost).taken
    assert len(sms_of(lost).calls) == 1
    balance_is_even(lost)


def test_it_is_looked_for_by_its_number_words_sender_and_time(lost: Kit):
    sweep(lost, "settle-unknown")

    (sought,) = sms_of(lost).sought
    (sent,) = sms_of(lost).calls
    assert (sought.outgoing.to, sought.outgoing.text) == (sent.to, sent.text)
    assert sought.outgoing.sender == "sms-sender"
    assert sought.outgoing.rfc_message_id == sent.rfc_message_id
    assert sought.started_at == rows(lost, Attempt)[0].started_real_at


@pytest.mark.parametrize(
    ("status", "state"),
    [(ReportedStatus.DELIVERED, "delivered"), (ReportedStatus.FAILED, "failed")],
)
def test_what_became_of_it_meanwhile_is_learnt_with_it(lost: Kit, status, state):
    (taken,) = sms_of(lost).taken
    sms_of(lost).reaches(taken, status, code="30003")

    sweep(lost, "settle-unknown")

    assert [
        one.state for one in messages(lost) if one.step == "going-home" and one.channel == "sms"
    ] == [state]
    balance_is_even(lost)


def test_an_id_that_belongs_to_another_message_never_counts(kit: Kit):
    # Two patients share a number, and so the words.
    enrol_one(kit, 1, mobile="+447700900001")
    enrol_one(kit, 2, mobile="+447700900001")
    sms_of(kit).script(VANISHED)

    tick(kit)
    sweep(kit, "settle-unknown")

    assert sorted(one.state for one in messages(kit) if one.step == "going-home") == [
        "sent",
        "unknown",
    ]
    assert len({one.provider_id for one in rows(kit, Attempt) if one.provider_id}) == 1


def test_two_of_equal_number_and_words_are_each_found(kit: Kit):
    enrol_one(kit, 1, mobile="+447700900001")
    enrol_one(kit, 2, mobile="+447700900001")
    sms_of(kit).script(LOST, LOST)

    tick(kit)
    sweep(kit, "settle-unknown")

    assert going_home(kit) == "sent"
    assert {one.provider_id for one in rows(kit, Attempt)} == set(sms_of(kit).taken)


def test_two_look_ups_that_find_one_id_at_once_do_not_both_keep_it(kit: Kit, monkeypatch):
    enrol_one(kit, 1, mobile="+447700900001")
    enrol_one(kit, 2, mobile="+447700900001")
    sms_of(kit).script(LOST, VANISHED)
    tick(kit)
    (id_,) = sms_of(kit).taken

    # As if both had asked whether the id is free before either had committed.
    found = Report(provider_id=id_, status=ReportedStatus.SENT)
    monkeypatch.setattr(sms_of(kit), "find", lambda _sought: found)
    settle_unknown(kit)

    assert sorted(one.state for one in messages(kit) if one.step == "going-home") == [
        "sent",
        "unknown",
    ]


# -------------------------------------------------------------------------------- absent


def test_not_there_is_not_believed_before_the_provider_had_time_to_list_it(vanished: Kit):
    wait = vanished.policy.reconcile_after
    clock_of(vanished).advance(wait - SECOND)

    sweep(vanished, "settle-unknown")
    assert going_home(vanished) == "unknown"
    assert tick(vanished) == 0

    clock_of(vanished).advance(16 * SECOND)
    sweep(vanished, "settle-unknown")
    assert going_home(vanished) == "planned"
    assert rows(vanished, Attempt)[0].outcome == "absent"
    assert tick(vanished) == 1
    assert going_home(vanished) == "sent"
    balance_is_even(vanished)


def test_what_the_provider_lists_late_is_found_and_not_sent_again(lost: Kit):
    sms_of(lost).lists = False
    for _ in range(7):
        sweep(lost, "settle-unknown")
        clock_of(lost).advance(15 * SECOND)
    assert going_home(lost) == "unknown"

    sms_of(lost).lists = True
    sweep(lost, "settle-unknown")

    assert going_home(lost) == "sent"
    assert len(sms_of(lost).calls) == 1


def test_looks_are_spaced(vanished: Kit):
    sweep(vanished, "settle-unknown")
    sweep(vanished, "settle-unknown")
    assert len(sms_of(vanished).sought) == 1

    clock_of(vanished).advance(15 * SECOND)
    sweep(vanished, "settle-unknown")
    assert len(sms_of(vanished).sought) == 2


def test_a_short_wait_makes_for_short_spaces(kit: Kit):
    kit = replace(kit, policy=replace(kit.policy, reconcile_after=2 * SECOND))
    enrol_one(kit)
    sms_of(kit).script(VANISHED)
    tick(kit)
    sweep(kit, "settle-unknown")

    clock_of(kit).advance(2 * SECOND)
    sweep(kit, "settle-unknown")

    assert going_home(kit) == "planned"


def test_the_wait_is_real_time_under_a_fast_clock(vanished: Kit):
    clock_of(vanished).advance_service(6 * HOUR)

    sweep(vanished, "settle-unknown")

    assert going_home(vanished) == "unknown"


def test_what_proves_absent_too_late_expires(kit: Kit):
    enrolment_id = enrol_one(kit, channels=(SMS,))
    red_flags = message(kit, enrolment_id, "red-flags")
    clock_of(kit).advance_to(red_flags.not_after - HOUR)
    sms_of(kit).script(VANISHED)
    tick(kit)
    assert message(kit, enrolment_id, "red-flags").state == "unknown"
    clock_of(kit).advance_to(red_flags.not_after)

    sweep(kit, "settle-unknown")

    assert message(kit, enrolment_id, "red-flags").state == "expired"
    assert [task.kind for task in tasks(kit) if task.message_id == red_flags.id] == ["missed"]


# ------------------------------------------------------------------------------ dead workers


def die_in_the_middle(kit: Kit, *, taken: bool) -> Attempt:
    """Let a worker commit its attempt and then die, before or after the provider took it."""
    (batch,) = claim_due(kit)
    (started,) = kit.store.transact(
        lambda session: _start(session, kit, batch.token, Portion(message_ids=batch.message_ids))
    )
    if taken:
        sms_of(kit).send(started.outgoing)
    (attempt,) = rows(kit, Attempt)
    assert isinstance(attempt, Attempt)
    return attempt


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken"])
def test_a_worker_that_dies_in_the_middle_loses_and_doubles_nothing(kit: Kit, taken):
    enrol_one(kit)
    attempt = die_in_the_middle(kit, taken=taken)
    assert going_home(kit) == "sending"
    assert sweep(kit) == 0

    clock_of(kit).advance(kit.policy.lease)
    assert sweep(kit, "abandon-sending") == 1
    assert going_home(kit) == "unknown"
    assert rows(kit, Attempt)[0].reason == "worker-lost"
    assert attempt.over_real_at == clock_of(kit).real_now() + sms_of(kit).longest_call

    for _ in range(20):
        sweep(kit, "settle-unknown")
        tick(kit)
        clock_of(kit).advance(15 * SECOND)

    assert going_home(kit) == "sent"
    assert len(sms_of(kit).taken) == 1
    balance_is_even(kit)


def test_absence_is_not_believed_while_the_dead_worker_s_call_may_still_be_under_way(kit: Kit):
    enrol_one(kit)
    attempt = die_in_the_middle(kit, taken=False)
    clock_of(kit).advance(kit.policy.lease)
    sweep(kit, "abandon-sending")

    clock_of(kit).advance(
        attempt.over_real_at - kit.clock.real_now() + kit.policy.reconcile_after - SECOND
    )
    sweep(kit, "settle-unknown")
    assert going_home(kit) == "unknown"

    clock_of(kit).advance(15 * SECOND)
    sweep(kit, "settle-unknown")
    assert going_home(kit) == "planned"


def test_only_what_is_past_its_lease_is_given_up(kit: Kit):
    enrol_one(kit)
    die_in_the_middle(kit, taken=False)
    clock_of(kit).advance(kit.policy.lease - SECOND)

    assert abandon_sending(kit) == 0
    assert going_home(kit) == "sending"


# -------------------------------------------------------------------------- cannot tell


def test_a_provider_that_cannot_tell_is_asked_until_a_person_must_be(vanished: Kit):
    sms_of(vanished).looks_away = True
    for _ in range(30):
        clock_of(vanished).advance(MINUTE)
        sweep(vanished, "settle-unknown")
    assert tasks(vanished) == []

    for _ in range(31):
        clock_of(vanished).advance(MINUTE)
        sweep(vanished, "settle-unknown")

    (task,) = tasks(vanished)
    assert (task.kind, task.detail["cause"]) == ("unknown", "outcome-unknown")
    assert going_home(vanished) == "unknown"
    assert len(sms_of(vanished).calls) == 1
    balance_is_even(vanished)


def test_a_late_answer_settles_it_and_closes_the_task(lost: Kit):
    sms_of(lost).looks_away = True
    clock_of(lost).advance(2 * HOUR)
    sweep(lost, "settle-unknown")
    assert [task.state for task in tasks(lost)] == ["open"]

    sms_of(lost).looks_away = False
    clock_of(lost).advance(MINUTE)
    sweep(lost, "settle-unknown")

    assert going_home(lost) == "sent"
    assert [(task.state, task.outcome) for task in tasks(lost)] == [("closed", "found")]


def test_once_it_is_too_late_it_rests_with_the_person(vanished: Kit):
    sms_of(vanished).looks_away = True
    clock_of(vanished).advance_to(PROCEDURE_AT + 13 * HOUR)
    sweep(vanished, "settle-unknown")

    assert sweep(vanished, "settle-unknown") == 0
    clock_of(vanished).advance(24 * HOUR)
    assert sweep(vanished, "settle-unknown") == 0
    assert [task.kind for task in tasks(vanished)] == ["unknown"]
    balance_is_even(vanished)


def test_mail_can_not_be_looked_for_so_a_person_is_asked_at_once(kit: Kit):
    email_of(kit).can_look = False
    enrol_one(kit, channels=(EMAIL,))
    email_of(kit).script(LOST)
    tick(kit)

    sweep(kit, "settle-unknown")

    assert [task.kind for task in tasks(kit)] == ["unknown"]
    assert going_home(kit) == "unknown"
    assert len(email_of(kit).calls) == 1
    balance_is_even(kit)


def test_another_provider_is_never_asked_about_it(lost: Kit):
    class Other(ScriptedChannel):
        provider = "other"

    other = Other(SMS)
    moved = replace(lost, channels={SMS: other, EMAIL: ScriptedChannel(EMAIL)})
    clock_of(lost).advance(2 * HOUR)

    sweep(moved, "settle-unknown")

    assert other.sought == []
    assert going_home(lost) == "unknown"
    assert [task.kind for task in tasks(lost)] == ["unknown"]


def test_a_provider_that_does_not_answer_is_not_asked_about_every_message(kit: Kit):
    enrol_many(kit, 10)
    sms_of(kit).script(*[VANISHED] * 10)
    tick(kit)
    sms_of(kit).looks_away = True

    sweep(kit, "settle-unknown")

    assert len(sms_of(kit).sought) == 3


def test_one_that_cannot_be_told_does_not_keep_the_others_from_being_found(kit: Kit, monkeypatch):
    enrol_many(kit, 6)
    sms_of(kit).script(*[LOST] * 6)
    tick(kit)
    find = sms_of(kit).find

    def choosy(sought):
        return (
            CannotTell()
            if sought.outgoing.to in {person(1).mobile, person(2).mobile}
            else find(sought)
        )

    monkeypatch.setattr(sms_of(kit), "find", choosy)
    sweep(kit, "settle-unknown")

    states = sorted(one.state for one in messages(kit) if one.step == "going-home")
    assert states == ["sent"] * 4 + ["unknown"] * 2


def test_a_bug_in_a_look_up_spares_the_others(kit: Kit, monkeypatch):
    enrol_many(kit, 3)
    sms_of(kit).script(*[LOST] * 3)
    tick(kit)
    find = sms_of(kit).find

    def failing(sought):
        if sought.outgoing.to == person(2).mobile:
            raise ZeroDivisionError
        return find(sought)

    monkeypatch.setattr(sms_of(kit), "find", failing)
    sweep(kit, "settle-unknown")

    states = sorted(one.state for one in messages(kit) if one.step == "going-home")
    assert states == ["sent", "sent", "unknown"]


def test_what_cannot_be_opened_spares_the_others(kit: Kit):
    enrol_many(kit, 2)
    sms_of(kit).script(LOST, LOST)
    tick(kit)
    with kit.store.write() as session:
        first = session.query(Patient).order_by(Patient.id).limit(1).one()
        first.master_key_id = "0" * 16

    sweep(kit, "settle-unknown")

    states = sorted(one.state for one in messages(kit) if one.step == "going-home")
    assert states == ["sent", "unknown"]


def test_words_that_were_deleted_can_not_be_looked_for(lost: Kit):
    with lost.store.write() as session:
        session.execute(update(Attempt).values(body_sealed=None))

    sweep(lost, "settle-unknown")

    assert sms_of(lost).sought == []
    assert going_home(lost) == "unknown"


def test_two_reconcilers_at_once_ask_about_each_message_once(kit: Kit):
    enrol_many(kit, 20)
    sms_of(kit).script(*[LOST] * 20)
    tick(kit)
    together = Barrier(2)

    def look(_):
        together.wait()
        return settle_unknown(kit)

    with ThreadPoolExecutor(2) as pool:
        looked = sum(pool.map(look, range(2)))

    assert looked == 20
    assert len(sms_of(kit).sought) == 20
    assert going_home(kit) == "sent"
    assert actions(kit).count("message.sent") == 20


# ------------------------------------------------------------------------- overdue receipts


def deadline(sent: Message) -> datetime:
    assert sent.receipt_due_at is not None
    return sent.receipt_due_at


@pytest.fixture
def silent(kit: Kit) -> Kit:
    """A kit in which one text was sent, and its receipt is overdue."""
    enrolment_id = enrol_one(kit)
    tick(kit)
    clock_of(kit).advance_to(deadline(message(kit, enrolment_id, "going-home")))
    return kit


def test_a_receipt_is_not_chased_before_its_time(silent: Kit):
    clock_of(silent).advance_service(-SECOND)

    assert sweep(silent, "chase-receipts") == 0


def test_a_lost_receipt_is_asked_for(silent: Kit):
    (taken,) = sms_of(silent).taken
    sms_of(silent).reaches(taken, ReportedStatus.DELIVERED)

    assert sweep(silent, "chase-receipts") == 1

    assert going_home(silent) == "delivered"
    assert tasks(silent) == []


def test_a_failure_that_was_never_reported_is_learnt(silent: Kit):
    (taken,) = sms_of(silent).taken
    sms_of(silent).reaches(taken, ReportedStatus.FAILED, code="30003")

    sweep(silent, "chase-receipts")

    assert going_home(silent) == "failed"
    balance_is_even(silent)


@pytest.mark.parametrize("forgotten", [False, True], ids=["still on its way", "unknown to it"])
def test_what_the_provider_can_say_nothing_new_of_goes_to_a_person_once(silent: Kit, forgotten):
    if forgotten:
        sms_of(silent).taken.clear()

    sweep(silent, "chase-receipts")

    (task,) = tasks(silent)
    assert (task.kind, task.urgency) == ("no-receipt", 3)
    assert going_home(silent) == "sent"
    sweep(silent)
    balance_is_even(silent)
    clock_of(silent).advance(48 * HOUR)
    assert sweep(silent, "chase-receipts") == 0


def test_a_receipt_that_comes_after_all_closes_the_task(silent: Kit):
    sweep(silent, "chase-receipts")
    (taken,) = sms_of(silent).taken

    take(silent, sms_of(silent).reaches(taken, ReportedStatus.DELIVERED), provider="scripted")

    assert [(task.state, task.outcome) for task in tasks(silent)] == [
        ("closed", "arrived-after-all")
    ]


def test_a_provider_that_does_not_answer_is_asked_again_while_that_helps(kit: Kit):
    enrolment_id = enrol_one(kit)
    red_flags = message(kit, enrolment_id, "red-flags")
    clock_of(kit).advance_to(red_flags.due_at)
    tick(kit)
    clock_of(kit).advance_to(deadline(message(kit, enrolment_id, "red-flags")))
    sms_of(kit).looks_away = True

    sweep(kit, "chase-receipts")

    after = message(kit, enrolment_id, "red-flags")
    assert after.receipt_due_at == kit.clock.now() + 5 * MINUTE
    assert "no-receipt" not in {task.kind for task in tasks(kit)}
    clock_of(kit).advance_to(red_flags.not_after)
    sweep(kit, "chase-receipts")
    assert "no-receipt" in {task.kind for task in tasks(kit)}


def test_another_provider_is_never_asked_about_a_receipt(silent: Kit):
    class Other(ScriptedChannel):
        provider = "other"

        def poll(self, provider_id):
            raise AssertionError(provider_id)

    moved = replace(silent, channels={SMS: Other(SMS), EMAIL: ScriptedChannel(EMAIL)})

    sweep(moved, "chase-receipts")

    assert going_home(silent) == "sent"


def test_a_receipt_that_comes_while_the_provider_is_asked_is_not_overwritten(
    silent: Kit, monkeypatch
):
    (taken,) = sms_of(silent).taken
    stale = sms_of(silent).taken[taken].report

    def poll(provider_id):
        take(
            silent,
            sms_of(silent).reaches(provider_id, ReportedStatus.DELIVERED),
            provider="scripted",
        )
        return stale

    monkeypatch.setattr(sms_of(silent), "poll", poll)
    sweep(silent, "chase-receipts")

    assert going_home(silent) == "delivered"
    assert tasks(silent) == []
