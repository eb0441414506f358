"""Receipts: early, late, twice, out of order, and of messages that nobody knows."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest

from followup.consent.objections import lodge_objection
from followup.context import AppContext
from followup.delivery.receipts import TakenReceipt, apply_parked_receipts, take_receipt
from followup.enrolment.pause import pause_enrolment
from followup.enrolment.withdraw import withdraw_enrolment
from followup.providers.interface import ProviderReport, ReportedStatus
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Attempt, Receipt
from followup.store.models.patients import Objection, Patient
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
from tests.support.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS
from tests.support.scripted_channel import LOST, refuse

ACCEPTED, SENT = ReportedStatus.ACCEPTED, ReportedStatus.SENT
DELIVERED, FAILED = ReportedStatus.DELIVERED, ReportedStatus.FAILED


def receipt(
    app: AppContext, status: ReportedStatus, *, with_ids: bool = True, **more
) -> TakenReceipt:
    """Take a receipt for the first attempt that was made."""
    attempt = min(rows(app, Attempt), key=lambda one: one.number)
    id_ = attempt.provider_id or next(iter(sms_of(app).taken))
    ids = {"message_id": attempt.message_id, "attempt_id": attempt.id} if with_ids else {}
    return take_receipt(
        app, ProviderReport(provider_id=id_, status=status, **more), provider="scripted", **ids
    )


def going_home(app: AppContext, channel: str = "sms") -> str:
    (found,) = [
        one.state for one in messages(app) if (one.step, one.channel) == ("going-home", channel)
    ]
    return found


@pytest.fixture
def sent(app: AppContext) -> AppContext:
    """An app context in which one text was sent."""
    enrol_one(app)
    tick(app)
    return app


@pytest.fixture
def lost(app: AppContext) -> AppContext:
    """An app context in which one text was taken, and the answer lost."""
    enrol_one(app)
    sms_of(app).script(LOST)
    tick(app)
    return app


# ---------------------------------------------------------------------------- as they come


@pytest.mark.parametrize("with_ids", [True, False], ids=["by our ids", "by the provider's"])
def test_a_delivery_is_final(sent: AppContext, with_ids):
    clock_of(sent).advance(timedelta(seconds=5))

    assert receipt(sent, DELIVERED, with_ids=with_ids) is TakenReceipt.APPLIED

    (found,) = [one for one in messages(sent) if one.step == "going-home"]
    assert (found.state, found.delivered_at) == ("delivered", ENROLLED_AT + timedelta(seconds=5))
    assert found.receipt_due_at is None
    assert rows(sent, Receipt)[0].attempt_id == rows(sent, Attempt)[0].id
    balance_is_even(sent)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(order, id=" ".join(order))
        for order in itertools.permutations((ACCEPTED, SENT, DELIVERED))
    ],
)
def test_receipts_out_of_order_come_to_the_same(sqlite_app: AppContext, order):
    enrol_one(sqlite_app)
    tick(sqlite_app)

    for status in order:
        receipt(sqlite_app, status)

    assert going_home(sqlite_app) == "delivered"
    assert tasks(sqlite_app) == []


def test_a_receipt_that_comes_twice_counts_once(sent: AppContext):
    receipt(sent, DELIVERED)
    before = len(rows(sent, AuditEvent))

    assert receipt(sent, DELIVERED) is TakenReceipt.REPEATED

    assert len(rows(sent, AuditEvent)) == before
    assert len(rows(sent, Receipt)) == 1


def test_one_that_comes_many_times_at_once_counts_once(sent: AppContext):
    together = Barrier(4)

    def come(_):
        together.wait()
        return receipt(sent, DELIVERED)

    with ThreadPoolExecutor(4) as pool:
        results = sorted(pool.map(come, range(4)))

    assert results == ["applied", "repeated", "repeated", "repeated"]
    assert actions(sent).count("message.delivered") == 1


def test_a_receipt_before_the_call_s_own_answer_counts(app: AppContext):
    enrol_one(app)
    channel = sms_of(app)
    channel.during_call = lambda outgoing: take_receipt(
        app,
        ProviderReport(provider_id=f"SCsms000001-{outgoing.attempt_id.hex[:8]}", status=DELIVERED),
        provider="scripted",
        message_id=outgoing.message_id,
        attempt_id=outgoing.attempt_id,
    )

    tick(app)

    assert going_home(app) == "delivered"
    assert tasks(app) == []
    (attempt,) = rows(app, Attempt)
    assert attempt.provider_id in channel.taken
    balance_is_even(app)


@pytest.mark.parametrize(
    ("status", "state"), [(SENT, "sent"), (DELIVERED, "delivered"), (FAILED, "failed")]
)
def test_a_receipt_settles_what_nobody_knew(lost: AppContext, status, state):
    receipt(lost, status)

    assert going_home(lost) == state
    (attempt,) = [one for one in rows(lost, Attempt) if one.number == 1]
    assert (attempt.outcome, attempt.provider_id is not None) == ("accepted", True)
    balance_is_even(lost)


# ------------------------------------------------------------------------------- failures


def test_a_failure_opens_the_other_channel(sent: AppContext):
    receipt(sent, FAILED, code="30003")

    assert going_home(sent) == "failed"
    assert going_home(sent, "email") == "planned"
    assert rows(sent, Patient)[0].mobile_unusable is None


def test_a_landline_is_given_up(sent: AppContext):
    receipt(sent, FAILED, code="30006", recipient=True)

    assert rows(sent, Patient)[0].mobile_unusable == "30006"


def test_an_opt_out_at_the_carrier_is_an_objection(sent: AppContext):
    receipt(sent, FAILED, code="21610", opted_out=True)

    (objection,) = rows(sent, Objection)
    assert objection.channel == "sms"


@pytest.mark.parametrize("opted_out", [False, True], ids=["landline", "opted out"])
def test_a_late_failure_of_a_number_that_was_corrected_leaves_the_new_one_alone(
    sent: AppContext, opted_out
):
    enrol_one(
        sent, reference="2", procedure_at=PROCEDURE_AT + timedelta(days=1), mobile="+447700900555"
    )

    receipt(sent, FAILED, code="30006", recipient=not opted_out, opted_out=opted_out)

    assert rows(sent, Patient)[0].mobile_unusable is None
    objections = rows(sent, Objection)
    assert [one.patient_id for one in objections] == ([None] if opted_out else [])
    enrol_one(sent, 2)
    assert tick(sent) > 0
    assert {call.to for call in sms_of(sent).calls} >= {"+447700900002"}


def test_a_failure_after_a_delivery_changes_nothing(sent: AppContext):
    receipt(sent, DELIVERED)
    receipt(sent, FAILED, code="30003")

    assert going_home(sent) == "delivered"
    assert email_of(sent).calls == []


def test_a_delivery_after_a_failure_takes_the_unsent_fallback_back(sent: AppContext):
    receipt(sent, FAILED, code="30003")
    receipt(sent, DELIVERED)

    assert going_home(sent) == "delivered"
    assert going_home(sent, "email") == "cancelled"
    tick(sent)
    assert email_of(sent).calls == []
    (text,) = [one for one in messages(sent) if (one.step, one.channel) == ("going-home", "sms")]
    assert not text.superseded
    balance_is_even(sent)


def test_a_delivery_after_a_failure_leaves_a_fallback_that_went(sent: AppContext):
    receipt(sent, FAILED, code="30003")
    tick(sent)

    receipt(sent, DELIVERED)

    assert (going_home(sent), going_home(sent, "email")) == ("delivered", "sent")
    balance_is_even(sent)


def test_a_delivery_after_a_failure_closes_the_task_that_nobody_took_up(app: AppContext):
    enrol_one(app, channels=(SMS,))
    tick(app)
    receipt(app, FAILED, code="30003")
    assert [task.state for task in tasks(app)] == ["open"]

    receipt(app, DELIVERED)

    (task,) = tasks(app)
    assert (task.state, task.outcome, task.closed_by) == ("closed", "arrived-after-all", "provider")
    balance_is_even(app)


# ------------------------------------------------------- believed absent, and there after all


def believe_absent(app: AppContext) -> None:
    """Let the provider hide what it took for so long that it is believed absent."""
    sms_of(app).lists = False
    clock_of(app).advance(timedelta(minutes=10))
    sweep(app, "settle-unknown")
    assert [one.outcome for one in rows(app, Attempt)] == ["absent"]


@pytest.mark.parametrize(("status", "state"), [(SENT, "sent"), (DELIVERED, "delivered")])
def test_a_receipt_keeps_it_from_being_sent_again(lost: AppContext, status, state):
    believe_absent(lost)
    assert going_home(lost) == "planned"

    receipt(lost, status)

    assert going_home(lost) == state
    assert tick(lost) == 0
    balance_is_even(lost)


@pytest.mark.parametrize("change", ["hold", "cancel", "expire", "suppress"])
def test_what_was_believed_absent_and_then_given_up_is_shown_as_what_it_is(
    lost: AppContext, change
):
    believe_absent(lost)
    (enrolment_id,) = {one.enrolment_id for one in messages(lost) if one.enrolment_id}
    if change == "hold":
        pause_enrolment(lost, enrolment_id, actor="cli:test")
    elif change == "cancel":
        withdraw_enrolment(lost, enrolment_id, reason="asked to", actor="cli:test")
    elif change == "expire":
        clock_of(lost).advance(timedelta(hours=12))
        sweep(lost, "expire")
    else:
        with lost.store.write() as session:
            patient = session.query(Patient).one()
            lodge_objection(session, lost.by("patient"), patient=patient, channel=SMS, source="sms")
        tick(lost)
    assert going_home(lost) in {"held", "cancelled", "expired", "suppressed"}

    receipt(lost, DELIVERED)

    assert going_home(lost) == "delivered"
    balance_is_even(lost)


def test_a_failure_of_what_was_believed_absent_changes_nothing(lost: AppContext):
    believe_absent(lost)

    receipt(lost, FAILED, code="30003")

    assert going_home(lost) == "planned"
    assert tick(lost) == 1


def test_a_receipt_for_the_first_attempt_after_the_second_was_taken_is_told_of(lost: AppContext):
    believe_absent(lost)
    tick(lost)

    receipt(lost, DELIVERED)

    assert going_home(lost) == "delivered"
    assert [task.kind for task in tasks(lost)] == ["duplicate"]
    assert len(rows(lost, Attempt)) == 2
    balance_is_even(lost)


def test_a_failure_of_one_of_two_attempts_that_were_taken_leaves_the_other(lost: AppContext):
    believe_absent(lost)
    tick(lost)
    receipt(lost, SENT)

    receipt(lost, FAILED, code="30003")

    assert going_home(lost) == "sent"


def test_a_receipt_for_the_first_attempt_while_the_second_is_being_made_is_told_of(
    lost: AppContext,
):
    believe_absent(lost)
    sms_of(lost).during_call = lambda _: receipt(lost, DELIVERED)

    tick(lost)

    assert going_home(lost) == "delivered"
    assert [task.kind for task in tasks(lost)] == ["duplicate"]
    balance_is_even(lost)


def test_a_delivery_of_the_first_attempt_after_its_own_earlier_receipt_is_plain(lost: AppContext):
    believe_absent(lost)
    sms_of(lost).script(refuse("21606"))
    receipt(lost, SENT)

    receipt(lost, DELIVERED)

    assert going_home(lost) == "delivered"
    assert tasks(lost) == []


# ------------------------------------------------------------------ ids of others, or unknown


def test_a_second_provider_message_for_one_attempt_is_told_of(sent: AppContext):
    (attempt,) = rows(sent, Attempt)

    outcome = take_receipt(
        sent,
        ProviderReport(provider_id="FOREIGN", status=DELIVERED),
        provider="scripted",
        message_id=attempt.message_id,
        attempt_id=attempt.id,
    )

    assert outcome is TakenReceipt.APPLIED
    assert going_home(sent) == "sent"
    (task,) = tasks(sent)
    assert (task.kind, task.detail["cause"]) == ("duplicate", "sent-twice")
    assert rows(sent, Attempt)[0].provider_id == attempt.provider_id


def test_an_id_that_belongs_to_another_attempt_stays_there(app: AppContext):
    enrol_many(app, 2)
    tick(app)
    one, other = sorted(rows(app, Attempt), key=lambda attempt: attempt.provider_id)

    take_receipt(
        app,
        ProviderReport(provider_id=one.provider_id, status=DELIVERED),
        provider="scripted",
        message_id=other.message_id,
        attempt_id=other.id,
    )

    by_id = {found.id: found.state for found in messages(app)}
    assert (by_id[one.message_id], by_id[other.message_id]) == ("delivered", "sent")
    assert tasks(app) == []


@pytest.mark.parametrize(
    "ids",
    [{}, {"message_id": uuid4(), "attempt_id": uuid4()}, {"message_id": uuid4()}],
    ids=["no ids", "ids of nobody", "half an address"],
)
def test_a_receipt_that_belongs_to_nothing_is_kept(app: AppContext, ids):
    report = ProviderReport(provider_id="NOBODY", status=DELIVERED)

    assert take_receipt(app, report, provider="scripted", **ids) is TakenReceipt.PARKED
    assert sweep(app, "apply-parked") == 0
    assert take_receipt(app, report, provider="scripted", **ids) is TakenReceipt.REPEATED
    assert len(rows(app, Receipt)) == 1


def test_a_receipt_of_another_provider_is_never_taken_for_ours(sent: AppContext):
    (attempt,) = rows(sent, Attempt)

    outcome = take_receipt(
        sent,
        ProviderReport(provider_id=attempt.provider_id, status=DELIVERED),
        provider="elsewhere",
        message_id=attempt.message_id,
        attempt_id=attempt.id,
    )

    assert outcome is TakenReceipt.PARKED
    assert going_home(sent) == "sent"


def test_a_parked_receipt_is_applied_when_its_attempt_is_known(app: AppContext):
    enrol_one(app)
    channel = sms_of(app)
    channel.during_call = lambda outgoing: take_receipt(
        app,
        ProviderReport(provider_id=f"SCsms000001-{outgoing.attempt_id.hex[:8]}", status=DELIVERED),
        provider="scripted",
    )
    tick(app)
    assert going_home(app) == "sent"

    assert sweep(app, "apply-parked") == 1

    assert going_home(app) == "delivered"
    assert rows(app, Receipt)[0].attempt_id == rows(app, Attempt)[0].id
    assert sweep(app, "apply-parked") == 0


def test_parked_receipts_are_applied_once_by_two_sweeps_at_once(app: AppContext, monkeypatch):
    enrol_many(app, 8)
    sms_of(app).during_call = lambda outgoing: take_receipt(
        app,
        ProviderReport(provider_id=f"EARLY{outgoing.attempt_id.hex}", status=DELIVERED),
        provider="scripted",
    )
    monkeypatch.setattr(sms_of(app), "_take", _with_early_id(sms_of(app)._take))
    tick(app)
    together = Barrier(2)

    def apply(_):
        together.wait()
        return apply_parked_receipts(app)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(apply, range(2)))

    assert actions(app).count("message.delivered") == 8


def _with_early_id(take_in):
    def taking(outgoing):
        taken = take_in(outgoing)
        return replace(
            taken, report=replace(taken.report, provider_id=f"EARLY{outgoing.attempt_id.hex}")
        )

    return taking


def test_nothing_that_a_receipt_says_is_too_long_to_keep(sent: AppContext):
    (attempt,) = rows(sent, Attempt)

    receipt(sent, FAILED, code="c" * 100, reason="r\0" * 500)
    take_receipt(sent, ProviderReport(provider_id="p" * 400, status=SENT), provider="scripted")

    kept = {one.provider_id[:1]: one for one in rows(sent, Receipt)}
    assert (kept["S"].code, kept["S"].reason) == ("c" * 40, "r" * 300)
    assert kept["p"].provider_id == "p" * 320
    assert attempt.id == kept["S"].attempt_id


def test_a_receipt_by_email_is_taken_alike(app: AppContext):
    enrolment_id = enrol_one(app, channels=(EMAIL,))
    tick(app)
    (taken,) = email_of(app).taken.values()

    take_receipt(
        app,
        email_of(app).reaches(taken.id, FAILED, code="5.1.1", recipient=True),
        provider="scripted",
    )

    assert message(app, enrolment_id, "going-home").state == "failed"
    assert rows(app, Patient)[0].email_unusable == "5.1.1"
