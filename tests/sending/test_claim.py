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

from followup.consent.objections import lift_objection, lodge_objection
from followup.context import AppContext
from followup.enrolment.pause import pause_enrolment
from followup.sending import claim as dispatch
from followup.sending.claim import claim_batches, claim_due
from followup.store.engine.types import new_id
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.operations import Switch
from followup.store.models.patients import Objection, Patient
from tests.support.apps import (
    a_message,
    actions,
    balance_is_even,
    clock_of,
    enrol_many,
    enrol_one,
    make_app,
    message,
    messages,
    rows,
    state_of,
    tasks,
)
from tests.support.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def claimed(app: AppContext) -> list[UUID]:
    return [id_ for batch in claim_due(app) for id_ in batch.message_ids]


def object_to(app: AppContext, channel, *, number: int = 0) -> None:
    with app.store.write() as session:
        patient = session.query(Patient).order_by(Patient.id).all()[number]
        lodge_objection(session, app.by("patient"), patient=patient, channel=channel, source="sms")


def throw(app: AppContext, scope: str, value: str | None = None) -> None:
    with app.store.write() as session:
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


def test_what_is_due_is_claimed_under_a_lease_in_real_time(app: AppContext):
    enrolment_id = enrol_one(app)

    (batch,) = claim_due(app)

    going_home = message(app, enrolment_id, "going-home")
    assert batch.message_ids == (going_home.id,)
    assert going_home.state == "claimed"
    assert going_home.lease_token == batch.token
    assert going_home.lease_until == app.clock.real_now() + app.policy.lease
    assert actions(app, going_home.id) == ["message.claimed"]


def test_a_tick_with_nothing_due_claims_nothing(app: AppContext):
    enrol_one(app)
    claim_due(app)

    assert claim_due(app) == []


def test_the_most_urgent_go_first_and_then_the_longest_due(app: AppContext):
    app = replace(app, policy=replace(app.policy, batch_size=1))
    ids = {
        name: a_message(app, priority=priority, claimable_at=ENROLLED_AT - late, **_reply(app))
        for name, priority, late in [
            ("routine", 7, HOUR),
            ("urgent, new", 1, timedelta()),
            ("urgent, old", 1, HOUR),
            ("answer", 0, timedelta()),
        ]
    }

    order = {id_: name for name, id_ in ids.items()}
    assert [order[id_] for id_ in claimed(app)] == [
        "answer",
        "urgent, old",
        "urgent, new",
        "routine",
    ]


def _reply(app: AppContext) -> dict[str, Any]:
    sealed = app.keyring.system.seal("+447700900123", column="messages.address")
    return {"address_sealed": sealed, "address_index": b"0" * 16}


def test_a_batch_is_handed_on_before_the_next_is_claimed(app: AppContext, monkeypatch):
    monkeypatch.setattr(dispatch, "CLAIM_SIZE", 2)
    for _ in range(4):
        a_message(app, priority=0, claimable_at=ENROLLED_AT, **_reply(app))

    first = next(claim_batches(app))

    states = {one.id: one.state for one in rows(app, Message)}
    assert len(first.message_ids) == 2
    assert sorted(states.values()) == ["claimed", "claimed", "planned", "planned"]
    assert {states[id_] for id_ in first.message_ids} == {"claimed"}


def test_batches_hold_no_more_than_a_task_carries(app: AppContext):
    app = replace(app, policy=replace(app.policy, batch_size=4))
    enrol_many(app, 10)

    batches = claim_due(app)

    assert [len(batch.message_ids) for batch in batches] == [4, 4, 2]
    assert len({batch.token for batch in batches}) == 3


def test_no_more_is_claimed_than_may_be_under_way(app: AppContext):
    app = replace(app, policy=replace(app.policy, in_flight_limit=7))
    enrol_many(app, 10)

    assert len(claimed(app)) == 7
    assert claimed(app) == []


def test_no_more_is_claimed_than_the_pace_lets_go_in_ten_seconds_or_a_batch(app: AppContext):
    slow = replace(app.policy, per_second={SMS: 0.3, EMAIL: 0.3}, batch_size=2)
    enrol_many(app, 20)

    assert len(claimed(replace(app, policy=slow))) == 4
    assert len(claimed(replace(app, policy=replace(slow, batch_size=10)))) == 6


