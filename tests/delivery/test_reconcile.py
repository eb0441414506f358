"""Unknown outcomes: looked for, "not there" waited for, never sent again blindly, then a person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import update

from followup.context import AppContext
from followup.delivery.receipts import take_receipt
from followup.delivery.reconcile import abandon_sending, settle_unknown_outcomes
from followup.domain import actors
from followup.providers.interface import CannotTell, ProviderReport, ReportedStatus
from followup.sending.claim import claim_due
from followup.sending.send_batch import _start
from followup.sending.throttle import Chunk
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient
from tests.support.apps import (
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
from tests.support.people import EMAIL, PROCEDURE_AT, SMS, person
from tests.support.scripted_channel import LOST, VANISHED, ScriptedChannel

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def going_home(app: AppContext) -> str:
    (state,) = {one.state for one in messages(app) if one.step == "going-home"}
    return state


@pytest.fixture
def vanished(app: AppContext) -> AppContext:
    """An app context in which one text was lost on its way to the provider, and nobody knows."""
    enrol_one(app)
    sms_of(app).script(VANISHED)
    tick(app)
    return app


@pytest.fixture
def lost(app: AppContext) -> AppContext:
    """An app context in which one text was taken, and the answer lost."""
    enrol_one(app)
    sms_of(app).script(LOST)
    tick(app)
    return app


# --------------------------------------------------------------------------------- found


def test_what_the_provider_has_is_found_at_once(lost: AppContext):
    assert sweep(lost, "settle-unknown") == 1

    assert going_home(lost) == "sent"
    (attempt,) = rows(lost, Attempt)
    assert attempt.provider_id in sms_of(lost).taken
    assert len(sms_of(lost).calls) == 1
    balance_is_even(lost)


def test_it_is_looked_for_by_its_number_words_sender_and_time(lost: AppContext):
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
def test_what_became_of_it_meanwhile_is_learnt_with_it(lost: AppContext, status, state):
    (taken,) = sms_of(lost).taken
    sms_of(lost).reaches(taken, status, code="30003")

    sweep(lost, "settle-unknown")

    assert [
        one.state for one in messages(lost) if one.step == "going-home" and one.channel == "sms"
    ] == [state]
    balance_is_even(lost)


def test_an_id_that_belongs_to_another_message_never_counts(app: AppContext):
    # Two patients share a number, and so the words.
    enrol_one(app, 1, mobile="+447700900001")
    enrol_one(app, 2, mobile="+447700900001")
    sms_of(app).script(VANISHED)

    tick(app)
    sweep(app, "settle-unknown")

    assert sorted(one.state for one in messages(app) if one.step == "going-home") == [
        "sent",
        "unknown",
    ]
    assert len({one.provider_id for one in rows(app, Attempt) if one.provider_id}) == 1


def test_two_of_equal_number_and_words_are_each_found(app: AppContext):
    enrol_one(app, 1, mobile="+447700900001")
    enrol_one(app, 2, mobile="+447700900001")
    sms_of(app).script(LOST, LOST)

    tick(app)
    sweep(app, "settle-unknown")

    assert going_home(app) == "sent"
    assert {one.provider_id for one in rows(app, Attempt)} == set(sms_of(app).taken)


def test_two_look_ups_that_find_one_id_at_once_do_not_both_keep_it(app: AppContext, monkeypatch):
    enrol_one(app, 1, mobile="+447700900001")
    enrol_one(app, 2, mobile="+447700900001")
    sms_of(app).script(LOST, VANISHED)
    tick(app)
    (id_,) = sms_of(app).taken

    # As if both had asked whether the id is free before either had committed.
    found = ProviderReport(provider_id=id_, status=ReportedStatus.SENT)
    monkeypatch.setattr(sms_of(app), "find", lambda _sought: found)
    settle_unknown_outcomes(app)

    assert sorted(one.state for one in messages(app) if one.step == "going-home") == [
        "sent",
        "unknown",
    ]


# -------------------------------------------------------------------------------- absent


def test_not_there_is_not_believed_before_the_provider_had_time_to_list_it(vanished: AppContext):
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


def test_what_the_provider_lists_late_is_found_and_not_sent_again(lost: AppContext):
    sms_of(lost).lists = False
    for _ in range(7):
        sweep(lost, "settle-unknown")
        clock_of(lost).advance(15 * SECOND)
    assert going_home(lost) == "unknown"

    sms_of(lost).lists = True
    sweep(lost, "settle-unknown")

    assert going_home(lost) == "sent"
    assert len(sms_of(lost).calls) == 1


def test_looks_are_spaced(vanished: AppContext):
    sweep(vanished, "settle-unknown")
    sweep(vanished, "settle-unknown")
    assert len(sms_of(vanished).sought) == 1

    clock_of(vanished).advance(15 * SECOND)
    sweep(vanished, "settle-unknown")
    assert len(sms_of(vanished).sought) == 2


def test_a_short_wait_makes_for_short_spaces(app: AppContext):
    app = replace(app, policy=replace(app.policy, reconcile_after=2 * SECOND))
    enrol_one(app)
    sms_of(app).script(VANISHED)
    tick(app)
    sweep(app, "settle-unknown")

    clock_of(app).advance(2 * SECOND)
    sweep(app, "settle-unknown")

    assert going_home(app) == "planned"


def test_the_wait_is_real_time_under_a_fast_clock(vanished: AppContext):
    clock_of(vanished).advance_service(6 * HOUR)

    sweep(vanished, "settle-unknown")

    assert going_home(vanished) == "unknown"


def test_what_proves_absent_too_late_expires(app: AppContext):
    enrolment_id = enrol_one(app, channels=(SMS,))
    red_flags = message(app, enrolment_id, "red-flags")
    clock_of(app).advance_to(red_flags.not_after - HOUR)
    sms_of(app).script(VANISHED)
    tick(app)
    assert message(app, enrolment_id, "red-flags").state == "unknown"
    clock_of(app).advance_to(red_flags.not_after)

    sweep(app, "settle-unknown")

    assert message(app, enrolment_id, "red-flags").state == "expired"
    assert [task.kind for task in tasks(app) if task.message_id == red_flags.id] == ["missed"]


# ------------------------------------------------------------------------------ dead workers


def die_in_the_middle(app: AppContext, *, taken: bool) -> Attempt:
    """Let a worker commit its attempt and then die, before or after the provider took it."""
    (batch,) = claim_due(app)
    (started,) = app.transact(
        actors.WORKER,
        lambda unit: _start(unit, batch.token, Chunk(message_ids=batch.message_ids)),
    )
    if taken:
        sms_of(app).send(started.outgoing)
    (attempt,) = rows(app, Attempt)
    assert isinstance(attempt, Attempt)
    return attempt


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken"])
def test_a_worker_that_dies_in_the_middle_loses_and_doubles_nothing(app: AppContext, taken):
    enrol_one(app)
    attempt = die_in_the_middle(app, taken=taken)
    assert going_home(app) == "sending"
    assert sweep(app) == 0

    clock_of(app).advance(app.policy.lease)
    assert sweep(app, "abandon-sending") == 1
    assert going_home(app) == "unknown"
    assert rows(app, Attempt)[0].reason == "worker-lost"
    assert attempt.over_real_at == clock_of(app).real_now() + sms_of(app).longest_call

    for _ in range(20):
        sweep(app, "settle-unknown")
        tick(app)
        clock_of(app).advance(15 * SECOND)

    assert going_home(app) == "sent"
    assert len(sms_of(app).taken) == 1
    balance_is_even(app)


def test_absence_is_not_believed_while_the_dead_worker_s_call_may_still_be_under_way(
    app: AppContext,
):
    enrol_one(app)
    attempt = die_in_the_middle(app, taken=False)
    clock_of(app).advance(app.policy.lease)
    sweep(app, "abandon-sending")

    clock_of(app).advance(
        attempt.over_real_at - app.clock.real_now() + app.policy.reconcile_after - SECOND
    )
    sweep(app, "settle-unknown")
    assert going_home(app) == "unknown"

    clock_of(app).advance(15 * SECOND)
    sweep(app, "settle-unknown")
    assert going_home(app) == "planned"


def test_only_what_is_past_its_lease_is_given_up(app: AppContext):
    enrol_one(app)
    die_in_the_middle(app, taken=False)
    clock_of(app).advance(app.policy.lease - SECOND)

    assert abandon_sending(app) == 0
    assert going_home(app) == "sending"


# -------------------------------------------------------------------------- cannot tell


def test_a_provider_that_cannot_tell_is_asked_until_a_person_must_be(vanished: AppContext):
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


def test_a_late_answer_settles_it_and_closes_the_task(lost: AppContext):
    sms_of(lost).looks_away = True
    clock_of(lost).advance(2 * HOUR)
    sweep(lost, "settle-unknown")
    assert [task.state for task in tasks(lost)] == ["open"]

    sms_of(lost).looks_away = False
    clock_of(lost).advance(MINUTE)
    sweep(lost, "settle-unknown")

    assert going_home(lost) == "sent"
    assert [(task.state, task.outcome) for task in tasks(lost)] == [("closed", "found")]


def test_once_it_is_too_late_it_rests_with_the_person(vanished: AppContext):
    sms_of(vanished).looks_away = True
    clock_of(vanished).advance_to(PROCEDURE_AT + 13 * HOUR)
    sweep(vanished, "settle-unknown")

    assert sweep(vanished, "settle-unknown") == 0
    clock_of(vanished).advance(24 * HOUR)
    assert sweep(vanished, "settle-unknown") == 0
    assert [task.kind for task in tasks(vanished)] == ["unknown"]
    balance_is_even(vanished)


def test_mail_can_not_be_looked_for_so_a_person_is_asked_at_once(app: AppContext):
    email_of(app).can_look = False
    enrol_one(app, channels=(EMAIL,))
    email_of(app).script(LOST)
    tick(app)

    sweep(app, "settle-unknown")

    assert [task.kind for task in tasks(app)] == ["unknown"]
    assert going_home(app) == "unknown"
    assert len(email_of(app).calls) == 1
    balance_is_even(app)


def test_another_provider_is_never_asked_about_it(lost: AppContext):
    class Other(ScriptedChannel):
        provider = "other"

    other = Other(SMS)
    moved = replace(lost, channels={SMS: other, EMAIL: ScriptedChannel(EMAIL)})
    clock_of(lost).advance(2 * HOUR)

    sweep(moved, "settle-unknown")

    assert other.sought == []
    assert going_home(lost) == "unknown"
    assert [task.kind for task in tasks(lost)] == ["unknown"]


def test_a_provider_that_does_not_answer_is_not_asked_about_every_message(app: AppContext):
    enrol_many(app, 10)
    sms_of(app).script(*[VANISHED] * 10)
    tick(app)
    sms_of(app).looks_away = True

    sweep(app, "settle-unknown")

    assert len(sms_of(app).sought) == 3


def test_one_that_cannot_be_told_does_not_keep_the_others_from_being_found(
    app: AppContext, monkeypatch
):
    enrol_many(app, 6)
    sms_of(app).script(*[LOST] * 6)
    tick(app)
    find = sms_of(app).find

    def choosy(sought):
        return (
            CannotTell()
            if sought.outgoing.to in {person(1).mobile, person(2).mobile}
            else find(sought)
        )

    monkeypatch.setattr(sms_of(app), "find", choosy)
    sweep(app, "settle-unknown")

    states = sorted(one.state for one in messages(app) if one.step == "going-home")
    assert states == ["sent"] * 4 + ["unknown"] * 2


def test_a_bug_in_a_look_up_spares_the_others(app: AppContext, monkeypatch):
    enrol_many(app, 3)
    sms_of(app).script(*[LOST] * 3)
    tick(app)
    find = sms_of(app).find

    def failing(sought):
        if sought.outgoing.to == person(2).mobile:
            raise ZeroDivisionError
        return find(sought)

    monkeypatch.setattr(sms_of(app), "find", failing)
    sweep(app, "settle-unknown")

    states = sorted(one.state for one in messages(app) if one.step == "going-home")
    assert states == ["sent", "sent", "unknown"]


def test_what_cannot_be_opened_spares_the_others(app: AppContext):
    enrol_many(app, 2)
    sms_of(app).script(LOST, LOST)
    tick(app)
    with app.store.write() as session:
        first = session.query(Patient).order_by(Patient.id).limit(1).one()
        first.master_key_id = "0" * 16

    sweep(app, "settle-unknown")

    states = sorted(one.state for one in messages(app) if one.step == "going-home")
    assert states == ["sent", "unknown"]


def test_words_that_were_deleted_can_not_be_looked_for(lost: AppContext):
    with lost.store.write() as session:
        session.execute(update(Attempt).values(body_sealed=None))

    sweep(lost, "settle-unknown")

    assert sms_of(lost).sought == []
    assert going_home(lost) == "unknown"


def test_two_reconcilers_at_once_ask_about_each_message_once(app: AppContext):
    enrol_many(app, 20)
    sms_of(app).script(*[LOST] * 20)
    tick(app)
    together = Barrier(2)

    def look(_):
        together.wait()
        return settle_unknown_outcomes(app)

    with ThreadPoolExecutor(2) as pool:
        looked = sum(pool.map(look, range(2)))

    assert looked == 20
    assert len(sms_of(app).sought) == 20
    assert going_home(app) == "sent"
    assert actions(app).count("message.sent") == 20


# ------------------------------------------------------------------------- overdue receipts


def deadline(sent: Message) -> datetime:
    assert sent.receipt_due_at is not None
    return sent.receipt_due_at


@pytest.fixture
def silent(app: AppContext) -> AppContext:
    """An app context in which one text was sent, and its receipt is overdue."""
    enrolment_id = enrol_one(app)
    tick(app)
    clock_of(app).advance_to(deadline(message(app, enrolment_id, "going-home")))
    return app


def test_a_receipt_is_not_chased_before_its_time(silent: AppContext):
    clock_of(silent).advance_service(-SECOND)

    assert sweep(silent, "chase-receipts") == 0


def test_a_lost_receipt_is_asked_for(silent: AppContext):
    (taken,) = sms_of(silent).taken
    sms_of(silent).reaches(taken, ReportedStatus.DELIVERED)

    assert sweep(silent, "chase-receipts") == 1

    assert going_home(silent) == "delivered"
    assert tasks(silent) == []


def test_a_failure_that_was_never_reported_is_learnt(silent: AppContext):
    (taken,) = sms_of(silent).taken
    sms_of(silent).reaches(taken, ReportedStatus.FAILED, code="30003")

    sweep(silent, "chase-receipts")

    assert going_home(silent) == "failed"
    balance_is_even(silent)


@pytest.mark.parametrize("forgotten", [False, True], ids=["still on its way", "unknown to it"])
def test_what_the_provider_can_say_nothing_new_of_goes_to_a_person_once(
    silent: AppContext, forgotten
):
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


def test_a_receipt_that_comes_after_all_closes_the_task(silent: AppContext):
    sweep(silent, "chase-receipts")
    (taken,) = sms_of(silent).taken

    take_receipt(
        silent, sms_of(silent).reaches(taken, ReportedStatus.DELIVERED), provider="scripted"
    )

    assert [(task.state, task.outcome) for task in tasks(silent)] == [
        ("closed", "arrived-after-all")
    ]


def test_a_provider_that_does_not_answer_is_asked_again_while_that_helps(app: AppContext):
    enrolment_id = enrol_one(app)
    red_flags = message(app, enrolment_id, "red-flags")
    clock_of(app).advance_to(red_flags.due_at)
    tick(app)
    clock_of(app).advance_to(deadline(message(app, enrolment_id, "red-flags")))
    sms_of(app).looks_away = True

    sweep(app, "chase-receipts")

    after = message(app, enrolment_id, "red-flags")
    assert after.receipt_due_at == app.clock.now() + 5 * MINUTE
    assert "no-receipt" not in {task.kind for task in tasks(app)}
    clock_of(app).advance_to(red_flags.not_after)
    sweep(app, "chase-receipts")
    assert "no-receipt" in {task.kind for task in tasks(app)}


def test_another_provider_is_never_asked_about_a_receipt(silent: AppContext):
    class Other(ScriptedChannel):
        provider = "other"

        def poll(self, provider_id):
            raise AssertionError(provider_id)

    moved = replace(silent, channels={SMS: Other(SMS), EMAIL: ScriptedChannel(EMAIL)})

    sweep(moved, "chase-receipts")

    assert going_home(silent) == "sent"


def test_a_receipt_that_comes_while_the_provider_is_asked_is_not_overwritten(
    silent: AppContext, monkeypatch
):
    (taken,) = sms_of(silent).taken
    stale = sms_of(silent).taken[taken].report

    def poll(provider_id):
        take_receipt(
            silent,
            sms_of(silent).reaches(provider_id, ReportedStatus.DELIVERED),
            provider="scripted",
        )
        return stale

    monkeypatch.setattr(sms_of(silent), "poll", poll)
    sweep(silent, "chase-receipts")

    assert going_home(silent) == "delivered"
    assert tasks(silent) == []
