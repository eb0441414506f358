"""Receipts: early, late, twice, out of order, and of messages that nobody knows."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest

from followup.changes import pause, withdraw
from followup.channels.interface import Report, ReportedStatus
from followup.kit import Kit
from followup.objections import lodge
from followup.receipts import Taken, apply_parked, take
from followup.store.models import Attempt, AuditEvent, Objection, Patient, Receipt
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
from tests.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS
from tests.scripted_channel import LOST, refuse

ACCEPTED, SENT = ReportedStatus.ACCEPTED, ReportedStatus.SENT
DELIVERED, FAILED = ReportedStatus.DELIVERED, ReportedStatus.FAILED


def receipt(kit: Kit, status: ReportedStatus, *, with_ids: bool = True, **more) -> Taken:
    """Take a receipt for the first attempt that was made."""
    attempt = min(rows(kit, Attempt), key=lambda one: one.number)
    id_ = attempt.provider_id or next(iter(sms_of(kit).taken))
    ids = {"message_id": attempt.message_id, "attempt_id": attempt.id} if with_ids else {}
    return take(kit, Report(provider_id=id_, status=status, **more), provider="scripted", **ids)


def going_home(kit: Kit, channel: str = "sms") -> str:
    (found,) = [
        one.state for one in messages(kit) if (one.step, one.channel) == ("going-home", channel)
    ]
    return found


@pytest.fixture
def sent(kit: Kit) -> Kit:
    """A kit in which one text was sent."""
    enrol_one(kit)
    tick(kit)
    return kit


@pytest.fixture
def lost(kit: Kit) -> Kit:
    """A kit in which one text was taken, and the answer lost."""
    enrol_one(kit)
    sms_of(kit).script(LOST)
    tick(kit)
    return kit


# ---------------------------------------------------------------------------- as they come


@pytest.mark.parametrize("with_ids", [True, False], ids=["by our ids", "by the provider's"])
def test_a_delivery_is_final(sent: Kit, with_ids):
    clock_of(sent).advance(timedelta(seconds=5))

    assert receipt(sent, DELIVERED, with_ids=with_ids) is Taken.APPLIED

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
def test_receipts_out_of_order_come_to_the_same(sqlite_kit: Kit, order):
    enrol_one(sqlite_kit)
    tick(sqlite_kit)

    for status in order:
        receipt(sqlite_kit, status)

    assert going_home(sqlite_kit) == "delivered"
    assert tasks(sqlite_kit) == []


def test_a_receipt_that_comes_twice_counts_once(sent: Kit):
    receipt(sent, DELIVERED)
    before = len(rows(sent, AuditEvent))

    assert receipt(sent, DELIVERED) is Taken.REPEATED

    assert len(rows(sent, AuditEvent)) == before
    assert len(rows(sent, Receipt)) == 1


def test_one_that_comes_many_times_at_once_counts_once(sent: Kit):
    together = Barrier(4)

    def come(_):
        together.wait()
        return receipt(sent, DELIVERED)

    with ThreadPoolExecutor(4) as pool:
        results = sorted(pool.map(come, range(4)))

    assert results == ["applied", "repeated", "repeated", "repeated"]
    assert actions(sent).count("message.delivered") == 1


def test_a_receipt_before_the_call_s_own_answer_counts(kit: Kit):
    enrol_one(kit)
    channel = sms_of(kit)
    channel.during_call = lambda outgoing: take(
        kit,
        Report(provider_id=f"SCsms000001-{outgoing.attempt_id.hex[:8]}", status=DELIVERED),
        provider="scripted",
        message_id=outgoing.message_id,
        attempt_id=outgoing.attempt_id,
    )

    tick(kit)

    assert going_home(kit) == "delivered"
    assert tasks(kit) == []
    (attempt,) = rows(kit, Attempt)
    assert attempt.provider_id in channel.taken
    balance_is_even(kit)


@pytest.mark.parametrize(
    ("status", "state"), [(SENT, "sent"), (DELIVERED, "delivered"), (FAILED, "failed")]
)
def test_a_receipt_settles_what_nobody_knew(lost: Kit, status, state):
    receipt(lost, status)

    assert going_home(lost) == state
    (attempt,) = [one for one in rows(lost, Attempt) if one.number == 1]
    assert (attempt.outcome, attempt.provider_id is not None) == ("accepted", True)
    balance_is_even(lost)


# ------------------------------------------------------------------------------- failures


def test_a_failure_opens_the_other_channel(sent: Kit):
    receipt(sent, FAILED, code="30003")

    assert going_home(sent) == "failed"
    assert going_home(sent, "email") == "planned"
    assert rows(sent, Patient)[0].mobile_unusable is None


def test_a_landline_is_given_up(sent: Kit):
    receipt(sent, FAILED, code="30006", recipient=True)

    assert rows(sent, Patient)[0].mobile_unusable == "30006"


def test_an_opt_out_at_the_carrier_is_an_objection(sent: Kit):
    receipt(sent, FAILED, code="21610", opted_out=True)

    (objection,) = rows(sent, Objection)
    assert objection.channel == "sms"


@pytest.mark.parametrize("opted_out", [False, True], ids=["landline", "opted out"])
def test_a_late_failure_of_a_number_that_was_corrected_leaves_the_new_one_alone(
    sent: Kit, opted_out
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


def test_a_failure_after_a_delivery_changes_nothing(sent: Kit):
    receipt(sent, DELIVERED)
    receipt(sent, FAILED, code="30003")

    assert going_home(sent) == "delivered"
    assert email_of(sent).calls == []


def test_a_delivery_after_a_failure_takes_the_unsent_fallback_back(sent: Kit):
    receipt(sent, FAILED, code="30003")
    receipt(sent, DELIVERED)

    assert going_home(sent) == "delivered"
    assert going_home(sent, "email") == "cancelled"
    tick(sent)
    assert email_of(sent).calls == []
    (text,) = [one for one in messages(sent) if (one.step, one.channel) == ("going-home", "sms")]
    assert not text.superseded
    balance_is_even(sent)


def test_a_delivery_after_a_failure_leaves_a_fallback_that_went(sent: Kit):
    receipt(sent, FAILED, code="30003")
    tick(sent)

    receipt(sent, DELIVERED)

    assert (going_home(sent), going_home(sent, "email")) == ("delivered", "sent")
    balance_is_even(sent)


def test_a_delivery_after_a_failure_closes_the_task_that_nobody_took_up(kit: Kit):
    enrol_one(kit, channels=(SMS,))
    tick(kit)
    receipt(kit, FAILED, code="30003")
    assert [task.state for task in tasks(kit)] == ["open"]

    receipt(kit, DELIVERED)

    (task,) = tasks(kit)
    assert (task.state, task.outcome, task.closed_by) == ("closed", "arrived-after-all", "provider")
    balance_is_even(kit)


# ------------------------------------------------------- believed absent, and there after all


def believe_absent(kit: Kit) -> None:
    """Let the provider hide what it took for so long that it is believed absent."""
    sms_of(kit).lists = False
    clock_of(kit).advance(timedelta(minutes=10))
    sweep(kit, "settle-unknown")
    assert [one.outcome for one in rows(kit, Attempt)] == ["absent"]


@pytest.mark.parametrize(("status", "state"), [(SENT, "sent"), (DELIVERED, "delivered")])
def test_a_receipt_keeps_it_from_being_sent_again(lost: Kit, status, state):
    believe_absent(lost)
    assert going_home(lost) == "planned"

    receipt(lost, status)

    assert going_home(lost) == state
    assert tick(lost) == 0
    balance_is_even(lost)


@pytest.mark.parametrize("change", ["hold", "cancel", "expire", "suppress"])
def test_what_was_believed_absent_and_then_given_up_is_shown_as_what_it_is(lost: Kit, change):
    believe_absent(lost)
    (enrolment_id,) = {one.enrolment_id for one in messages(lost) if one.enrolment_id}
    if change == "hold":
        pause(lost, enrolment_id, actor="cli:test")
    elif change == "cancel":
        withdraw(lost, enrolment_id, reason="asked to", actor="cli:test")
    elif change == "expire":
        clock_of(lost).advance(timedelta(hours=12))
        sweep(lost, "expire")
    else:
        with lost.store.write() as session:
            patient = session.query(Patient).one()
            lodge(session, lost, lost.deed("patient"), patient=patient, channel=SMS, source="sms")
        tick(lost)
    assert going_home(lost) in {"held", "cancelled", "expired", "suppressed"}

    receipt(lost, DELIVERED)

    assert going_home(lost) == "delivered"
    balance_is_even(lost)


def test_a_failure_of_what_was_believed_absent_changes_nothing(lost: Kit):
    believe_absent(lost)

    receipt(lost, FAILED, code="30003")

    assert going_home(lost) == "planned"
    assert tick(lost) == 1


def test_a_receipt_for_the_first_attempt_after_the_second_was_taken_is_told_of(lost: Kit):
    believe_absent(lost)
    tick(lost)

    receipt(lost, DELIVERED)

    assert going_home(lost) == "delivered"
    assert [task.kind for task in tasks(lost)] == ["duplicate"]
    assert len(rows(lost, Attempt)) == 2
    balance_is_even(lost)


def test_a_failure_of_one_of_two_attempts_that_were_taken_leaves_the_other(lost: Kit):
    believe_absent(lost)
    tick(lost)
    receipt(lost, SENT)

    receipt(lost, FAILED, code="30003")

    assert going_home(lost) == "sent"


def test_a_receipt_for_the_first_attempt_while_the_second_is_being_made_is_told_of(lost: Kit):
    believe_absent(lost)
    sms_of(lost).during_call = lambda _: receipt(lost, DELIVERED)

    tick(lost)

    assert going_home(lost) == "delivered"
    assert [task.kind for task in tasks(lost)] == ["duplicate"]
    balance_is_even(lost)


def test_a_delivery_of_the_first_attempt_after_its_own_earlier_receipt_is_plain(lost: Kit):
    believe_absent(lost)
    sms_of(lost).script(refuse("21606"))
    receipt(lost, SENT)

    receipt(lost, DELIVERED)

    assert going_home(lost) == "delivered"
    assert tasks(lost) == []


# ------------------------------------------------------------------ ids of others, or unknown


def test_a_second_provider_message_for_one_attempt_is_told_of(sent: Kit):
    (attempt,) = rows(sent, Attempt)

    outcome = take(
        sent,
        Report(provider_id="FOREIGN", status=DELIVERED),
        provider="scripted",
        message_id=attempt.message_id,
        attempt_id=attempt.id,
    )

    assert outcome is Taken.APPLIED
    assert going_home(sent) == "sent"
    (task,) = tasks(sent)
    assert (task.kind, task.detail["cause"]) == ("duplicate", "sent-twice")
    assert rows(sent, Attempt)[0].provider_id == attempt.provider_id


def test_an_id_that_belongs_to_another_attempt_stays_there(kit: Kit):
    enrol_many(kit, 2)
    tick(kit)
    one, other = sorted(rows(kit, Attempt), key=lambda attempt: attempt.provider_id)

    take(
        kit,
        Report(provider_id=one.provider_id, status=DELIVERED),
        provider="scripted",
        message_id=other.message_id,
        attempt_id=other.id,
    )

    by_id = {found.id: found.state for found in messages(kit)}
    assert (by_id[one.message_id], by_id[other.message_id]) == ("delivered", "sent")
    assert tasks(kit) == []


@pytest.mark.parametrize(
    "ids",
    [{}, {"message_id": uuid4(), "attempt_id": uuid4()}, {"message_id": uuid4()}],
    ids=["no ids", "ids of nobody", "half an address"],
)
def test_a_receipt_that_belongs_to_nothing_is_kept(kit: Kit, ids):
    report = Report(provider_id="NOBODY", status=DELIVERED)

    assert take(kit, report, provider="scripted", **ids) is Taken.PARKED
    assert sweep(kit, "apply-parked") == 0
    assert take(kit, report, provider="scripted", **ids) is Taken.REPEATED
    assert len(rows(kit, Receipt)) == 1


def test_a_receipt_of_another_provider_is_never_taken_for_ours(sent: Kit):
    (attempt,) = rows(sent, Attempt)

    outcome = take(
        sent,
        Report(provider_id=attempt.provider_id, status=DELIVERED),
        provider="elsewhere",
        message_id=attempt.message_id,
        attempt_id=attempt.id,
    )

    assert outcome is Taken.PARKED
    assert going_home(sent) == "sent"


def test_a_parked_receipt_is_applied_when_its_attempt_is_known(kit: Kit):
    enrol_one(kit)
    channel = sms_of(kit)
    channel.during_call = lambda outgoing: take(
        kit,
        Report(provider_id=f"SCsms000001-{outgoing.attempt_id.hex[:8]}", status=DELIVERED),
        provider="scripted",
    )
    tick(kit)
    assert going_home(kit) == "sent"

    assert sweep(kit, "apply-parked") == 1

    assert going_home(kit) == "delivered"
    assert rows(kit, Receipt)[0].attempt_id == rows(kit, Attempt)[0].id
    assert sweep(kit, "apply-parked") == 0


def test_parked_receipts_are_applied_once_by_two_sweeps_at_once(kit: Kit, monkeypatch):
    enrol_many(kit, 8)
    sms_of(kit).during_call = lambda outgoing: take(
        kit,
        Report(provider_id=f"EARLY{outgoing.attempt_id.hex}", status=DELIVERED),
        provider="scripted",
    )
    monkeypatch.setattr(sms_of(kit), "_take", _with_early_id(sms_of(kit)._take))
    tick(kit)
    together = Barrier(2)

    def apply(_):
        together.wait()
        return apply_parked(kit)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(apply, range(2)))

    assert actions(kit).count("message.delivered") == 8


def _with_early_id(take_in):
    def taking(outgoing):
        taken = take_in(outgoing)
        return replace(
            taken, report=replace(taken.report, provider_id=f"EARLY{outgoing.attempt_id.hex}")
        )

    return taking


def test_nothing_that_a_receipt_says_is_too_long_to_keep(sent: Kit):
    (attempt,) = rows(sent, Attempt)

    receipt(sent, FAILED, code="c" * 100, reason="r\0" * 500)
    take(sent, Report(provider_id="p" * 400, status=SENT), provider="scripted")

    kept = {one.provider_id[:1]: one for one in rows(sent, Receipt)}
    assert (kept["S"].code, kept["S"].reason) == ("c" * 40, "r" * 300)
    assert kept["p"].provider_id == "p" * 320
    assert attempt.id == kept["S"].attempt_id


def test_a_receipt_by_email_is_taken_alike(kit: Kit):
    enrolment_id = enrol_one(kit, channels=(EMAIL,))
    tick(kit)
    (taken,) = email_of(kit).taken.values()

    take(
        kit,
        email_of(kit).reaches(taken.id, FAILED, code="5.1.1", recipient=True),
        provider="scripted",
    )

    assert message(kit, enrolment_id, "going-home").state == "failed"
    assert rows(kit, Patient)[0].email_unusable == "5.1.1"
