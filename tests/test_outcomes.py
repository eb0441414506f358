"""What becomes of an attempt: each class of answer, the back-off, the other channel, a person."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import update

from followup.channels.interface import Outgoing, ReportedStatus
from followup.dispatch import claim_due
from followup.domain.errors import ChannelRefused, ChannelUnavailable
from followup.kit import Kit
from followup.objections import lodge
from followup.outcomes import NOT_CALLED, Called, back_off, settle
from followup.pacing import Portion
from followup.receipts import take
from followup.send import _start
from followup.store.models import Attempt, Message, Objection, Patient
from tests.kits import (
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
from tests.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS
from tests.scripted_channel import LOST, VANISHED, refuse, unavailable

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def text(kit: Kit, enrolment_id, step: str = "going-home") -> Message:
    return message(kit, enrolment_id, step, channel="sms")


def email(kit: Kit, enrolment_id, step: str = "going-home") -> Message:
    return message(kit, enrolment_id, step, channel="email")


# --------------------------------------------------------------------------------- answers


def test_what_is_accepted_waits_for_its_receipt(kit: Kit):
    enrolment_id = enrol_one(kit)

    tick(kit)

    sent = text(kit, enrolment_id)
    (attempt,) = rows(kit, Attempt)
    assert (sent.state, sent.sent_at) == ("sent", ENROLLED_AT)
    assert sent.receipt_due_at == ENROLLED_AT + timedelta(seconds=sent.receipt_wait)
    assert (sent.lease_token, sent.lease_until) == (None, None)
    assert (attempt.outcome, attempt.finished_at) == ("accepted", ENROLLED_AT)
    balance_is_even(kit)


def test_a_channel_that_confirms_nothing_is_not_waited_for(kit: Kit):
    email_of(kit).can_look = False
    enrolment_id = enrol_one(kit, channels=(EMAIL,))

    tick(kit)

    sent = email(kit, enrolment_id)
    assert (sent.state, sent.receipt_due_at) == ("sent", None)
    balance_is_even(kit)


def test_what_is_refused_for_the_set_up_fails_over_and_gives_up_no_address(kit: Kit):
    enrolment_id = enrol_one(kit)
    sms_of(kit).script(refuse("21606"))

    tick(kit)

    (patient,) = rows(kit, Patient)
    assert (text(kit, enrolment_id).state, text(kit, enrolment_id).reason) == ("failed", "21606")
    assert email(kit, enrolment_id).state == "planned"
    assert patient.mobile_unusable is None
    assert rows(kit, Attempt)[0].outcome == "refused"
    balance_is_even(kit)


def test_an_address_at_fault_is_given_up(kit: Kit):
    enrolment_id = enrol_one(kit)
    sms_of(kit).script(refuse("30006", recipient=True))

    tick(kit)

    (patient,) = rows(kit, Patient)
    assert patient.mobile_unusable == "30006"
    assert "patient.address-unusable" in actions(kit)
    # What is due later goes by e-mail without a try.
    run_until(kit, PROCEDURE_AT + timedelta(days=1, minutes=1))
    assert text(kit, enrolment_id, "dressing").reason == "address-unusable"
    assert email(kit, enrolment_id, "dressing").state == "sent"
    assert len(sms_of(kit).calls) == 1
    balance_is_even(kit)


def test_a_patient_who_told_the_carrier_to_stop_has_objected(kit: Kit):
    enrolment_id = enrol_one(kit)
    sms_of(kit).script(refuse("21610", opted_out=True))

    tick(kit)

    (objection,) = rows(kit, Objection)
    assert (objection.channel, objection.source) == ("sms", "carrier")
    assert text(kit, enrolment_id).state == "failed"
    assert email(kit, enrolment_id).state == "planned"
    assert rows(kit, Patient)[0].mobile_unusable is None


def test_what_the_provider_refuses_for_now_is_tried_again_later(kit: Kit):
    enrolment_id = enrol_one(kit)
    sms_of(kit).script(unavailable("20503"))

    tick(kit)

    planned = text(kit, enrolment_id)
    assert (planned.state, planned.reason, planned.attempt_count) == ("planned", "20503", 1)
    assert 2 * SECOND <= planned.claimable_at - ENROLLED_AT <= 4 * SECOND
    assert rows(kit, Attempt)[0].outcome == "unavailable"
    assert tick(kit) == 0

    clock_of(kit).advance(4 * SECOND)
    tick(kit)
    assert text(kit, enrolment_id).state == "sent"
    assert sorted(attempt.number for attempt in rows(kit, Attempt)) == [1, 2]
    balance_is_even(kit)


def test_a_retry_that_would_come_too_late_expires_and_asks_a_person_where_the_step_says_so(
    kit: Kit,
):
    enrolment_id = enrol_one(kit, channels=(SMS,))
    red_flags = message(kit, enrolment_id, "red-flags")
    clock_of(kit).advance_to(red_flags.not_after - timedelta(hours=2))
    sms_of(kit).script(unavailable(retry_after=3 * HOUR))

    tick(kit)

    after = message(kit, enrolment_id, "red-flags")
    assert (after.state, after.reason) == ("expired", "too-late-to-try-again")
    assert "missed" in {task.kind for task in tasks(kit) if task.message_id == red_flags.id}


@pytest.mark.parametrize("answer", [LOST, VANISHED], ids=["taken", "not taken"])
def test_what_nobody_knows_is_unknown_and_is_not_sent_again_by_itself(kit: Kit, answer):
    enrolment_id = enrol_one(kit)
    sms_of(kit).script(answer)

    tick(kit)

    unknown = text(kit, enrolment_id)
    assert unknown.state == "unknown"
    assert unknown.lease_until == kit.clock.real_now()
    assert rows(kit, Attempt)[0].outcome == "unknown"
    assert tick(kit) == 0
    assert len(sms_of(kit).calls) == 1
    balance_is_even(kit)


def test_a_code_and_reason_of_any_length_are_kept_cut_to_size(kit: Kit):
    enrolment_id = enrol_one(kit)
    tick_into(kit, ChannelRefused("x" * 100, "y" * 1000))

    assert text(kit, enrolment_id).reason == "x" * 40
    (attempt,) = rows(kit, Attempt)
    assert (attempt.code, attempt.reason) == ("x" * 40, "y" * 300)


def tick_into(kit: Kit, error: Exception) -> None:
    def fail(_outgoing):
        raise error

    sms_of(kit).during_call = fail
    tick(kit)
    sms_of(kit).during_call = None


def test_what_was_not_called_is_planned_for_now(kit: Kit):
    enrolment_id = enrol_one(kit)
    sms_of(kit).script(LOST)
    tick(kit)
    (attempt,) = rows(kit, Attempt)

    settle(kit, [Called(attempt.message_id, attempt.id, NOT_CALLED)], actor="worker")

    assert text(kit, enrolment_id).state == "planned"
    assert rows(kit, Attempt)[0].outcome == "not-called"


# ----------------------------------------------------------------------------- who was first


def test_the_call_s_own_answer_changes_nothing_after_a_receipt(kit: Kit):
    enrolment_id = enrol_one(kit)
    sms_of(kit).script(LOST)
    tick(kit)
    (taken,) = sms_of(kit).taken.values()
    (attempt,) = rows(kit, Attempt)
    take(
        kit,
        sms_of(kit).reaches(taken.id, ReportedStatus.DELIVERED),
        provider="scripted",
        message_id=attempt.message_id,
        attempt_id=attempt.id,
    )

    settle(kit, [Called(attempt.message_id, attempt.id, taken.report)], actor="worker")

    assert text(kit, enrolment_id).state == "delivered"
    assert tasks(kit) == []


@pytest.mark.parametrize(
    "late",
    [ChannelUnavailable("20429", "later"), ChannelRefused("21211", "no", recipient=True)],
    ids=["unavailable", "refused"],
)
def test_a_late_answer_settles_what_a_sweep_had_given_up(kit: Kit, late):
    enrolment_id = enrol_one(kit, channels=(SMS,))
    attempt = _abandoned(kit)

    settle(kit, [Called(attempt.message_id, attempt.id, late)], actor="worker")

    assert text(kit, enrolment_id).state == (
        "planned" if isinstance(late, ChannelUnavailable) else "failed"
    )
    balance_is_even(kit)


def test_an_answer_to_an_attempt_that_was_believed_absent_is_told_as_a_duplicate(kit: Kit):
    enrolment_id = enrol_one(kit)
    first = _abandoned(kit)
    sms_of(kit).taken.clear()
    clock_of(kit).advance(timedelta(minutes=10))
    sweep(kit, "settle-unknown")
    tick(kit)
    assert text(kit, enrolment_id).attempt_count == 2

    report = sms_of(kit)._take(sms_of(kit).calls[0]).report
    settle(kit, [Called(first.message_id, first.id, report)], actor="worker")

    assert text(kit, enrolment_id).state == "sent"
    assert [task.kind for task in tasks(kit)] == ["duplicate"]
    assert "message.duplicate-suspected" in actions(kit)
    balance_is_even(kit)


def test_a_late_failure_of_an_earlier_attempt_changes_nothing(kit: Kit):
    enrolment_id = enrol_one(kit)
    first = _abandoned(kit)
    sms_of(kit).taken.clear()
    clock_of(kit).advance(timedelta(minutes=10))
    sweep(kit, "settle-unknown")
    tick(kit)

    late = ChannelRefused("21211", "no such number", recipient=True)
    settle(kit, [Called(first.message_id, first.id, late)], actor="worker")

    assert text(kit, enrolment_id).state == "sent"
    assert rows(kit, Patient)[0].mobile_unusable is None


def _abandoned(kit: Kit) -> Attempt:
    """Let a worker die in the middle of its call; return the attempt, given up by the sweep."""
    sms_of(kit).script(LOST)
    (batch,) = claim_due(kit)
    kit.store.transact(
        lambda session: _start(session, kit, batch.token, Portion(message_ids=batch.message_ids))
    )
    sms_of(kit).calls.append(_outgoing_of(kit, rows(kit, Attempt)[0]))
    clock_of(kit).advance_real(kit.policy.lease)
    assert sweep(kit, "abandon-sending") == 1
    sms_of(kit)._script.clear()
    (attempt,) = rows(kit, Attempt)
    assert isinstance(attempt, Attempt)
    return attempt


def _outgoing_of(kit: Kit, attempt: Attempt):
    sealer = sealer_of(kit, rows(kit, Patient)[0])
    return Outgoing(
        message_id=attempt.message_id,
        attempt_id=attempt.id,
        to=sealer.open(attempt.address_sealed or b"", column="attempts.address", row=attempt.id),
        text=sealer.open(attempt.body_sealed or b"", column="attempts.body", row=attempt.id),
        valid_for=HOUR,
    )


# ------------------------------------------------------------------------ the other channel


def test_the_other_channel_is_tried_once_and_then_a_person(kit: Kit):
    enrolment_id = enrol_one(kit)
    sms_of(kit).script(refuse("21606"))
    email_of(kit).script(refuse("550"))

    run_until(kit, ENROLLED_AT + SECOND)

    assert text(kit, enrolment_id).superseded
    assert email(kit, enrolment_id).fallback_of == text(kit, enrolment_id).id
    assert (text(kit, enrolment_id).state, email(kit, enrolment_id).state) == ("failed", "failed")
    (task,) = tasks(kit)
    assert (task.kind, task.message_id) == ("failed", email(kit, enrolment_id).id)
    assert task.detail == {
        "cause": "550",
        "step": "going-home",
        "occurrence": 1,
        "channel": "email",
    }
    balance_is_even(kit)


def test_without_another_channel_a_person_is_asked(kit: Kit):
    enrol_one(kit, channels=(SMS,))
    sms_of(kit).script(refuse("21606"))

    tick(kit)

    (task,) = tasks(kit)
    assert (task.kind, task.detail["cause"], task.urgency) == ("failed", "21606", 2)
    balance_is_even(kit)


def test_the_other_channel_keeps_to_window_and_sending_hours(kit: Kit):
    enrolment_id = enrol_one(kit)
    tick(kit)
    (taken,) = sms_of(kit).taken.values()
    clock_of(kit).advance(5 * HOUR)

    # It is 20:00 in Plymouth, and the window ends at half past two in the morning.
    take(
        kit, sms_of(kit).reaches(taken.id, ReportedStatus.FAILED, code="30003"), provider="scripted"
    )

    assert [one.channel for one in messages(kit, enrolment_id) if one.step == "going-home"] == [
        "sms"
    ]
    assert [task.kind for task in tasks(kit)] == ["failed"]


def test_the_other_channel_waits_for_the_morning_where_the_window_allows(kit: Kit):
    enrolment_id = enrol_one(kit)
    flare = message(kit, enrolment_id, "flare", channel="sms")
    run_until(kit, flare.due_at)
    taken = list(sms_of(kit).taken.values())[-1]
    clock_of(kit).advance_to(flare.due_at + 11 * HOUR)

    take(
        kit, sms_of(kit).reaches(taken.id, ReportedStatus.FAILED, code="30003"), provider="scripted"
    )

    fallback = message(kit, enrolment_id, "flare", occurrence=1, channel="email")
    assert fallback.due_at.isoformat() == "2026-10-22T07:00:00+00:00"
    assert fallback.not_after == flare.not_after


def test_an_objection_to_the_other_channel_too_asks_nobody(kit: Kit):
    enrolment_id = enrol_one(kit)
    with kit.store.write() as session:
        patient = session.query(Patient).one()
        lodge(session, kit, kit.deed("patient"), patient=patient, channel=EMAIL, source="link")
    sms_of(kit).script(refuse("21606"))

    run_until(kit, ENROLLED_AT + SECOND)

    assert email(kit, enrolment_id).state == "suppressed"
    balance_is_even(kit)


def test_an_address_of_the_other_channel_that_was_given_up_is_not_tried(kit: Kit):
    enrol_one(kit)
    with kit.store.write() as session:
        session.execute(update(Patient).values(email_unusable="550"))
    sms_of(kit).script(refuse("21606"))

    tick(kit)

    assert email_of(kit).calls == []
    assert [task.kind for task in tasks(kit)] == ["failed"]


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


def test_a_provider_that_is_long_away_is_asked_ever_less_often_and_never_too_late(kit: Kit):
    enrolment_id = enrol_one(kit, channels=(SMS,))
    sms_of(kit).script(*[unavailable("20503")] * 1000)

    run_until(kit, PROCEDURE_AT + 6 * HOUR)

    going_home = text(kit, enrolment_id)
    assert going_home.state == "expired"
    times = sorted(attempt.started_at for attempt in rows(kit, Attempt))
    assert 20 < len(times) < 60
    assert times[-1] < going_home.not_after
    assert max(b - a for a, b in itertools.pairwise(times)) <= timedelta(minutes=10)
    balance_is_even(kit)