def test_a_backlog_larger_than_one_transaction_is_claimed_in_several(app: AppContext, monkeypatch):
    monkeypatch.setattr(dispatch, "CLAIM_SIZE", 3)
    enrol_many(app, 8)

    assert len(claimed(app)) == 8


def test_a_tick_ends_also_over_a_backlog_without_end(app: AppContext, monkeypatch):
    monkeypatch.setattr(dispatch, "CLAIM_SIZE", 1)
    monkeypatch.setattr(dispatch, "MOST_CLAIMS", 3)
    enrol_many(app, 5)

    assert len(claimed(app)) == 3
    assert len(claimed(app)) == 2


def test_four_ticks_at_once_claim_each_message_once(migrated_url: str):
    app = make_app(migrated_url, batch_size=7)
    enrol_many(app, 60)
    together = Barrier(4)

    def claim(_):
        together.wait()
        return claimed(app)

    with ThreadPoolExecutor(4) as pool:
        ids = [id_ for found in pool.map(claim, range(4)) for id_ in found]

    assert len(ids) == len(set(ids)) == 60
    app.close()


# ------------------------------------------------------------------------------ the hours


def test_what_falls_due_at_night_waits_for_the_morning(app: AppContext):
    enrolment_id = enrol_one(app, channels=(SMS,))
    dressing = message(app, enrolment_id, "dressing")
    clock_of(app).advance_to(PROCEDURE_AT + DAY + 8 * HOUR)

    assert dressing.id not in claimed(app)

    after = message(app, enrolment_id, "dressing")
    assert after.state == "planned"
    # 08:00 in Plymouth, still by summer time.
    assert after.claimable_at.isoformat() == "2026-10-21T07:00:00+00:00"
    clock_of(app).advance_to(after.claimable_at)
    assert dressing.id in claimed(app)


