"""What becomes of an attempt: each class of answer, the back-off, the other channel, a person."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import update

from followup.consent.objections import lodge_objection
from followup.context import AppContext
from followup.delivery.receipts import take_receipt
from followup.domain import actors
from followup.domain.errors import ChannelRefused, ChannelUnavailable
from followup.messages.outcomes import NOT_CALLED, CompletedCall, back_off, settle_attempt
from followup.providers.interface import Outgoing, ReportedStatus
from followup.sending.claim import claim_due
from followup.sending.send_batch import _start
from followup.sending.throttle import Chunk
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Objection, Patient
from tests.support.apps import (
    actions,
    balance_is_even,
    clock_of,
    email_of,
    enrol_one,
    message,
    messages,
    rows,
    run_until,
    sealer_of,
    sms_of,
    sweep,
    tasks,
    tick,
)
from tests.support.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS
from tests.support.scripted_channel import LOST, VANISHED, refuse, unavailable

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def text(app: AppContext, enrolment_id, step: str = "going-home") -> Message:
    return message(app, enrolment_id, step, channel="sms")


def email(app: AppContext, enrolment_id, step: str = "going-home") -> Message:
    return message(app, enrolment_id, step, channel="email")


# --------------------------------------------------------------------------------- answers


def test_what_is_accepted_waits_for_its_receipt(app: AppContext):
    enrolment_id = enrol_one(app)

    tick(app)

    sent = text(app, enrolment_id)
    (attempt,) = rows(app, Attempt)
    assert (sent.state, sent.sent_at) == ("sent", ENROLLED_AT)
    assert sent.receipt_due_at == ENROLLED_AT + timedelta(seconds=sent.receipt_wait)
    assert (sent.lease_token, sent.lease_until) == (None, None)
    assert (attempt.outcome, attempt.finished_at) == ("accepted", ENROLLED_AT)
    balance_is_even(app)


def test_a_channel_that_confirms_nothing_is_not_waited_for(app: AppContext):
    email_of(app).can_look = False
    enrolment_id = enrol_one(app, channels=(EMAIL,))

    tick(app)

    sent = email(app, enrolment_id)
    assert (sent.state, sent.receipt_due_at) == ("sent", None)
    balance_is_even(app)


def test_what_is_refused_for_the_set_up_fails_over_and_gives_up_no_address(app: AppContext):
    enrolment_id = enrol_one(app)
    sms_of(app).script(refuse("21606"))

    tick(app)

    (patient,) = rows(app, Patient)
    assert (text(app, enrolment_id).state, text(app, enrolment_id).reason) == ("failed", "21606")
    assert email(app, enrolment_id).state == "planned"
    assert patient.mobile_unusable is None
    assert rows(app, Attempt)[0].outcome == "refused"
    balance_is_even(app)


def test_an_address_at_fault_is_given_up(app: AppContext):
    enrolment_id = enrol_one(app)
    sms_of(app).script(refuse("30006", recipient=True))

    tick(app)

    (patient,) = rows(app, Patient)
    assert patient.mobile_unusable == "30006"
    assert "patient.address-unusable" in actions(app)
    # What is due later goes by e-mail without a try.
    run_until(app, PROCEDURE_AT + timedelta(days=1, minutes=1))
    assert text(app, enrolment_id, "dressing").reason == "address-unusable"
    assert email(app, enrolment_id, "dressing").state == "sent"
    assert len(sms_of(app).calls) == 1
    balance_is_even(app)


def test_a_patient_who_told_the_carrier_to_stop_has_objected(app: AppContext):
    enrolment_id = enrol_one(app)
    sms_of(app).script(refuse("21610", opted_out=True))

    tick(app)

    (objection,) = rows(app, Objection)
    assert (objection.channel, objection.source) == ("sms", "carrier")
    assert text(app, enrolment_id).state == "failed"
    assert email(app, enrolment_id).state == "planned"
    assert rows(app, Patient)[0].mobile_unusable is None


def test_what_the_provider_refuses_for_now_is_tried_again_later(app: AppContext):
    enrolment_id = enrol_one(app)
    sms_of(app).script(unavailable("20503"))

    tick(app)

    planned = text(app, enrolment_id)
    assert (planned.state, planned.reason, planned.attempt_count) == ("planned", "20503", 1)
    assert 2 * SECOND <= planned.claimable_at - ENROLLED_AT <= 4 * SECOND
    assert rows(app, Attempt)[0].outcome == "unavailable"
    assert tick(app) == 0

    clock_of(app).advance(4 * SECOND)
    tick(app)
    assert text(app, enrolment_id).state == "sent"
    assert sorted(attempt.number for attempt in rows(app, Attempt)) == [1, 2]
    balance_is_even(app)


def test_a_retry_that_would_come_too_late_expires_and_asks_a_person_where_the_step_says_so(
    app: AppContext,
):
    enrolment_id = enrol_one(app, channels=(SMS,))
    red_flags = message(app, enrolment_id, "red-flags")
    clock_of(app).advance_to(red_flags.not_after - timedelta(hours=2))
    sms_of(app).script(unavailable(retry_after=3 * HOUR))

    tick(app)

    after = message(app, enrolment_id, "red-flags")
    assert (after.state, after.reason) == ("expired", "too-late-to-try-again")
    assert "missed" in {task.kind for task in tasks(app) if task.message_id == red_flags.id}


@pytest.mark.parametrize("answer", [LOST, VANISHED], ids=["taken", "not taken"])
def test_what_nobody_knows_is_unknown_and_is_not_sent_again_by_itself(app: AppContext, answer):
    enrolment_id = enrol_one(app)
    sms_of(app).script(answer)

    tick(app)

    unknown = text(app, enrolment_id)
    assert unknown.state == "unknown"
    assert unknown.lease_until == app.clock.real_now()
    assert rows(app, Attempt)[0].outcome == "unknown"
    assert tick(app) == 0
    assert len(sms_of(app).calls) == 1
    balance_is_even(app)


def test_a_code_and_reason_of_any_length_are_kept_cut_to_size(app: AppContext):
    enrolment_id = enrol_one(app)
    tick_into(app, ChannelRefused("x" * 100, "y" * 1000))

    assert text(app, enrolment_id).reason == "x" * 40
    (attempt,) = rows(app, Attempt)
    assert (attempt.code, attempt.reason) == ("x" * 40, "y" * 300)


def tick_into(app: AppContext, error: Exception) -> None:
    def fail(_outgoing):
        raise error

    sms_of(app).during_call = fail
    tick(app)
    sms_of(app).during_call = None


def test_what_was_not_called_is_planned_for_now(app: AppContext):
    enrolment_id = enrol_one(app)
    sms_of(app).script(LOST)
    tick(app)
    (attempt,) = rows(app, Attempt)

    settle_attempt(app, [CompletedCall(attempt.message_id, attempt.id, NOT_CALLED)], actor="worker")

    assert text(app, enrolment_id).state == "planned"
    assert rows(app, Attempt)[0].outcome == "not-called"


# ----------------------------------------------------------------------------- who was first


def test_the_call_s_own_answer_changes_nothing_after_a_receipt(app: AppContext):
    enrolment_id = enrol_one(app)
    sms_of(app).script(LOST)
    tick(app)
    (taken,) = sms_of(app).taken.values()
    (attempt,) = rows(app, Attempt)
    take_receipt(
        app,
        sms_of(app).reaches(taken.id, ReportedStatus.DELIVERED),
        provider="scripted",
        message_id=attempt.message_id,
        attempt_id=attempt.id,
    )

    settle_attempt(
        app, [CompletedCall(attempt.message_id, attempt.id, taken.report)], actor="worker"
    )

    assert text(app, enrolment_id).state == "delivered"
    assert tasks(app) == []


@pytest.mark.parametrize(
    "late",
    [ChannelUnavailable("20429", "later"), ChannelRefused("21211", "no", recipient=True)],
    ids=["unavailable", "refused"],
)
def test_a_late_answer_settles_what_a_sweep_had_given_up(app: AppContext, late):
    enrolment_id = enrol_one(app, channels=(SMS,))
    attempt = _abandoned(app)

    settle_attempt(app, [CompletedCall(attempt.message_id, attempt.id, late)], actor="worker")

    assert text(app, enrolment_id).state == (
        "planned" if isinstance(late, ChannelUnavailable) else "failed"
    )
    balance_is_even(app)


def test_an_answer_to_an_attempt_that_was_believed_absent_is_told_as_a_duplicate(app: AppContext):
    enrolment_id = enrol_one(app)
    first = _abandoned(app)
    sms_of(app).taken.clear()
    clock_of(app).advance(timedelta(minutes=10))
    sweep(app, "settle-unknown")
    tick(app)
    assert text(app, enrolment_id).attempt_count == 2

    report = sms_of(app)._take(sms_of(app).calls[0]).report
    settle_attempt(app, [CompletedCall(first.message_id, first.id, report)], actor="worker")

    assert text(app, enrolment_id).state == "sent"
    assert [task.kind for task in tasks(app)] == ["duplicate"]
    assert "message.duplicate-suspected" in actions(app)
    balance_is_even(app)


def test_a_late_failure_of_an_earlier_attempt_changes_nothing(app: AppContext):
    enrolment_id = enrol_one(app)
    first = _abandoned(app)
    sms_of(app).taken.clear()
    clock_of(app).advance(timedelta(minutes=10))
    sweep(app, "settle-unknown")
    tick(app)

    late = ChannelRefused("21211", "no such number", recipient=True)
    settle_attempt(app, [CompletedCall(first.message_id, first.id, late)], actor="worker")

    assert text(app, enrolment_id).state == "sent"
    assert rows(app, Patient)[0].mobile_unusable is None


def _abandoned(app: AppContext) -> Attempt:
    """Let a worker die in the middle of its call; return the attempt, given up by the sweep."""
    sms_of(app).script(LOST)
    (batch,) = claim_due(app)
    app.transact(
        actors.WORKER,
        lambda unit: _start(unit, batch.token, Chunk(message_ids=batch.message_ids)),
    )
    sms_of(app).calls.append(_outgoing_of(app, rows(app, Attempt)[0]))
    clock_of(app).advance_real(app.policy.lease)
    assert sweep(app, "abandon-sending") == 1
    sms_of(app)._script.clear()
    (attempt,) = rows(app, Attempt)
    assert isinstance(attempt, Attempt)
    return attempt


def _outgoing_of(app: AppContext, attempt: Attempt):
    sealer = sealer_of(app, rows(app, Patient)[0])
    return Outgoing(
        message_id=attempt.message_id,
        attempt_id=attempt.id,
        to=sealer.open(attempt.address_sealed or b"", column="attempts.address", row=attempt.id),
        text=sealer.open(attempt.body_sealed or b"", column="attempts.body", row=attempt.id),
        valid_for=HOUR,
    )


# ------------------------------------------------------------------------ the other channel


def test_the_other_channel_is_tried_once_and_then_a_person(app: AppContext):
    enrolment_id = enrol_one(app)
    sms_of(app).script(refuse("21606"))
    email_of(app).script(refuse("550"))

    run_until(app, ENROLLED_AT + SECOND)

    assert text(app, enrolment_id).superseded
    assert email(app, enrolment_id).fallback_of == text(app, enrolment_id).id
    assert (text(app, enrolment_id).state, email(app, enrolment_id).state) == ("failed", "failed")
    (task,) = tasks(app)
    assert (task.kind, task.message_id) == ("failed", email(app, enrolment_id).id)
    assert task.detail == {
        "cause": "550",
        "step": "going-home",
        "occurrence": 1,
        "channel": "email",
    }
    balance_is_even(app)


def test_without_another_channel_a_person_is_asked(app: AppContext):
    enrol_one(app, channels=(SMS,))
    sms_of(app).script(refuse("21606"))

    tick(app)

    (task,) = tasks(app)
    assert (task.kind, task.detail["cause"], task.urgency) == ("failed", "21606", 2)
    balance_is_even(app)


def test_the_other_channel_keeps_to_window_and_sending_hours(app: AppContext):
    enrolment_id = enrol_one(app)
    tick(app)
    (taken,) = sms_of(app).taken.values()
    clock_of(app).advance(5 * HOUR)

    # It is 20:00 in Plymouth, and the window ends at half past two in the morning.
    take_receipt(
        app, sms_of(app).reaches(taken.id, ReportedStatus.FAILED, code="30003"), provider="scripted"
    )

    assert [one.channel for one in messages(app, enrolment_id) if one.step == "going-home"] == [
        "sms"
    ]
    assert [task.kind for task in tasks(app)] == ["failed"]


def test_the_other_channel_waits_for_the_morning_where_the_window_allows(app: AppContext):
    enrolment_id = enrol_one(app)
    flare = message(app, enrolment_id, "flare", channel="sms")
    run_until(app, flare.due_at)
    taken = list(sms_of(app).taken.values())[-1]
    clock_of(app).advance_to(flare.due_at + 11 * HOUR)

    take_receipt(
        app, sms_of(app).reaches(taken.id, ReportedStatus.FAILED, code="30003"), provider="scripted"
    )

    fallback = message(app, enrolment_id, "flare", occurrence=1, channel="email")
    assert fallback.due_at.isoformat() == "2026-10-22T07:00:00+00:00"
    assert fallback.not_after == flare.not_after


def test_an_objection_to_the_other_channel_too_asks_nobody(app: AppContext):
    enrolment_id = enrol_one(app)
    with app.store.write() as session:
        patient = session.query(Patient).one()
        lodge_objection(session, app.by("patient"), patient=patient, channel=EMAIL, source="link")
    sms_of(app).script(refuse("21606"))

    run_until(app, ENROLLED_AT + SECOND)

    assert {one.channel for one in messages(app, enrolment_id)} == {"sms"}
    assert [task.kind for task in tasks(app) if task.kind != "failed"] == []
    balance_is_even(app)


def test_an_address_of_the_other_channel_that_was_given_up_is_not_tried(app: AppContext):
    enrol_one(app)
    with app.store.write() as session:
        session.execute(update(Patient).values(email_unusable="550"))
    sms_of(app).script(refuse("21606"))

    tick(app)

    assert email_of(app).calls == []
    assert [task.kind for task in tasks(app)] == ["failed"]


# ----------------------------------------------------------------------------- the back-off


def test_the_back_off_doubles_and_is_bounded():
    spans = [back_off(attempts, jitter=1.0).total_seconds() for attempts in range(1, 14)]

    assert spans[:8] == [4, 8, 16, 32, 64, 128, 256, 512]
    assert set(spans[8:]) == {600}


def test_jitter_takes_up_to_half_of_the_back_off():
    assert back_off(3, jitter=0.0) == back_off(3, jitter=1.0) / 2


def test_a_provider_is_left_alone_for_as_long_as_it_asks():
    assert back_off(1, jitter=0.0, asked=HOUR) == HOUR
    assert back_off(20, jitter=1.0, asked=SECOND) == timedelta(minutes=10)


def test_a_provider_that_is_long_away_is_asked_ever_less_often_and_never_too_late(app: AppContext):
    enrolment_id = enrol_one(app, channels=(SMS,))
    sms_of(app).script(*[unavailable("20503")] * 1000)

    run_until(app, PROCEDURE_AT + 6 * HOUR)

    going_home = text(app, enrolment_id)
    assert going_home.state == "expired"
    times = sorted(attempt.started_at for attempt in rows(app, Attempt))
    assert 20 < len(times) < 60
    assert times[-1] < going_home.not_after
    assert max(b - a for a, b in itertools.pairwise(times)) <= timedelta(minutes=10)
    balance_is_even(app)
