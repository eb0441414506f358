"""The tick: what is due is claimed once, in order of urgency, and never when it may not go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from followup import dispatch
from followup.changes import pause
from followup.dispatch import claim_due, claims
from followup.kit import Kit
from followup.objections import lift, lodge
from followup.store.models import Enrolment, Message, Objection, Patient, Switch
from followup.store.types import new_id
from tests.kits import (
    a_message,
    actions,
    balance_is_even,
    clock_of,
    enrol_many,
    enrol_one,
    make_kit,
    message,
    messages,
    rows,
    state_of,
    tasks,
)
from tests.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def claimed(kit: Kit) -> list[UUID]:
    return [id_ for batch in claim_due(kit) for id_ in batch.message_ids]


def object_to(kit: Kit, channel, *, number: int = 0) -> None:
    with kit.store.write() as session:
        patient = session.query(Patient).order_by(Patient.id).all()[number]
        lodge(session, kit, kit.deed("patient"), patient=patient, channel=channel, source="sms")


def throw(kit: Kit, scope: str, value: str | None = None) -> None:
    with kit.store.write() as session:
        session.add(
            Switch(
                id=new_id(ENROLLED_AT),
                scope=scope,
                value=value,
                reason="test",
                thrown_at=ENROLLED_AT,
                thrown_by="cli:test",
            )
        )


# ---------------------------------------------------------------------------------- claims


def test_what_is_due_is_claimed_under_a_lease_in_real_time(kit: Kit):
    enrolment_id = enrol_one(kit)

    (batch,) = claim_due(kit)

    going_home = message(kit, enrolment_id, "going-home")
    assert batch.message_ids == (going_home.id,)
    assert going_home.state == "claimed"
    assert going_home.lease_token == batch.token
    assert going_home.lease_until == kit.clock.real_now() + kit.policy.lease
    assert actions(kit, going_home.id) == ["message.claimed"]


def test_a_tick_with_nothing_due_claims_nothing(kit: Kit):
    enrol_one(kit)
    claim_due(kit)

    assert claim_due(kit) == []


def test_the_most_urgent_go_first_and_then_the_longest_due(kit: Kit):
    kit = replace(kit, policy=replace(kit.policy, batch_size=1))
    ids = {
        name: a_message(kit, priority=priority, claimable_at=ENROLLED_AT - late, **_reply(kit))
        for name, priority, late in [
            ("routine", 7, HOUR),
            ("urgent, new", 1, timedelta()),
            ("urgent, old", 1, HOUR),
            ("answer", 0, timedelta()),
        ]
    }

    order = {id_: name for name, id_ in ids.items()}
    assert [order[id_] for id_ in claimed(kit)] == [
        "answer",
        "urgent, old",
        "urgent, new",
        "routine",
    ]


def _reply(kit: Kit) -> dict[str, Any]:
    sealed = kit.keyring.system.seal("+447700900123", column="messages.address")
    return {"address_sealed": sealed, "address_index": b"0" * 16}


def test_a_batch_is_handed_on_before_the_next_is_claimed(kit: Kit, monkeypatch):
    monkeypatch.setattr(dispatch, "CLAIM_SIZE", 2)
    for _ in range(4):
        a_message(kit, priority=0, claimable_at=ENROLLED_AT, **_reply(kit))

    first = next(claims(kit))

    states = {one.id: one.state for one in rows(kit, Message)}
    assert len(first.message_ids) == 2
    assert sorted(states.values()) == ["claimed", "claimed", "planned", "planned"]
    assert {states[id_] for id_ in first.message_ids} == {"claimed"}


def test_batches_hold_no_more_than_a_task_carries(kit: Kit):
    kit = replace(kit, policy=replace(kit.policy, batch_size=4))
    enrol_many(kit, 10)

    batches = claim_due(kit)

    assert [len(batch.message_ids) for batch in batches] == [4, 4, 2]
    assert len({batch.token for batch in batches}) == 3


def test_no_more_is_claimed_than_may_be_under_way(kit: Kit):
    kit = replace(kit, policy=replace(kit.policy, in_flight_limit=7))
    enrol_many(kit, 10)

    assert len(claimed(kit)) == 7
    assert claimed(kit) == []


def test_no_more_is_claimed_than_the_pace_lets_go_in_ten_seconds_or_a_batch(kit: Kit):
    slow = replace(kit.policy, per_second={SMS: 0.3, EMAIL: 0.3}, batch_size=2)
    enrol_many(kit, 20)

    assert len(claimed(replace(kit, policy=slow))) == 4
    assert len(claimed(replace(kit, policy=replace(slow, batch_size=10)))) == 6


def test_a_backlog_larger_than_one_transaction_is_claimed_in_several(kit: Kit, monkeypatch):
    monkeypatch.setattr(dispatch, "CLAIM_SIZE", 3)
    enrol_many(kit, 8)

    assert len(claimed(kit)) == 8


def test_a_tick_ends_also_over_a_backlog_without_end(kit: Kit, monkeypatch):
    monkeypatch.setattr(dispatch, "CLAIM_SIZE", 1)
    monkeypatch.setattr(dispatch, "MOST_CLAIMS", 3)
    enrol_many(kit, 5)

    assert len(claimed(kit)) == 3
    assert len(claimed(kit)) == 2


def test_four_ticks_at_once_claim_each_message_once(migrated_url: str):
    kit = make_kit(migrated_url, batch_size=7)
    enrol_many(kit, 60)
    together = Barrier(4)

    def claim(_):
        together.wait()
        return claimed(kit)

    with ThreadPoolExecutor(4) as pool:
        ids = [id_ for found in pool.map(claim, range(4)) for id_ in found]

    assert len(ids) == len(set(ids)) == 60
    kit.close()


# ------------------------------------------------------------------------------ the hours


def test_what_falls_due_at_night_waits_for_the_morning(kit: Kit):
    enrolment_id = enrol_one(kit, channels=(SMS,))
    dressing = message(kit, enrolment_id, "dressing")
    clock_of(kit).advance_to(PROCEDURE_AT + DAY + 8 * HOUR)

    assert dressing.id not in claimed(kit)

    after = message(kit, enrolment_id, "dressing")
    assert after.state == "planned"
    # 08:00 in Plymouth, still by summer time.
    assert after.claimable_at.isoformat() == "2026-10-21T07:00:00+00:00"
    clock_of(kit).advance_to(after.claimable_at)
    assert dressing.id in claimed(kit)


def test_what_has_no_sending_hour_left_expires_at_once(kit: Kit):
    enrolment_id = enrol_one(kit)
    clock_of(kit).advance_to(PROCEDURE_AT + 7 * HOUR)

    assert claimed(kit) == []

    going_home = message(kit, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("expired", "no-sending-hour")


def test_what_is_past_its_window_expires_and_is_not_claimed(kit: Kit):
    enrolment_id = enrol_one(kit)
    clock_of(kit).advance_to(PROCEDURE_AT + 12 * HOUR)

    assert claimed(kit) == []

    going_home = message(kit, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("expired", "window-over")
    assert tasks(kit) == []


def test_a_red_flag_that_was_missed_is_put_before_a_person(kit: Kit):
    enrolment_id = enrol_one(kit)
    red_flags = message(kit, enrolment_id, "red-flags")
    clock_of(kit).advance_to(red_flags.not_after)

    claim_due(kit)

    assert message(kit, enrolment_id, "red-flags").state == "expired"
    (task,) = tasks(kit)
    assert (task.kind, task.message_id, task.detail["step"]) == (
        "missed",
        red_flags.id,
        "red-flags",
    )
    balance_is_even(kit)


def test_an_answer_to_a_patient_goes_at_any_hour(kit: Kit):
    clock_of(kit).advance_to(ENROLLED_AT + 10 * HOUR)

    answer = a_message(kit, **_reply(kit))
    assert claimed(kit) == [answer]


def test_an_answer_without_an_address_is_not_sent(kit: Kit):
    answer = a_message(kit)

    assert claimed(kit) == []
    assert state_of(kit, answer) == "suppressed"


# ------------------------------------------------------------------- who may be written to


def test_a_pause_holds_what_falls_due(kit: Kit):
    enrolment_id = enrol_one(kit)
    pause(kit, enrolment_id, actor="cli:test")
    # As after a race: planned, though its enrolment is paused.
    with kit.store.write() as session:
        session.execute(update(Message).values(state="planned"))

    assert claimed(kit) == []
    assert message(kit, enrolment_id, "going-home").reason == "paused"


@pytest.mark.parametrize(
    ("values", "table", "reason"),
    [
        ({"state": "withdrawn"}, Enrolment, "withdrawn"),
        ({"deceased_at": ENROLLED_AT}, Patient, "patient-died"),
        ({"erased_at": ENROLLED_AT}, Patient, "erased"),
    ],
    ids=["withdrawn", "died", "erased"],
)
def test_nothing_goes_to_somebody_who_has_left(kit: Kit, values, table, reason):
    enrolment_id = enrol_one(kit)
    with kit.store.write() as session:
        session.execute(update(table).values(**values))

    assert claimed(kit) == []
    going_home = message(kit, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("cancelled", reason)


def test_an_objection_to_everything_cancels_what_is_planned(kit: Kit):
    enrolment_id = enrol_one(kit)

    object_to(kit, None)

    assert {one.state for one in messages(kit, enrolment_id)} == {"cancelled"}
    assert {one.reason for one in messages(kit, enrolment_id)} == {"objection"}
    balance_is_even(kit)


def test_an_objection_to_texts_sends_emails_instead(kit: Kit):
    enrolment_id = enrol_one(kit)
    object_to(kit, SMS)

    claim_due(kit)
    assert claimed(kit) == [message(kit, enrolment_id, "going-home", channel="email").id]

    text = message(kit, enrolment_id, "going-home", channel="sms")
    assert (text.state, text.reason) == ("suppressed", "objection-to-channel")
    assert tasks(kit) == []
    balance_is_even(kit)


def test_an_objection_to_the_only_channel_asks_nobody(kit: Kit):
    enrol_one(kit, channels=(SMS,))
    object_to(kit, SMS)

    assert claimed(kit) == []
    assert tasks(kit) == []
    balance_is_even(kit)


def test_an_objection_holds_for_the_number_whoever_is_enrolled_with_it(kit: Kit):
    enrol_one(kit, 1, channels=(SMS,), mobile="+447700900001")
    object_to(kit, SMS)
    other = enrol_one(kit, 2, channels=(SMS,), mobile="+447700900001")

    assert claimed(kit) == []
    assert message(kit, other, "going-home").reason == "objection-to-channel"


def test_an_objection_is_lodged_once_and_can_be_lifted(kit: Kit):
    enrol_one(kit, channels=(SMS,))
    object_to(kit, SMS)
    object_to(kit, SMS)
    assert len(rows(kit, Objection)) == 1

    with kit.store.write() as session:
        patient = session.query(Patient).one()
        assert lift(session, kit.deed("patient"), patient=patient, source="sms") == 1

    assert len(claimed(kit)) == 1
    assert actions(kit)[-2:] == ["objection.lifted", "message.claimed"]


def test_an_address_that_was_given_up_is_passed_over_for_the_other(kit: Kit):
    enrolment_id = enrol_one(kit)
    with kit.store.write() as session:
        session.execute(update(Patient).values(mobile_unusable="30006"))

    claim_due(kit)

    assert message(kit, enrolment_id, "going-home", channel="sms").reason == "address-unusable"
    assert message(kit, enrolment_id, "going-home", channel="email").state in {"planned", "claimed"}


def test_without_any_usable_address_a_person_is_asked(kit: Kit):
    enrol_one(kit)
    with kit.store.write() as session:
        session.execute(update(Patient).values(mobile_unusable="30006", email_unusable="550"))

    assert claimed(kit) == []

    (task,) = tasks(kit)
    assert (task.kind, task.detail["cause"]) == ("failed", "address-unusable")
    balance_is_even(kit)


def test_an_address_that_is_gone_is_no_error(kit: Kit):
    enrol_one(kit, channels=(SMS,))
    with kit.store.write() as session:
        session.execute(update(Patient).values(mobile_sealed=None))

    assert claimed(kit) == []
    assert tasks(kit)[0].detail["cause"] == "no-address"


@pytest.mark.parametrize(
    ("scope", "value", "holds"),
    [
        ("all", None, True),
        ("clinic", "derriford-pain", True),
        ("clinic", "elsewhere", False),
        ("protocol", "nerve-root-block", True),
        ("protocol", "elsewhere", False),
        ("step", "going-home", True),
        ("step", "dressing", False),
        ("channel", "sms", True),
        ("channel", "email", False),
    ],
    ids=str,
)
def test_a_kill_switch_holds_what_it_covers(sqlite_kit: Kit, scope, value, holds):
    kit = sqlite_kit
    enrolment_id = enrol_one(kit)
    throw(kit, scope, value)

    assert bool(claimed(kit)) is not holds

    going_home = message(kit, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == (
        ("held", "switch") if holds else ("claimed", None)
    )


def test_a_clinic_that_is_no_longer_configured_holds_its_messages(sqlite_kit: Kit):
    enrolment_id = enrol_one(sqlite_kit)
    without = replace(sqlite_kit, catalogue=replace(sqlite_kit.catalogue, clinics={}))

    assert claimed(without) == []
    assert message(sqlite_kit, enrolment_id, "going-home").reason == "clinic-not-configured"