def test_what_has_no_sending_hour_left_expires_at_once(app: AppContext):
    enrolment_id = enrol_one(app)
    clock_of(app).advance_to(PROCEDURE_AT + 7 * HOUR)

    assert claimed(app) == []

    going_home = message(app, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("expired", "no-sending-hour")


def test_what_is_past_its_window_expires_and_is_not_claimed(app: AppContext):
    enrolment_id = enrol_one(app)
    clock_of(app).advance_to(PROCEDURE_AT + 12 * HOUR)

    assert claimed(app) == []

    going_home = message(app, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("expired", "window-over")
    assert tasks(app) == []


def test_a_red_flag_that_was_missed_is_put_before_a_person(app: AppContext):
    enrolment_id = enrol_one(app)
    red_flags = message(app, enrolment_id, "red-flags")
    clock_of(app).advance_to(red_flags.not_after)

    claim_due(app)

    assert message(app, enrolment_id, "red-flags").state == "expired"
    (task,) = tasks(app)
    assert (task.kind, task.message_id, task.detail["step"]) == (
        "missed",
        red_flags.id,
        "red-flags",
    )
    balance_is_even(app)


def test_an_answer_to_a_patient_goes_at_any_hour(app: AppContext):
    clock_of(app).advance_to(ENROLLED_AT + 10 * HOUR)

    answer = a_message(app, **_reply(app))
    assert claimed(app) == [answer]


def test_an_answer_without_an_address_is_not_sent(app: AppContext):
    answer = a_message(app)

    assert claimed(app) == []
    assert state_of(app, answer) == "suppressed"


# ------------------------------------------------------------------- who may be written to


def test_a_pause_holds_what_falls_due(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")
    # As after a race: planned, though its enrolment is paused.
    with app.store.write() as session:
        session.execute(update(Message).values(state="planned"))

    assert claimed(app) == []
    assert message(app, enrolment_id, "going-home").reason == "paused"


@pytest.mark.parametrize(
    ("values", "table", "reason"),
    [
        ({"state": "withdrawn"}, Enrolment, "withdrawn"),
        ({"deceased_at": ENROLLED_AT}, Patient, "patient-died"),
        ({"erased_at": ENROLLED_AT}, Patient, "erased"),
    ],
    ids=["withdrawn", "died", "erased"],
)
def test_nothing_goes_to_somebody_who_has_left(app: AppContext, values, table, reason):
    enrolment_id = enrol_one(app)
    with app.store.write() as session:
        session.execute(update(table).values(**values))

    assert claimed(app) == []
    going_home = message(app, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("cancelled", reason)


def test_an_objection_to_everything_cancels_what_is_planned(app: AppContext):
    enrolment_id = enrol_one(app)

    object_to(app, None)

    assert {one.state for one in messages(app, enrolment_id)} == {"cancelled"}
    assert {one.reason for one in messages(app, enrolment_id)} == {"objection"}
    balance_is_even(app)


def test_an_objection_to_texts_sends_emails_instead(app: AppContext):
    enrolment_id = enrol_one(app)
    object_to(app, SMS)

    claim_due(app)
    assert claimed(app) == [message(app, enrolment_id, "going-home", channel="email").id]

    text = message(app, enrolment_id, "going-home", channel="sms")
    assert (text.state, text.reason) == ("suppressed", "objection-to-channel")
    assert tasks(app) == []
    balance_is_even(app)


def test_an_objection_to_the_only_channel_asks_nobody(app: AppContext):
    enrol_one(app, channels=(SMS,))
    object_to(app, SMS)

    assert claimed(app) == []
    assert tasks(app) == []
    balance_is_even(app)


def test_an_objection_holds_for_the_number_whoever_is_enrolled_with_it(app: AppContext):
    enrol_one(app, 1, channels=(SMS,), mobile="+447700900001")
    object_to(app, SMS)
    other = enrol_one(app, 2, channels=(SMS,), mobile="+447700900001")

    assert claimed(app) == []
    assert message(app, other, "going-home").reason == "objection-to-channel"


def test_an_objection_is_lodged_once_and_can_be_lifted(app: AppContext):
    enrol_one(app, channels=(SMS,))
    object_to(app, SMS)
    object_to(app, SMS)
    assert len(rows(app, Objection)) == 1

    with app.store.write() as session:
        patient = session.query(Patient).one()
        assert lift_objection(session, app.by("patient"), patient=patient, source="sms") == 1

    assert len(claimed(app)) == 1
    assert actions(app)[-2:] == ["objection.lifted", "message.claimed"]


def test_an_address_that_was_given_up_is_passed_over_for_the_other(app: AppContext):
    enrolment_id = enrol_one(app)
    with app.store.write() as session:
        session.execute(update(Patient).values(mobile_unusable="30006"))

    claim_due(app)

    assert message(app, enrolment_id, "going-home", channel="sms").reason == "address-unusable"
    assert message(app, enrolment_id, "going-home", channel="email").state in {"planned", "claimed"}


def test_without_any_usable_address_a_person_is_asked(app: AppContext):
    enrol_one(app)
    with app.store.write() as session:
        session.execute(update(Patient).values(mobile_unusable="30006", email_unusable="550"))

    assert claimed(app) == []

    (task,) = tasks(app)
    assert (task.kind, task.detail["cause"]) == ("failed", "address-unusable")
    balance_is_even(app)


def test_an_address_that_is_gone_is_no_error(app: AppContext):
    enrol_one(app, channels=(SMS,))
    with app.store.write() as session:
        session.execute(update(Patient).values(mobile_sealed=None))

    assert claimed(app) == []
    assert tasks(app)[0].detail["cause"] == "no-address"


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
def test_a_kill_switch_holds_what_it_covers(sqlite_app: AppContext, scope, value, holds):
    app = sqlite_app
    enrolment_id = enrol_one(app)
    throw(app, scope, value)

    assert bool(claimed(app)) is not holds

    going_home = message(app, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == (
        ("held", "switch") if holds else ("claimed", None)
    )


def test_a_clinic_that_is_no_longer_configured_holds_its_messages(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app)
    without = replace(sqlite_app, catalogue=replace(sqlite_app.catalogue, clinics={}))

    assert claimed(without) == []
    assert message(sqlite_app, enrolment_id, "going-home").reason == "clinic-not-configured"
